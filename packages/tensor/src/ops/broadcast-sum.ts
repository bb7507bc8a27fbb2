// broadcastTo and sum, which are each other's gradient.

import { requireTensor } from '../arguments.ts'
import { ShapeError } from '../errors.ts'
import { defineOp, type Op } from '../op.ts'
import { broadcastShapes, checkShape, contiguousStrides, formatShape, type Shape, sameShape } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'
import { type ReduceAttrs, reduceWith, reduction } from './reduction.ts'
import { reshape } from './reshape.ts'

export const broadcastToOp = defineOp<{ shape: Shape }>({
  name: 'broadcastTo',
  kind: 'view',
  infer([x], { shape }) {
    if (!sameShape(broadcastShapes('broadcastTo', x.shape, shape), shape)) {
      throw new ShapeError(`broadcastTo: ${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}`)
    }
    return [{ shape, dtype: x.dtype }]
  },
  gradient: ({ inputs: [x], grads: [g] }) => {
    if (!g) return [undefined]
    const extra = g.ndim - x.ndim
    const axes = g.shape.flatMap((d, i) => (i < extra || (x.shape[i - extra] === 1 && d !== 1) ? [i] : []))
    return [reshape(sum(g, axes), x.shape)]
  },
  evaluate: ([x], { shape }, [out]) => {
    const extra = shape.length - x.shape.length
    const strides = contiguousStrides(x.shape)
    const outStrides = contiguousStrides(shape)
    for (let i = 0; i < out.data.length; i++) {
      let at = 0
      for (let d = extra; d < shape.length; d++) {
        if (x.shape[d - extra] !== 1) at += (Math.floor(i / outStrides[d]) % shape[d]) * strides[d - extra]
      }
      out.data[i] = x.data[at]
    }
  },
  repeats: true,
  view: (input, { shape }) => {
    const extra = shape.length - input.shape.length
    const strides = shape.map((_, i) => (i < extra || input.shape[i - extra] === 1 ? 0 : input.strides[i - extra]))
    return { shape, strides, offset: input.offset }
  },
  samples: [
    { inputs: [{ shape: [] }], attrs: { shape: [3, 5] } },
    { inputs: [{ shape: [3, 1] }], attrs: { shape: [2, 3, 33] } },
    { inputs: [{ shape: [1, 4] }], attrs: { shape: [3, 4] } },
  ],
})

/**
 * x in a larger shape: dimensions of size 1 are repeated, and leading ones are added. Costs no memory.
 * @throws ShapeError if x does not broadcast to the shape
 * @example broadcastTo(device.tensor([1, 2]), [2, 2]) // [[1, 2], [1, 2]]
 */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  requireTensor('broadcastTo', x)
  checkShape('broadcastTo', shape)
  return sameShape(x.shape, shape) ? x : apply1(broadcastToOp, [x], { shape: [...shape] })
}

/** Broadcasts the result of a reduction, or its gradient, back to the shape of the input. */
export function broadcastReduced(g: Tensor, x: Tensor, { axis, count }: ReduceAttrs): Tensor {
  return broadcastTo(
    reshape(
      g,
      x.shape.map((d, i) => (i >= axis && i < axis + count ? 1 : d)),
    ),
    x.shape,
  )
}

export const sumOp: Op<ReduceAttrs> = reduction('sum', 0, (a, b) => a + b, {
  kernel: 'sum',
  gradient: ({ inputs: [x], grads: [g], attrs }) => [g && broadcastReduced(g, x, attrs)],
  extra: [
    { inputs: [{ shape: [0, 3] }], attrs: { axis: 0, count: 1 } },
    { inputs: [{ shape: [9], dtype: 'int32', range: [-5, 5] }], attrs: { axis: 0, count: 1 }, differentiable: false },
    { inputs: [{ shape: [1 << 15] }], attrs: { axis: 0, count: 1 }, tolerance: 1e-4, differentiable: false },
  ],
})

/**
 * Sum over axes (default: all). Float formats give float32.
 * @example
 * sum(device.tensor([[1, 2], [3, 4]])) // 10
 * sum(device.tensor([[1, 2], [3, 4]]), 0, true) // [[4, 6]]
 */
export function sum(x: Tensor, axes?: number | readonly number[], keepDims = false): Tensor {
  return reduceWith(sumOp, x, axes, keepDims)
}
