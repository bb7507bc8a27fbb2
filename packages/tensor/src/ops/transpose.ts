// Permutation of dimensions.

import { requireTensor } from '../arguments.ts'
import { ShapeError } from '../errors.ts'
import { defineOp } from '../op.ts'
import { contiguousStrides, formatShape, normalizeAxis, requireNumbers } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'

export const transposeOp = defineOp<{ axes: readonly number[] }>({
  name: 'transpose',
  kind: 'view',
  infer: ([x], { axes }) => [{ shape: axes.map((a) => x.shape[a]), dtype: x.dtype }],
  gradient: ({ grads: [g], attrs: { axes } }) => [
    g &&
      transpose(
        g,
        axes.map((_, i) => axes.indexOf(i)),
      ),
  ],
  evaluate: ([x], { axes }, [out]) => {
    const strides = contiguousStrides(x.shape)
    const outStrides = contiguousStrides(out.shape)
    for (let i = 0; i < out.data.length; i++) {
      let at = 0
      for (let d = 0; d < axes.length; d++) at += (Math.floor(i / outStrides[d]) % out.shape[d]) * strides[axes[d]]
      out.data[i] = x.data[at]
    }
  },
  swapsLastAxes: ({ axes }) =>
    axes.length >= 2 && axes.every((a, i) => a === (i < axes.length - 2 ? i : 2 * axes.length - 3 - i)),
  view: (input, { axes }) => ({
    shape: axes.map((a) => input.shape[a]),
    strides: axes.map((a) => input.strides[a]),
    offset: input.offset,
  }),
  samples: [
    { inputs: [{ shape: [3, 5] }], attrs: { axes: [1, 0] } },
    { inputs: [{ shape: [2, 3, 33] }], attrs: { axes: [2, 0, 1] } },
  ],
})

/**
 * Permutes the dimensions; without `axes`, reverses them. Costs no memory if readers of the result support strides.
 * @throws ShapeError if axes are not a permutation
 * @example transpose(device.tensor([[1, 2], [3, 4]])) // [[1, 3], [2, 4]]
 */
export function transpose(x: Tensor, axes?: readonly number[]): Tensor {
  requireTensor('transpose', x)
  if (axes !== undefined) requireNumbers('transpose', 'axes', axes)
  const order = axes ? axes.map((a) => normalizeAxis('transpose', a, x.ndim)) : x.shape.map((_, i) => x.ndim - 1 - i)
  if (order.length !== x.ndim || new Set(order).size !== x.ndim) {
    throw new ShapeError(
      `transpose: axes ${formatShape(order)} are not a permutation of the ${x.ndim} dimensions of ${formatShape(x.shape)}`,
    )
  }
  return order.every((a, i) => a === i) ? x : apply1(transposeOp, [x], { axes: order })
}

/**
 * Swaps two dimensions.
 * @example swapAxes(zeros([2, 3, 4]), 0, -1).shape // [4, 3, 2]
 */
export function swapAxes(x: Tensor, a: number, b: number): Tensor {
  requireTensor('swapAxes', x)
  const order = x.shape.map((_, i) => i)
  const i = normalizeAxis('swapAxes', a, x.ndim)
  const j = normalizeAxis('swapAxes', b, x.ndim)
  order[i] = j
  order[j] = i
  return transpose(x, order)
}
