/** Rows without elements: no division by zero, and no thread pool that is given NaN and never returns. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CpuBackend } from '../src/backends/cpu/cpu-backend.ts'
import type { CpuMachine } from '../src/backends/cpu/cpu-program.ts'
import {
  all,
  any,
  attention,
  crossEntropy,
  type Device,
  init,
  linearCrossEntropy,
  rmsNorm,
  trace,
} from '../src/index.ts'

const backends = ['reference', 'cpu', 'webgpu'] as const
const devices: Device[] = []
beforeAll(async () => {
  for (const backend of backends) devices.push(await init({ backend, ...(backend === 'cpu' ? { threads: 2 } : {}) }))
})
afterAll(() => {
  for (const d of devices) d.dispose()
})

test('rmsNorm of rows without elements returns', async () => {
  for (const d of devices) {
    const x = d.tensor([], [2, 0])
    expect([...(await rmsNorm(x, d.tensor([], [0])).data())], d.kind).toEqual([])
    expect([...(await rmsNorm(d.tensor([], [0, 3]), d.tensor([1, 1, 1])).data())], d.kind).toEqual([])
  }
})

test('sums of elementwise work over nothing are 0', async () => {
  for (const d of devices) {
    expect([...(await trace(d.tensor([], [3, 2, 0])).data())], d.kind).toEqual([0, 0, 0])
    expect(await any(d.tensor([], [0, 3])).data(), d.kind).toEqual(Uint32Array.of(0))
    expect(await all(d.tensor([], [0, 3])).data(), d.kind).toEqual(Uint32Array.of(1))
  }
})

test('losses over an empty vocabulary and attention without keys are refused', () => {
  for (const d of devices) {
    const ids = d.tensor(Int32Array.of(0, 0))
    expect(() => crossEntropy(d.tensor([], [2, 0]), ids)).toThrow(/crossEntropy: needs a last axis .*got \[2, 0\]/)
    expect(() => linearCrossEntropy(d.tensor([1, 2], [2, 1]), d.tensor([], [0, 1]), ids, { chunk: 2 })).toThrow(
      /at least one row, got \[0, 1\]/,
    )
    const q = d.tensor([0, 0, 0, 0], [1, 1, 1, 4])
    const none = d.tensor([], [1, 0, 1, 4])
    expect(() => attention(q, none, none, { causal: false })).toThrow(/needs at least one key/)
  }
})

test('the thread pool refuses counts and grains that are no numbers', async () => {
  const backend = await CpuBackend.create({ threads: 2 })
  const { pool } = (backend as unknown as { machine: CpuMachine }).machine
  const id = pool.kernel('sumRows')
  for (const count of [NaN, Infinity, 1.5]) expect(() => pool.run(id, count, 1, [0, 0, 0], -1, 0)).toThrow(/sumRows/)
  expect(() => pool.run(id, 4, NaN, [0, 0, 0], -1, 0)).toThrow(/sumRows/)
  backend.destroy()
})
