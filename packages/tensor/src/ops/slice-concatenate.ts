// slice and concatenate, which are each other's gradient.

import { requireTensor, shown } from '../arguments.ts'
import { lazyKernels } from '../backends/kernel-source.ts'
import { bytesPerElement, promote } from '../dtype.ts'
import { ShapeError } from '../errors.ts'
import { defineOp } from '../op.ts'
import { contiguousStrides, elementCount, formatShape, normalizeAxis, requireNumbers, type Shape } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'
import { cast } from './cast.ts'
import { zeros } from './full.ts'

export const sliceOp = defineOp<{ starts: readonly number[]; sizes: readonly number[] }>({
  name: 'slice',
  kind: 'view',
  infer([x], { starts, sizes }) {
    starts.forEach((s, i) => {
      if (!Number.isInteger(s) || !Number.isInteger(sizes[i]) || s < 0 || sizes[i] < 0 || s + sizes[i] > x.shape[i]) {
        throw new ShapeError(`slice: [${s}, ${s + sizes[i]}) is outside axis ${i} of ${formatShape(x.shape)}`)
      }
    })
    return [{ shape: sizes, dtype: x.dtype }]
  },
  gradient: ({ inputs: [x], grads: [g], attrs: { starts, sizes } }) => {
    if (!g) return [undefined]
    // The gradient padded with zeros, one axis at a time.
    let out = g
    for (let axis = 0; axis < x.ndim; axis++) {
      const before = starts[axis]
      const after = x.shape[axis] - before - sizes[axis]
      const pad = (n: number): Tensor[] =>
        n === 0
          ? []
          : [
              zeros(
                out.shape.map((d, i) => (i === axis ? n : d)),
                g.dtype,
              ),
            ]
      const parts = [...pad(before), out, ...pad(after)]
      if (parts.length > 1) out = concatenate(parts, axis)
    }
    return [out]
  },
  evaluate: ([x], { starts }, [out]) => {
    const strides = contiguousStrides(x.shape)
    const outStrides = contiguousStrides(out.shape)
    for (let i = 0; i < out.data.length; i++) {
      let at = 0
      for (let d = 0; d < starts.length; d++)
        at += ((Math.floor(i / outStrides[d]) % out.shape[d]) + starts[d]) * strides[d]
      out.data[i] = x.data[at]
    }
  },
  view: (input, { starts, sizes }) => ({
    shape: sizes,
    strides: input.strides,
    offset: input.offset + starts.reduce((sum, s, i) => sum + s * input.strides[i], 0),
  }),
  samples: [
    { inputs: [{ shape: [5, 7] }], attrs: { starts: [1, 2], sizes: [3, 4] } },
    { inputs: [{ shape: [33] }], attrs: { starts: [32], sizes: [1] } },
  ],
})

/**
 * A rectangular part: `sizes` elements from `starts` on along each axis. Costs no memory if its readers support
 * strides.
 * @throws ShapeError if the part is outside x
 * @example slice(device.tensor([[1, 2, 3], [4, 5, 6]]), [0, 1], [2, 2]) // [[2, 3], [5, 6]]
 */
export function slice(x: Tensor, starts: readonly number[], sizes: Shape): Tensor {
  requireTensor('slice', x)
  requireNumbers('slice', 'starts', starts)
  requireNumbers('slice', 'sizes', sizes)
  if (starts.length !== x.ndim || sizes.length !== x.ndim) {
    throw new ShapeError(
      `slice: needs ${x.ndim} starts and sizes for ${formatShape(x.shape)}, got ${starts.length} and ${sizes.length}`,
    )
  }
  if (starts.every((s) => s === 0) && sizes.every((s, i) => s === x.shape[i])) return x
  return apply1(sliceOp, [x], { starts: [...starts], sizes: [...sizes] })
}

/**
 * Elements `start` to `end` (exclusive) along one axis; negative positions count from the end.
 * @example sliceAxis(device.tensor([1, 2, 3, 4]), 0, 1, -1) // [2, 3]
 */
export function sliceAxis(x: Tensor, axis: number, start: number, end: number): Tensor {
  requireTensor('sliceAxis', x)
  const a = normalizeAxis('slice', axis, x.ndim)
  for (const [name, at] of Object.entries({ start, end }))
    if (!Number.isInteger(at)) throw new ShapeError(`sliceAxis: ${name} must be an integer, got ${shown(at)}`)
  const from = start < 0 ? start + x.shape[a] : start
  const to = end < 0 ? end + x.shape[a] : end
  return slice(
    x,
    x.shape.map((_, i) => (i === a ? from : 0)),
    x.shape.map((d, i) => (i === a ? to - from : d)),
  )
}

export const concatenateOp = defineOp<{ axis: number }>({
  name: 'concatenate',
  kind: 'kernel',
  batching: 'axis',
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

/** Most inputs of one kernel: a WebGPU device with default limits binds eight storage buffers. */
const widest = 7

/**
 * Joins tensors along one axis; all other dimensions must be equal.
 * @throws ShapeError if they differ
 * @example concatenate([device.tensor([1, 2]), device.tensor([3])]) // [1, 2, 3]
 */
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
