import { requireTensor, shown } from '../arguments.ts'
import { lazyKernels } from '../backends/kernel-source.ts'
import { bytesPerElement, promote } from '../dtype.ts'
import { ShapeError } from '../errors.ts'
import { defineOp } from '../op.ts'
import { elementCount, formatShape, normalizeAxis } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'
import { cast } from './cast.ts'
import { sliceAxis } from './slice.ts'

export const concatenateOp = defineOp<{ axis: number }>({
  name: 'concatenate',
  kind: 'kernel',
  infer(inputs, { axis }) {
    const shape = [...inputs[0].shape]
    shape[axis] = 0
    for (const x of inputs) {
      if (x.shape.length !== shape.length || x.shape.some((d, i) => i !== axis && d !== shape[i])) {
        throw new ShapeError(
          `concatenate: ${inputs.map((s) => formatShape(s.shape)).join(', ')} differ outside axis ${axis}`,
        )
      }
      shape[axis] += x.shape[axis]
    }
    return [{ shape, dtype: inputs[0].dtype }]
  },
  gradient: ({ inputs, grads: [g], attrs: { axis } }) => {
    let at = 0
    return inputs.map((x) => {
      const start = at
      at += x.shape[axis]
      return g && sliceAxis(g, axis, start, at)
    })
  },
  evaluate: (inputs, { axis }, [out]) => {
    const row = elementCount(out.shape.slice(axis))
    const outer = elementCount(out.shape.slice(0, axis))
    let at = 0
    for (const x of inputs) {
      const n = elementCount(x.shape.slice(axis))
      for (let o = 0; o < outer; o++) out.data.set(x.data.subarray(o * n, (o + 1) * n), o * row + at)
      at += n
    }
  },
  cpu: {
    plan: ({ inputs, outputs: [out], attrs: { axis } }) => {
      const size = bytesPerElement[out.dtype]
      const row = elementCount(out.access.shape.slice(axis)) * size
      const outer = elementCount(out.access.shape.slice(0, axis))
      let at = 0
      const calls = inputs.map((x, i) => {
        const n = elementCount(x.access.shape.slice(axis)) * size
        const call = {
          kernel: 'copyRows',
          count: outer,
          grain: Math.max(1, 65536 / (n + 1)) | 0 || 1,
          args: [{ input: i }, { output: 0, offset: at }, n, n, row],
        }
        at += n
        return call
      })
      return { calls: calls.filter((c) => c.count > 0 && c.args[2] !== 0) }
    },
  },
  webgpu: lazyKernels(async () => (await import('./concatenate.wgsl.ts')).concatenateWgsl),
  samples: [
    { inputs: [{ shape: [3, 4] }, { shape: [3, 8] }], attrs: { axis: 1 } },
    { inputs: [{ shape: [2, 5] }, { shape: [1, 5] }, { shape: [31, 5] }], attrs: { axis: 0 } },
    { inputs: [{ shape: [2, 3, 2] }, { shape: [2, 0, 2] }, { shape: [2, 2, 2] }], attrs: { axis: 1 } },
    {
      inputs: [
        { shape: [3, 3], dtype: 'bfloat16' },
        { shape: [3, 2], dtype: 'bfloat16' },
      ],
      attrs: { axis: 1 },
      differentiable: false,
    },
  ],
})

/** Most inputs one kernel takes: a WebGPU device without raised limits binds eight buffers. */
const widest = 7

/** Joins tensors along one axis; all other dimensions must agree. */
export function concatenate(tensors: readonly Tensor[], axis = 0): Tensor {
  if (!Array.isArray(tensors))
    throw new TypeError(`concatenate: expected an array of tensors, got ${shown(tensors)}; write [a, b]`)
  for (const t of tensors) requireTensor('concatenate', t)
  if (tensors.length === 0) throw new ShapeError('concatenate: needs at least one tensor')
  const a = normalizeAxis('concatenate', axis, tensors[0].ndim)
  const dtype = tensors.map((t) => t.dtype).reduce((x, y) => promote('concatenate', x, y))
  let parts = tensors.map((t) => cast(t, dtype))
  while (parts.length > widest) {
    const joined: Tensor[] = []
    for (let i = 0; i < parts.length; i += widest) joined.push(concatenate(parts.slice(i, i + widest), a))
    parts = joined
  }
  return parts.length === 1 ? parts[0] : apply1(concatenateOp, parts, { axis: a })
}
