// Elements reversed or rotated along an axis.

import { requireTensor, shown } from '../arguments.ts'
import { ShapeError } from '../errors.ts'
import { defineOp, type Op } from '../op.ts'
import { normalizeAxes, normalizeAxis } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'
import { iota } from './leaf.ts'
import { concatenate, sliceAxis } from './slice-concatenate.ts'
import { sub } from './sub.ts'
import { take } from './take.ts'

export const flipOp: Op<{ axis: number }> = defineOp<{ axis: number }>({
  name: 'flip',
  kind: 'composite',
  batching: 'axis',
  infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
  gradient: ({ grads: [g], attrs }) => [g && apply1(flipOp, [g], attrs)],
  definition([x], { axis }) {
    const n = x.shape[axis]
    return [take(x, sub(n - 1, iota([n], 0)), axis)]
  },
  samples: [
    { inputs: [{ shape: [33] }], attrs: { axis: 0 } },
    { inputs: [{ shape: [3, 5] }], attrs: { axis: 1 } },
    { inputs: [{ shape: [2, 0] }], attrs: { axis: 1 } },
    { inputs: [{ shape: [3, 4], dtype: 'bfloat16' }], attrs: { axis: 0 }, differentiable: false },
  ],
})

/**
 * The elements along these axes (default: all) in reverse order.
 * @example flip(device.tensor([1, 2, 3])) // [3, 2, 1]
 */
export function flip(x: Tensor, axes?: number | readonly number[]): Tensor {
  requireTensor('flip', x)
  return normalizeAxes('flip', axes, x.ndim).reduce((y, axis) => apply1(flipOp, [y], { axis }), x)
}

/**
 * Moves elements along an axis by `shift` positions; those shifted past the end return at the start.
 * @example roll(device.tensor([1, 2, 3]), 1) // [3, 1, 2]
 */
export function roll(x: Tensor, shift: number, axis = -1): Tensor {
  requireTensor('roll', x)
  const a = normalizeAxis('roll', axis, x.ndim)
  if (!Number.isSafeInteger(shift)) throw new ShapeError(`roll: the shift must be an integer, got ${shown(shift)}`)
  const n = x.shape[a]
  const by = n === 0 ? 0 : ((shift % n) + n) % n
  return by === 0 ? x : concatenate([sliceAxis(x, a, n - by, n), sliceAxis(x, a, 0, n - by)], a)
}
