// Minimum, product, variance and norms over axes, defined by other operations.

import { requireBoolean, requireNumber, requireOptions, requireTensor, shown } from '../arguments.ts'
import { computeType, isFloat } from '../dtype.ts'
import { normalizeAxes } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { abs } from './abs.ts'
import { bitwiseXor } from './bitwise.ts'
import { sum } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import { equal, notEqual } from './compare.ts'
import { ones } from './full.ts'
import { argMax, max } from './max.ts'
import { mean } from './mean.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { pow } from './pow.ts'
import { requireFloat } from './require.ts'
import { reshape } from './reshape.ts'
import { concatenate, sliceAxis } from './slice-concatenate.ts'
import { sqrt } from './sqrt.ts'
import { square } from './square.ts'
import { sub } from './sub.ts'
import { transpose } from './transpose.ts'
import { where } from './where.ts'

type Axes = number | readonly number[]

/** A map that reverses the order of elements: negation, or for integers, where that may overflow, bitwise not. */
const reversedOrder = (x: Tensor): Tensor =>
  computeType(x.dtype) === 'f32' ? neg(x) : bitwiseXor(x, x.dtype === 'int32' ? -1 : 0xffffffff)

/**
 * Smallest element over axes (default: all), NaN if one is NaN.
 * @throws ShapeError for an empty axis
 * @example min(device.tensor([[1, 5], [7, 3]]), 1) // [1, 3]
 */
export function min(x: Tensor, axes?: Axes, keepDims = false): Tensor {
  requireTensor('min', x)
  return reversedOrder(max(reversedOrder(x), axes, keepDims))
}

/**
 * Index of the smallest element along an axis, int32; the first of equal ones, or the first NaN.
 * @example argMin(device.tensor([[1, 5], [7, 3]])) // [0, 1]
 */
export function argMin(x: Tensor, axis = -1): Tensor {
  requireTensor('argMin', x)
  return argMax(reversedOrder(x), axis)
}

/**
 * Product over axes (default: all); 1 if there are no elements. Float formats give float32.
 * @example prod(device.tensor([2, 3, 4])) // 24
 */
export function prod(x: Tensor, axes?: Axes, keepDims = false): Tensor {
  requireTensor('prod', x)
  requireBoolean('prod', 'keepDims', keepDims)
  const list = normalizeAxes('prod', axes, x.ndim)
  const others = [...x.shape.keys()].filter((i) => !list.includes(i))
  const kept = others.map((i) => x.shape[i])
  const f = isFloat(x.dtype) ? cast(x, 'float32') : x
  const n = list.reduce((product, i) => product * x.shape[i], 1)
  let y = reshape(transpose(f, [...others, ...list]), [...kept, n])
  if (n === 0) y = ones([...kept, 1], f.dtype)
  // Products of halves, without quotients, so that the gradient is right if an element is 0.
  while (y.shape[kept.length] > 1) {
    const size = y.shape[kept.length]
    const half = size >> 1
    const pairs = mul(sliceAxis(y, kept.length, 0, half), sliceAxis(y, kept.length, half, 2 * half))
    y = size % 2 === 0 ? pairs : concatenate([pairs, sliceAxis(y, kept.length, size - 1, size)], kept.length)
  }
  return reshape(y, keepDims ? x.shape.map((d, i) => (list.includes(i) ? 1 : d)) : kept)
}

/**
 * Variance over axes (default: all), float32: the mean squared distance from the mean, times n / (n - correction).
 * @param correction default 1 (Bessel's correction), as in PyTorch; the default of NumPy and JAX is 0
 * @example
 * variance(device.tensor([1, 2, 3])) // 1
 * variance(device.tensor([1, 2, 3]), 0, false, 0) // 0.667
 */
export function variance(x: Tensor, axes?: Axes, keepDims = false, correction = 1): Tensor {
  requireTensor('variance', x)
  requireFloat('variance', x)
  requireNumber('variance', 'correction', correction, 0)
  const list = normalizeAxes('variance', axes, x.ndim)
  const n = list.reduce((product, i) => product * x.shape[i], 1)
  const off = square(sub(cast(x, 'float32'), mean(x, list, true)))
  return mul(sum(off, list, keepDims), 1 / Math.max(0, n - correction))
}

/**
 * Standard deviation over axes: the square root of `variance`.
 * @example std(device.tensor([1, 3])) // 1.414
 */
export function std(x: Tensor, axes?: Axes, keepDims = false, correction = 1): Tensor {
  requireTensor('std', x)
  requireFloat('std', x)
  return sqrt(variance(x, axes, keepDims, correction))
}

/**
 * The p-norm over axes (default: all), float32: the p-th root of the sum of |x|^p. p is 2 by default; Infinity,
 * -Infinity and 0 (the number of elements that are not 0) are as in PyTorch. The gradient of the 2-norm at 0 is 0.
 * @example
 * norm(device.tensor([3, 4])) // 5
 * norm(device.tensor([[3, 4], [6, 8]]), { p: Infinity, axes: -1 }) // [4, 8]
 */
export function norm(x: Tensor, options: { p?: number; axes?: Axes; keepDims?: boolean } = {}): Tensor {
  requireTensor('norm', x)
  requireOptions('norm', options, ['p', 'axes', 'keepDims'])
  requireFloat('norm', x)
  const { p = 2, axes, keepDims = false } = options
  if (typeof p !== 'number' || Number.isNaN(p)) throw new TypeError(`norm: p must be a number, got ${shown(p)}`)
  const f = cast(x, 'float32')
  if (p === 2) return rootOf(sum(square(f), axes, keepDims))
  if (p === 1) return sum(abs(f), axes, keepDims)
  if (p === Infinity) return max(abs(f), axes, keepDims)
  if (p === -Infinity) return min(abs(f), axes, keepDims)
  if (p === 0) return sum(cast(notEqual(f, 0), 'float32'), axes, keepDims)
  return pow(sum(pow(abs(f), p), axes, keepDims), 1 / p)
}

/** The square root, whose gradient at 0 is 0. */
function rootOf(x: Tensor): Tensor {
  const zero = equal(x, 0)
  return where(zero, 0, sqrt(where(zero, 1, x)))
}
