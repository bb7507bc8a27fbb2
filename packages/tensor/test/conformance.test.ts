/**
 * Every op on its samples: backends against the definition, gradients against finite differences and between backends.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ReferenceBackend } from '../src/backends/reference/reference-backend.ts'
import { Device } from '../src/device.ts'
import { type Device as DeviceType, init } from '../src/index.ts'
import { apply, type Tensor } from '../src/tensor.ts'
import { pullBack } from '../src/transforms/vjp.ts'
import {
  asHardware,
  expectDefinition,
  expectGradients,
  isDifferentiable,
  nameOf,
  random,
  valuesOf,
  weighted,
} from './conformance-cases.ts'
import { opTable } from './op-table.ts'

const cases = opTable.flatMap((op) => (op.samples ?? []).map((sample) => ({ op, sample, name: nameOf(op, sample) })))
const backends = ['cpu', 'webgpu'] as const
const devices: Record<string, DeviceType> = {}

beforeAll(async () => {
  devices.reference = await init({ backend: 'reference' })
  devices.double = new Device(new ReferenceBackend({ double: true }))
  devices.cpu = await init({ backend: 'cpu' })
  devices.webgpu = await init({ backend: 'webgpu' })
  devices.gpu = await asHardware(devices.webgpu)
})

afterAll(() => {
  for (const d of Object.values(devices)) d.dispose()
})

test('every op that is not a leaf or an inner gradient has samples, and names are unique', () => {
  expect(new Set(opTable.map((o) => o.name)).size).toBe(opTable.length)
  const without = opTable.filter((o) => o.kind !== 'leaf' && !o.samples?.length).map((o) => o.name)
  expect(without).toEqual(['attentionGradient', 'linearCrossEntropyGradient'])
})

// Tiled products and attention have tests of their own (matmul-variants, attention-variants), and grouped products take
// two samples here, the largest and one of narrow operands: the rest of their cases would only spend time in the shader
// compiler. conformance.deep.ts takes them all.
const largest = new Set(
  ['groupedMatmul', 'groupedOuter'].flatMap((name) => {
    const grouped = cases.filter(({ op }) => op.name === name)
    const sizeOf = ({ sample }: (typeof cases)[number]) => sample.inputs[0].shape.reduce((a, b) => a * b, 1)
    const narrow = grouped.find(({ sample }) => sample.inputs[0].dtype === 'bfloat16')!
    return [grouped.reduce((a, b) => (sizeOf(b) > sizeOf(a) ? b : a)), narrow]
  }),
)
const forHardware = cases.filter((c) => {
  const { kind, name } = c.op
  if (kind === 'elementwise' || /^(matmul|attention)/.test(name)) return false
  return !/^(scaledMatmul|grouped)/.test(name) || largest.has(c)
})

describe.each(['cpu', 'webgpu', 'gpu'])('%s agrees with the definitions', (backend) => {
  test.each(backend === 'gpu' ? forHardware : cases)('$name', ({ op, sample }) =>
    expectDefinition(op, sample, devices[backend], devices.reference),
  )
})

const differentiable = cases.filter(({ op, sample }) => isDifferentiable(op, sample))
const sizeOf = ({ sample }: (typeof cases)[number]) =>
  sample.inputs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
/** On WebGPU the largest sample of each op; conformance.deep.ts takes them all. */
const gradientCases = (backend: (typeof backends)[number]) =>
  backend === 'cpu'
    ? differentiable
    : differentiable.filter((c) => differentiable.every((other) => other.op !== c.op || sizeOf(other) <= sizeOf(c)))

describe('gradients', () => {
  test.each(differentiable)('finite differences: $name', async ({ op, sample }) => {
    const device = devices.double
    const values = valuesOf(sample, 11)
    const attrs = sample.attrs ?? {}
    const loss = async (v: Float64Array[]): Promise<number> => {
      const out = weighted(
        apply(
          op,
          v.map((x, i) => exact(device, x, sample.inputs[i])),
          attrs,
        ),
        device,
        op,
      )
      await out.evaluate()
      return (device.backend as ReferenceBackend).exactValues(out.value.storage!.buffer!)![0]
    }
    const ins = values.map((x, i) => exact(device, x, sample.inputs[i]))
    const out = weighted(apply(op, ins, attrs), device, op)
    const grads = pullBack([out], [device.tensor(1)], ins, device)
    const h = 1e-5
    for (let i = 0; i < ins.length; i++) {
      if ((sample.inputs[i].dtype ?? 'float32') !== 'float32') continue
      const g = grads[i]
      if (!g) continue
      expect(g.shape, `gradient of input ${i}`).toEqual(ins[i].shape)
      const analytic = await g.data()
      const pick = random(i + 3)
      const count = Math.min(values[i].length, 6)
      for (let c = 0; c < count; c++) {
        const at = Math.floor(pick() * values[i].length)
        const moved = (d: number) => loss(values.map((x, k) => (k === i ? x.map((y, j) => (j === at ? y + d : y)) : x)))
        const numeric = ((await moved(h)) - (await moved(-h))) / (2 * h)
        expect(
          Math.abs(numeric - analytic[at]),
          `d output / d input ${i}[${at}]: numeric ${numeric}, analytic ${analytic[at]}`,
        ).toBeLessThan(2e-4 * Math.max(1, Math.abs(numeric)))
      }
    }
  })

  test.each(backends.flatMap((backend) => gradientCases(backend).map((c) => ({ ...c, backend }))))(
    '$backend: $name',
    ({ op, sample, backend }) => expectGradients(op, sample, devices[backend], devices.reference),
  )
})

/** An input whose values the double-precision reference keeps exactly. */
function exact(device: DeviceType, values: Float64Array, spec: { shape: readonly number[]; dtype?: any }): Tensor {
  const t = device.tensor(values, spec.shape, spec.dtype ?? 'float32')
  if ((spec.dtype ?? 'float32') === 'float32') {
    const storage = t.value.storage!
    ;(device.bufferOf(storage) as { exact?: Float64Array }).exact = values.slice()
  }
  return t
}
