// Logical operations, where every number but 0 is true, and tests for NaN and infinity.

import { decode } from '@kumiki/numerics/value'
import { requireNumber, requireTensor } from '../arguments.ts'
import { computeType, dtypeInfo } from '../dtype.ts'
import type { Tensor } from '../tensor.ts'
import { abs } from './abs.ts'
import { bitwiseAnd, bitwiseOr, bitwiseXor } from './bitwise.ts'
import { sum } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import { equal, greater, less, notEqual } from './compare.ts'
import { full } from './full.ts'
import { where } from './where.ts'

const truth = (op: string, x: Tensor): Tensor => {
  requireTensor(op, x)
  return notEqual(x, 0)
}

/**
 * Whether both are not 0, elementwise, as uint32 0 or 1; broadcast.
 * @example logicalAnd(device.tensor([1, 1, 0]), device.tensor([1, 0, 0])) // [1, 0, 0]
 */
export function logicalAnd(a: Tensor, b: Tensor): Tensor {
  return bitwiseAnd(truth('logicalAnd', a), truth('logicalAnd', b))
}

/**
 * Whether at least one is not 0, elementwise, as uint32 0 or 1; broadcast.
 * @example logicalOr(device.tensor([1, 1, 0]), device.tensor([1, 0, 0])) // [1, 1, 0]
 */
export function logicalOr(a: Tensor, b: Tensor): Tensor {
  return bitwiseOr(truth('logicalOr', a), truth('logicalOr', b))
}

/**
 * Whether exactly one is not 0, elementwise, as uint32 0 or 1; broadcast.
 * @example logicalXor(device.tensor([1, 1, 0]), device.tensor([1, 0, 0])) // [0, 1, 0]
 */
export function logicalXor(a: Tensor, b: Tensor): Tensor {
  return bitwiseXor(truth('logicalXor', a), truth('logicalXor', b))
}

/**
 * Whether x is 0, elementwise, as uint32 0 or 1.
 * @example logicalNot(device.tensor([1, 0])) // [0, 1]
 */
export function logicalNot(x: Tensor): Tensor {
  requireTensor('logicalNot', x)
  return equal(x, 0)
}

/**
 * Whether any element over the axes (default: all) is not 0, as uint32 0 or 1; 0 if there are none.
 * @example any(device.tensor([[0, 1], [0, 0]]), 1) // [1, 0]
 */
export function any(x: Tensor, axes?: number | readonly number[], keepDims = false): Tensor {
  return notEqual(sum(truth('any', x), axes, keepDims), 0)
}

/**
 * Whether all elements over the axes (default: all) are not 0, as uint32 0 or 1; 1 if there are none.
 * @example all(device.tensor([[1, 1], [0, 1]]), 1) // [1, 0]
 */
export function all(x: Tensor, axes?: number | readonly number[], keepDims = false): Tensor {
  requireTensor('all', x)
  return equal(sum(equal(x, 0), axes, keepDims), 0)
}

/**
 * Whether x is NaN, elementwise, as uint32 0 or 1.
 * @example isNaN(device.tensor([1, NaN])) // [0, 1]
 */
// biome-ignore lint/suspicious/noShadowRestrictedNames: the name in NumPy, PyTorch and JAX
export function isNaN(x: Tensor): Tensor {
  requireTensor('isNaN', x)
  return notEqual(x, x)
}

/**
 * Whether x is neither NaN nor infinite, elementwise, as uint32 0 or 1.
 * @example isFinite(device.tensor([1, Infinity])) // [1, 0]
 */
// biome-ignore lint/suspicious/noShadowRestrictedNames: the name in NumPy, PyTorch and JAX
export function isFinite(x: Tensor): Tensor {
  requireTensor('isFinite', x)
  if (computeType(x.dtype) !== 'f32') return full(x.shape, 1, 'uint32')
  return less(abs(cast(x, 'float32')), Infinity)
}

/**
 * Replaces NaN by `nan`, and infinities by the largest and the smallest number of the dtype.
 * @example nanToNum(device.tensor([1, NaN])) // [1, 0]
 */
export function nanToNum(x: Tensor, nan = 0): Tensor {
  requireTensor('nanToNum', x)
  requireNumber('nanToNum', 'nan', nan)
  if (x.dtype === 'int32' || x.dtype === 'uint32') return x
  const { format } = dtypeInfo[x.dtype]
  const limit = format ? decode(format, format.maxFiniteCode) : 3.4028234663852886e38
  const low = where(less(x, -limit), -limit, x)
  return where(isNaN(x), nan, where(greater(low, limit), limit, low))
}
