/** Measured choice of kernels, saved tuning, and profiles. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  attention,
  chromeTrace,
  compile,
  type Device,
  init,
  matmul,
  profile,
  profileRows,
  profileTable,
  type Tensor,
} from '../src/index.ts'
import { chainRate, passRate } from '../src/profile/profile.ts'

let device: Device
beforeAll(async () => {
  device = await init({ backend: 'webgpu' })
})
afterAll(() => device.dispose())

const wave = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i))

test('tune() measures every kernel of a case, and the program takes the best', async () => {
  // Of other tests in this process, on the same adapter.
  const earlier = device.tuning.choices
  const f = compile((a: Tensor, b: Tensor) => matmul(a, b).add(1))
  const a = device.tensor(wave(48 * 48), [48, 48])
  const before = await (await f(a, a)).data()
  const cases = await f.tune(a, a)
  expect(cases).toHaveLength(1)
  const [{ key, chosen, microseconds }] = cases
  expect(key).toBe('matmul 1x48x48x48 NN float32*float32')
  expect(Object.keys(microseconds)).toEqual(
    expect.arrayContaining(['subgroup 8x4', 'shared 4x4', 'direct 4x4 vec4', 'direct 4x4']),
  )
  for (const t of Object.values(microseconds)) expect(t).toBeGreaterThan(0)
  expect(microseconds[chosen]).toBe(Math.min(...Object.values(microseconds)))
  const after = await (await f(a, a)).data()
  expect(f.explain()).toContain(`${key}: ${chosen} (measured)`)
  after.forEach((x, i) => {
    expect(Math.abs(x - before[i])).toBeLessThan(1e-4)
  })

  // The choice holds for the adapter, and goes with `Device.tuning` into another process.
  const choices = { ...earlier, [key]: chosen }
  expect(device.tuning).toEqual({ adapter: expect.stringMatching(/\w/), choices })
  const second = await init({ backend: 'webgpu' })
  expect(second.tuning).toEqual(device.tuning)
  second.dispose()
  f.dispose()
})

test('saved tuning is taken on its own adapter only, and a pinned kernel goes before it', async () => {
  const key = 'matmul 1x44x44x44 NN float32*float32'
  const saved = { adapter: device.tuning.adapter, choices: { [key]: 'direct 4x4' } }
  const explain = async (options: object) => {
    const d = await init({ backend: 'webgpu', ...options })
    const f = compile((a: Tensor) => matmul(a, a))
    await f(d.tensor(wave(44 * 44), [44, 44]))
    const text = f.explain()
    d.dispose()
    return text
  }
  expect(await explain({ tuning: { ...saved, adapter: 'another' } })).not.toContain(`${key}: direct 4x4 (measured)`)
  expect(await explain({ tuning: saved })).toContain(`${key}: direct 4x4 (measured)`)
  expect(await explain({ tuning: saved, kernels: { matmul: 'direct 4x4 vec4' } })).toContain(`${key}: direct 4x4 vec4`)
  await expect(init({ backend: 'webgpu', tuning: 3 as never })).rejects.toThrow(
    /tuning must be a value of Device.tuning/,
  )
})

test('attention is tuned too, forward and backward apart', async () => {
  const f = compile((x: Tensor) => attention(x, x, x))
  // The tiled variant, which a software adapter takes seconds to compile, does not support heads of 20.
  const x = device.tensor(wave(32 * 20), [1, 32, 1, 20])
  const [{ key, microseconds }] = await f.tune(x)
  expect(key).toMatch(/^attention forward 1x32x1x20 over 32x1 causal/)
  expect(Object.keys(microseconds)).toEqual(['blocked', 'rows'])
  f.dispose()
})

test('the rates of a fast device are those of one kernel that hardly touches memory, and of one that only does', async () => {
  const chains = await chainRate(device, [64, 96], true)
  expect(chains.kernels).toHaveLength(1)
  const [{ bytes }] = chains.kernels
  // A scalar takes 16 bytes.
  expect(bytes).toBe(4 * (64 + 96 + 64) + 2 * 16)
  const stored = await chainRate(device, [1, 64 * 96], false)
  expect(stored.kernels.map((k) => k.bytes)).toEqual([8 * 64 * 96 + 2 * 16])
  const pass = await passRate(device, 4096)
  expect(pass.kernels.map((k) => k.bytes)).toEqual([4 * 4096])
  for (const { rate, microseconds } of [chains, stored, pass]) {
    expect(microseconds).toBeGreaterThan(0)
    expect(rate).toBeGreaterThan(0)
  }
})

test.each(['cpu', 'webgpu'] as const)('a profile on %s has every kernel with its time and work', async (backend) => {
  const d = await init({ backend })
  const f = compile((a: Tensor) => matmul(a, a).sum())
  const a = d.tensor(wave(64 * 64), [64, 64])
  await (await f(a)).item()
  const result = await profile(d, async () => (await f(a)).dispose(), { ceilings: true })
  const rows = profileRows(result)
  const product = rows.find((r) => r.name.startsWith('matmul') && r.gflops > 0)!
  expect(product.count).toBe(1)
  expect(product.gflops * product.ms * 1e6).toBeCloseTo(2 * 64 ** 3, -1)
  expect(rows.reduce((sum, r) => sum + r.share, 0)).toBeCloseTo(1, 6)
  expect(result.ceilings!.gflops).toBeGreaterThan(0)
  expect(result.ceilings!.gigabytes).toBeGreaterThan(0)
  expect(profileTable(result)).toMatch(/ceilings: [\d.]+ GFLOP\/s/)
  const trace = JSON.parse(chromeTrace(result))
  const events = trace.traceEvents.filter((e: { ph: string }) => e.ph === 'X')
  expect(events).toHaveLength(result.kernels.length)
  for (const e of events) expect(e.dur).toBeGreaterThanOrEqual(0)
  // Outside of a profile nothing is recorded.
  await (await f(a)).item()
  expect(result.kernels).toHaveLength(events.length)
  d.dispose()
})
