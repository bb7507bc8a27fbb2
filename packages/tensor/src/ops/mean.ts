// The mean over axes.

import { requireTensor } from '../arguments.ts'
import { isFloat } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { sum } from './broadcast-sum.ts'
import { mul } from './mul.ts'

/**
 * Mean over axes (default: all), in float32.
 * @throws DTypeError for integers
 * @example mean(device.tensor([1, 2, 3])) // 2
 */
export function mean(x: Tensor, axes?: number | readonly number[], keepDims = false): Tensor {
  requireTensor('mean', x)
  if (!isFloat(x.dtype))
    throw new DTypeError(`mean: needs a float tensor, got ${x.dtype}; cast it with astype('float32')`)
  const total = sum(x, axes, keepDims)
  return mul(total, 1 / (x.size / total.size))
}
