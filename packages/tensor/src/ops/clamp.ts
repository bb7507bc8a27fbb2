// Elements limited to a range.

import { requireTensor } from '../arguments.ts'
import { isTensor, type Tensor } from '../tensor.ts'
import { lessEqual } from './compare.ts'
import { maximum } from './maximum.ts'
import { minimum } from './minimum.ts'
import type { Operand } from './operation.ts'
import { where } from './where.ts'

/**
 * Elements below `low` become `low`, those above `high` become `high`; NaN stays NaN. A limit may be undefined, or a
 * tensor that broadcasts. At a limit the gradient is 0 or, if the limit is a tensor, split equally between x and it.
 * @example
 * clamp(device.tensor([-2, 0.5, 2]), 0, 1) // [0, 0.5, 1]
 * clamp(device.tensor([-2, 20]), undefined, 10) // [-2, 10]
 */
export function clamp(x: Tensor, low?: Operand, high?: Operand): Tensor {
  requireTensor('clamp', x)
  if (low === undefined && high === undefined) throw new TypeError('clamp: give low, high or both')
  let y = x
  if (low !== undefined) y = isTensor(low) ? maximum(x, low) : where(lessEqual(x, low), low, x)
  if (high !== undefined) y = isTensor(high) ? minimum(y, high) : where(lessEqual(high, y), high, y)
  return y
}
