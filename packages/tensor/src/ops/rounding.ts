// Rounding to integers, defined by other operations.

import { requireTensor } from '../arguments.ts'
import type { Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { bitwiseAnd, bitwiseOr } from './bitwise.ts'
import { cast } from './cast.ts'
import { equal, less, notEqual } from './compare.ts'
import { floor } from './floor.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { requireFloat } from './require.ts'
import { sub } from './sub.ts'
import { where } from './where.ts'

/**
 * The smallest integer not below x. Its gradient is zero everywhere.
 * @example ceil(device.tensor([1.5, -1.5])) // [2, -1]
 */
export function ceil(x: Tensor): Tensor {
  requireTensor('ceil', x)
  requireFloat('ceil', x)
  return neg(floor(neg(x)))
}

/**
 * x without its fractional part. Its gradient is zero everywhere.
 * @example trunc(device.tensor([1.5, -1.5])) // [1, -1]
 */
export function trunc(x: Tensor): Tensor {
  requireTensor('trunc', x)
  requireFloat('trunc', x)
  return where(less(x, 0), ceil(x), floor(x))
}

/**
 * The nearest integer, ties to even. Its gradient is zero everywhere.
 * @example round(device.tensor([0.5, 1.5])) // [0, 2]
 */
export function round(x: Tensor): Tensor {
  requireTensor('round', x)
  requireFloat('round', x)
  const f = cast(x, 'float32')
  const low = floor(f)
  const part = sub(f, low)
  const half = mul(low, 0.5)
  const up = bitwiseOr(less(0.5, part), bitwiseAnd(equal(part, 0.5), notEqual(floor(half), half)))
  return cast(where(up, add(low, 1), low), x.dtype)
}
