/** Samples of ops on a device, and tolerances. */
import { expect } from 'vitest'
import { findAdapter } from '../src/backends/webgpu/adapter.ts'
import { WebGpuBackend } from '../src/backends/webgpu/webgpu-backend.ts'
import { Device } from '../src/device.ts'
import { type DType, isFloat } from '../src/dtype.ts'
import type { Op, Sample } from '../src/op.ts'
import { apply, type Tensor } from '../src/tensor.ts'
import { pullBack } from '../src/transforms/vjp.ts'

/** A small generator with a fixed sequence (mulberry32), so that every run sees the same cases. */
export function random(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = a
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Input values of a sample: uniform in the range, integers for integer dtypes. */
export function valuesOf(sample: Sample, seed: number): Float64Array[] {
  const next = random(seed)
  return sample.inputs.map(({ shape, dtype, range = [-2, 2] }) => {
    const n = shape.reduce((a, b) => a * b, 1)
    const integer = dtype === 'int32' || dtype === 'uint32'
    return Float64Array.from({ length: n }, () => {
      const x = range[0] + next() * (range[1] - range[0])
      return integer ? Math.floor(x) : x
    })
  })
}

export function nameOf(op: Op<any>, sample: Sample): string {
  const inputs = sample.inputs.map((i) => `${i.dtype ?? 'float32'}[${i.shape.join(',')}]`).join(' ')
  return `${op.name} ${inputs}${sample.attrs ? ` ${JSON.stringify(sample.attrs)}` : ''}`
}

/** Largest allowed difference of two results, relative to the largest value around. */
export function toleranceOf(dtype: DType, sample: Sample): number {
  if (dtype === 'int32' || dtype === 'uint32') return 0
  if (dtype === 'float32') return sample.tolerance ?? 1e-5
  return dtype === 'float16' ? 2 ** -10 : dtype === 'bfloat16' ? 2 ** -7 : 2 ** -3
}

export function inputsOn(device: Device, sample: Sample, values: Float64Array[]): Tensor[] {
  return sample.inputs.map(({ shape, dtype }, i) => device.tensor(values[i], shape, dtype ?? 'float32'))
}

export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  expect(actual.length, what).toBe(expected.length)
  let scale = 1e-6
  for (let i = 0; i < expected.length; i++)
    if (Number.isFinite(expected[i])) scale = Math.max(scale, Math.abs(expected[i]))
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i])
    if (!(difference <= tolerance * scale) && !Object.is(actual[i], expected[i])) {
      throw new Error(
        `${what}: element ${i} is ${actual[i]}, expected ${expected[i]} (tolerance ${tolerance} of ${scale})`,
      )
    }
  }
}

/**
 * The kernels that a hardware GPU would get, on the adapter of a WebGPU device: workgroups share rows and tiles. Both
 * use one GPUDevice and its pipelines, so that shaders that they have in common are compiled once.
 */
export async function asHardware(on: Device): Promise<Device> {
  const { description, release } = await findAdapter()
  release()
  const { device, pipelines } = on.backend as unknown as { device: GPUDevice; pipelines: unknown }
  const backend = new WebGpuBackend(device, { ...description, software: false, subgroupSize: 0 }, false)
  return new Device(Object.assign(backend, { pipelines }))
}

/** Every output of an op on a device, against the reference. */
export async function expectDefinition(op: Op<any>, sample: Sample, device: Device, reference: Device): Promise<void> {
  const values = valuesOf(sample, 7)
  const attrs = sample.attrs ?? {}
  const expected = apply(op, inputsOn(reference, sample, values), attrs)
  const actual = apply(op, inputsOn(device, sample, values), attrs)
  await reference.evaluate(expected)
  await device.evaluate(actual)
  for (let k = 0; k < expected.length; k++) {
    expectClose(await actual[k].data(), await expected[k].data(), toleranceOf(expected[k].dtype, sample), `output ${k}`)
  }
}

export const isDifferentiable = (op: Op<any>, sample: Sample): boolean =>
  sample.differentiable !== false &&
  Boolean(op.gradient || op.definition) &&
  sample.inputs.some((i) => (i.dtype ?? 'float32') === 'float32')

/** Ops whose extra outputs (log-sum-exp, 1 / rms) serve the gradient itself and have none. */
const firstOnly = new Set(['attention', 'rmsNorm', 'crossEntropy', 'linearCrossEntropy', 'topK'])

/** Sum of every float output times fixed random weights: a scalar whose gradient exercises all outputs. */
export function weighted(outs: readonly Tensor[], device: Device, op: Op<any>): Tensor {
  const next = random(99)
  const weights = (size: number) => Float64Array.from({ length: size }, () => next() - 0.5)
  return outs
    .filter((o) => isFloat(o.dtype))
    .slice(0, firstOnly.has(op.name) ? 1 : undefined)
    .map((o) => o.mul(device.tensor(weights(o.size), o.shape)).sum())
    .reduce((a, b) => a.add(b))
}

/** The gradients of all inputs on a device, against the reference. */
export async function expectGradients(op: Op<any>, sample: Sample, device: Device, reference: Device): Promise<void> {
  const values = valuesOf(sample, 13)
  const gradientsOn = async (d: Device): Promise<(Tensor | undefined)[]> => {
    const ins = inputsOn(d, sample, values)
    const grads = pullBack([weighted(apply(op, ins, sample.attrs ?? {}), d, op)], [d.tensor(1)], ins, d)
    const owned = grads.map((g) => g && (g.device ? g : g.add(d.tensor(0))))
    await d.evaluate(owned.filter((g) => g !== undefined))
    return owned
  }
  const [expected, actual] = [await gradientsOn(reference), await gradientsOn(device)]
  for (const [i, e] of expected.entries()) {
    if (!e || !isFloat(e.dtype)) continue
    const tolerance = (sample.tolerance ?? 1e-5) * 5
    expectClose(await actual[i]!.data(), await e.data(), tolerance, `gradient of input ${i}`)
  }
}
