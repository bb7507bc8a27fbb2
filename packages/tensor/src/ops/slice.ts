import { requireTensor, shown } from '../arguments.ts'
import { ShapeError } from '../errors.ts'
import { defineOp } from '../op.ts'
import { contiguousStrides, formatShape, normalizeAxis, requireNumbers, type Shape } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'
import { concatenate } from './concatenate.ts'
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
    // Zeros around the gradient, one axis at a time.
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

/** A rectangular part: from `starts`, `sizes` elements along each axis. Costs no memory where the user reads through strides. */
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

/** Elements `start` to `end` (exclusive) along one axis; negative ones count from the back. */
export function sliceAxis(x: Tensor, axis: number, start: number, end: number): Tensor {
  requireTensor('sliceAxis', x)
  const a = normalizeAxis('slice', axis, x.ndim)
  for (const [name, at] of Object.entries({ start, end }))
    if (!Number.isInteger(at)) throw new ShapeError(`sliceAxis: ${name} must be a whole number, got ${shown(at)}`)
  const from = start < 0 ? start + x.shape[a] : start
  const to = end < 0 ? end + x.shape[a] : end
  return slice(
    x,
    x.shape.map((_, i) => (i === a ? from : 0)),
    x.shape.map((d, i) => (i === a ? to - from : d)),
  )
}
