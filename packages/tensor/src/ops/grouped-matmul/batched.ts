// Maps grouped products over a batch, for `vmap`.

import type { Op } from '../../op.ts'
import { apply1, type Tensor } from '../../tensor.ts'
import { cumsum } from '../cumulative.ts'
import { full } from '../full.ts'
import { maximum } from '../maximum.ts'
import { minimum } from '../minimum.ts'
import { reshape } from '../reshape.ts'
import { concatenate, sliceAxis } from '../slice-concatenate.ts'
import { sub } from '../sub.ts'

/**
 * The grouped products of all examples as one: their groups follow one another, each example's with one more for its
 * rows without a group.
 * @param x [examples, rows, in]
 * @param other [examples, groups, ...] matrices, or [examples, rows, out] of an outer product
 * @param sizes int32 [examples, groups]
 * @returns [examples, rows, out], or [examples, groups, in, out]
 */
export function batchedGrouped<A>(op: Op<A>, attrs: A, x: Tensor, other: Tensor, sizes: Tensor): Tensor {
  const [examples, rows] = x.shape
  const groups = sizes.shape[1]
  const ends = minimum(cumsum(maximum(sizes, 0), 1), rows)
  const begin = full([examples, 1], 0, 'int32')
  const whole = concatenate([ends, full([examples, 1], rows, 'int32')], 1)
  const own = sub(whole, concatenate([begin, ends], 1)) // [examples, groups + 1]
  const flat = (t: Tensor) => reshape(t, [t.shape[0] * t.shape[1], ...t.shape.slice(2)])
  const ofRows = other.ndim === 3
  const matrices = ofRows
    ? other
    : concatenate([other, full([examples, 1, ...other.shape.slice(2)], 0, other.dtype)], 1)
  const out = apply1(op, [flat(x), flat(matrices), flat(own)], attrs)
  if (!ofRows) return reshape(out, [examples, rows, out.shape[1]])
  return sliceAxis(reshape(out, [examples, groups + 1, ...out.shape.slice(1)]), 1, 0, groups)
}
