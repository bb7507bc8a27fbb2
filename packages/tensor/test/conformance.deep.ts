/**
 * Every sample with the kernels of a hardware GPU, and its gradients on WebGPU: conformance.test.ts leaves tiled
 * matmuls out, and takes one sample of each op for the gradients.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Device, init } from '../src/index.ts'
import { asHardware, expectDefinition, expectGradients, isDifferentiable, nameOf } from './conformance-cases.ts'
import { opTable } from './op-table.ts'

let reference: Device
let webgpu: Device
let hardware: Device
beforeAll(async () => {
  reference = await init({ backend: 'reference' })
  webgpu = await init({ backend: 'webgpu' })
  hardware = await asHardware(webgpu)
})
afterAll(() => {
  for (const device of [reference, hardware, webgpu]) device.dispose()
})

const cases = opTable.flatMap((op) => (op.samples ?? []).map((sample) => ({ op, sample, name: nameOf(op, sample) })))

test('tiled products are among them', () => {
  for (const name of ['matmul', 'scaledMatmul', 'groupedMatmul', 'groupedOuter', 'attention'])
    expect(cases.some(({ op }) => op.name === name)).toBe(true)
})

test.each(cases)('$name', ({ op, sample }) => expectDefinition(op, sample, hardware, reference))

test.each(cases.filter(({ op, sample }) => isDifferentiable(op, sample)))('gradients on WebGPU: $name', (c) =>
  expectGradients(c.op, c.sample, webgpu, reference),
)
