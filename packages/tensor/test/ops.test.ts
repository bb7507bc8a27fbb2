/**
 * Operations against PyTorch: with first and second derivatives on the reference backend, results on the CPU, special
 * values on WebGPU. `ops.deep.ts` has everything on every backend.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as k from '../src/index.ts'
import { expectPyTorch, opCases } from './ops-cases.ts'

const devices: Record<string, k.Device> = {}
beforeAll(async () => {
  for (const backend of ['reference', 'cpu', 'webgpu'] as const)
    devices[backend] = await k.init(backend === 'cpu' ? { backend, threads: 1 } : { backend })
})
afterAll(() => {
  for (const d of Object.values(devices)) d.dispose()
})

describe('reference', () => {
  test.each(opCases)('$title', (c) => expectPyTorch(c, devices.reference, 2))
})
describe('cpu', () => {
  test.each(opCases)('$title', (c) => expectPyTorch(c, devices.cpu, 0))
})
describe('webgpu', () => {
  test.each(opCases.filter(({ name }) => /special|sort|einsum|conv|Pool/.test(name)))('$title', (c) =>
    expectPyTorch(c, devices.webgpu, 0),
  )
})

test('every case calls an operation that there is', () => {
  const words = new Set(opCases.map(({ name }) => name.split(' ')[0]))
  expect([...words].filter((word) => !(word in k))).toEqual([])
})
