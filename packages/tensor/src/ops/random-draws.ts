// Random draws: Bernoulli, integers, permutations, dropout; splitting of keys.

import { requireAtMost, requireTensor, requireWhole, shown } from '../arguments.ts'
import { checkShape, type Shape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { bitcast } from './bitcast.ts'
import { bitwiseAnd, shiftRight } from './bitwise.ts'
import { less } from './compare.ts'
import { mul } from './mul.ts'
import { type RandomKey, randomBits, randomUniform } from './random.ts'
import { requireFloat } from './require.ts'
import { reshape } from './reshape.ts'
import { sliceAxis } from './slice-concatenate.ts'
import { argSort } from './sort.ts'
import { stopGradient } from './stop-gradient.ts'
import { where } from './where.ts'

function requireProbability(op: string, name: string, p: unknown): asserts p is number {
  if (typeof p === 'number' && p >= 0 && p <= 1) return
  throw new RangeError(`${op}: ${name} must be a number from 0 to 1, got ${shown(p)}`)
}

/**
 * 1 with probability p, else 0, as uint32.
 * @example sum(bernoulli([0, 1], 1, [10])) // 10
 */
export function bernoulli(key: RandomKey, p: number, shape: Shape): Tensor {
  requireProbability('bernoulli', 'p', p)
  return less(randomUniform(key, shape), p)
}

/**
 * Integers from `low` to `high` (exclusive), uniform up to the resolution of 32 random bits; int32.
 * @example max(randomInt([0, 1], [1000], 0, 6)) // 5
 */
export function randomInt(key: RandomKey, shape: Shape, low: number, high: number): Tensor {
  checkShape('randomInt', shape)
  for (const [name, x] of Object.entries({ low, high }))
    if (!Number.isInteger(x) || x < -(2 ** 31) || x > 2 ** 31)
      throw new RangeError(`randomInt: ${name} must be an integer of 32 bits, got ${shown(x)}`)
  const range = high - low
  if (range < 1) throw new RangeError(`randomInt: high must be above low, got ${low} and ${high}`)
  const bits = randomBits(key, shape)
  if (range === 2 ** 32) return bitcast(bits, 'int32')
  // The upper word of the product bits * range, computed in halves of 16 bits.
  const [high16, low16] = [shiftRight(bits, 16), bitwiseAnd(bits, 0xffff)]
  const [rangeHigh, rangeLow] = [Math.floor(range / 65536), range % 65536]
  const t = add(mul(high16, rangeLow), shiftRight(mul(low16, rangeLow), 16))
  const u = add(mul(low16, rangeHigh), bitwiseAnd(t, 0xffff))
  const upper = add(mul(high16, rangeHigh), add(shiftRight(t, 16), shiftRight(u, 16)))
  return add(bitcast(upper, 'int32'), low)
}

/**
 * The numbers from 0 to n - 1 in random order, int32 [n].
 * @example sort(permutation([0, 1], 4)).values // [0, 1, 2, 3]
 */
export function permutation(key: RandomKey, n: number): Tensor {
  requireWhole('permutation', 'n', n)
  return argSort(randomBits(key, [n]))
}

/**
 * Each element becomes 0 with probability `rate`, and is divided by 1 - rate otherwise. The same key drops the same
 * elements: use another one in every step and layer (see `splitKey`).
 * @example max(dropout(ones([100]), 0.5, [0, 1])) // 2
 */
export function dropout(x: Tensor, rate: number, key: RandomKey): Tensor {
  requireTensor('dropout', x)
  requireFloat('dropout', x)
  requireProbability('dropout', 'the rate', rate)
  const dropped = less(randomUniform(key, x.shape), rate)
  return rate === 1 ? where(dropped, 0, stopGradient(x)) : where(dropped, 0, mul(x, 1 / (1 - rate)))
}

/**
 * Keys of independent streams, derived from one key: uint32 tensors of shape [2].
 * @example
 * const [first, second] = splitKey([0, 1])
 * first.shape // [2]
 */
export function splitKey(key: RandomKey, count = 2): Tensor[] {
  requireWhole('splitKey', 'count', count, 1)
  requireAtMost('splitKey', 'keys', count, 2 ** 20)
  const bits = randomBits(key, [count, 2])
  return Array.from({ length: count }, (_, i) => reshape(sliceAxis(bits, 0, i, i + 1), [2]))
}
