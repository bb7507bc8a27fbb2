import type { DType } from '../src/dtype.ts'
import type { Op, Sample } from '../src/op.ts'

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
