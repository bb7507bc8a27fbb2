// Tensors filled with one number.

import { requireDType, requireTensor } from '../arguments.ts'
import type { DType } from '../dtype.ts'
import { checkShape, type Shape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { broadcastTo } from './broadcast-sum.ts'
import { constant } from './leaf.ts'

/**
 * A tensor of one repeated value. It has no device of its own: it is computed on that of the tensors it is combined
 * with.
 * @example full([2], 7) // [7, 7]
 */
export function full(shape: Shape, value: number, dtype: DType = 'float32'): Tensor {
  checkShape('full', shape)
  requireDType('full', dtype)
  return broadcastTo(constant(value, dtype), shape)
}

/**
 * Zeros of a shape.
 * @example zeros([2]) // [0, 0]
 */
export function zeros(shape: Shape, dtype: DType = 'float32'): Tensor {
  return full(shape, 0, dtype)
}

/**
 * Ones of a shape.
 * @example ones([2]) // [1, 1]
 */
export function ones(shape: Shape, dtype: DType = 'float32'): Tensor {
  return full(shape, 1, dtype)
}

/**
 * Ones of the shape and dtype of x.
 * @example onesLike(device.tensor([5, 6])) // [1, 1]
 */
export function onesLike(x: Tensor): Tensor {
  requireTensor('onesLike', x)
  return ones(x.shape, x.dtype)
}

/**
 * Zeros of the shape and dtype of x.
 * @example zerosLike(device.tensor([5, 6])) // [0, 0]
 */
export function zerosLike(x: Tensor): Tensor {
  requireTensor('zerosLike', x)
  return zeros(x.shape, x.dtype)
}
