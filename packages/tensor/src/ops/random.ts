// Counter-based random numbers (Threefry): the same bits on every backend.

import { requireTensor, shown } from '../arguments.ts'
import { ShapeError } from '../errors.ts'
import { checkShape, elementCount, type Shape } from '../shape.ts'
import { isTensor, type Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { bitwiseOr, bitwiseXor, shiftLeft, shiftRight } from './bitwise.ts'
import { cast } from './cast.ts'
import { constant, iota } from './leaf.ts'
import { log } from './log.ts'
import { requireRow } from './log-sum-exp.ts'
import { argMax } from './max.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { requireFloat } from './require.ts'
import { reshape } from './reshape.ts'
import { cos } from './sin-cos.ts'
import { slice } from './slice-concatenate.ts'
import { sqrt } from './sqrt.ts'
import { sub } from './sub.ts'

/**
 * Two 32-bit words that select a random stream: numbers, or a uint32 tensor of shape [2] for a key that changes from
 * call to call of a compiled function.
 */
export type RandomKey = readonly [number, number] | Tensor

function requireKey(key: unknown): void {
  if (isTensor(key) ? key.dtype === 'uint32' && key.ndim === 1 && key.size === 2 : twoNumbers(key)) return
  const help = typeof key === 'number' ? `; write [${key}, 0]` : ''
  throw new ShapeError(`randomBits: a key is two integers or a uint32 tensor of shape [2], got ${shown(key)}${help}`)
}

function twoNumbers(key: unknown): boolean {
  return Array.isArray(key) && key.length === 2 && key.every((word) => Number.isSafeInteger(word))
}

const rotations = [13, 15, 26, 6, 17, 29, 16, 24]

/**
 * Random 32-bit words by Threefry-2x32 with 20 rounds: element i is a pure function of (key, i), the same on every
 * backend.
 * @returns uint32 `shape`
 * @see Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011
 * @example randomBits([0, 1], [2, 3]).dtype // 'uint32'
 */
export function randomBits(key: RandomKey, shape: Shape): Tensor {
  checkShape('randomBits', shape)
  requireKey(key)
  const word = (i: number): Tensor =>
    Array.isArray(key) ? constant(key[i] >>> 0, 'uint32') : reshape(slice(key as Tensor, [i], [1]), [])
  const ks = [word(0), word(1)]
  ks.push(bitwiseXor(bitwiseXor(ks[0], ks[1]), 0x1bd11bda))
  const n = elementCount(shape)
  let a = add(iota([n], 0, 'uint32'), ks[0])
  let b = add(constant(0, 'uint32'), ks[1])
  for (let round = 0; round < 20; round++) {
    a = add(a, b)
    const r = rotations[round % 8]
    b = bitwiseXor(bitwiseOr(shiftLeft(b, r), shiftRight(b, 32 - r)), a)
    if (round % 4 === 3) {
      const s = (round + 1) / 4
      a = add(a, ks[s % 3])
      b = add(add(b, ks[(s + 1) % 3]), s)
    }
  }
  return reshape(bitwiseXor(a, b), shape)
}

/**
 * Uniform in [0, 1) with 23 random bits.
 * @example less(max(randomUniform([0, 1], [1000])), 1) // 1
 */
export function randomUniform(key: RandomKey, shape: Shape): Tensor {
  return mul(cast(shiftRight(randomBits(key, shape), 9), 'float32'), 2 ** -23)
}

/**
 * Normal with mean 0 and standard deviation 1, by the Box-Muller transform.
 * @example randomNormal([0, 1], [2, 3]).shape // [2, 3]
 */
export function randomNormal(key: RandomKey, shape: Shape): Tensor {
  checkShape('randomNormal', shape)
  const n = elementCount(shape)
  const u = randomUniform(key, [2, n])
  const radius = sqrt(mul(log(sub(1, slice(u, [0, 0], [1, n]))), -2))
  return reshape(mul(radius, cos(mul(slice(u, [1, 0], [1, n]), 2 * Math.PI))), shape)
}

/**
 * One index per row, drawn with probabilities softmax(logits), by the Gumbel-max trick.
 * @param logits [..., n]
 * @returns int32 [...]
 * @example categorical([0, 1], device.tensor([[0, 100, 0]])) // [1]
 */
export function categorical(key: RandomKey, logits: Tensor): Tensor {
  requireTensor('categorical', logits, 'logits')
  requireFloat('categorical', logits)
  requireRow('categorical', logits.shape)
  const u = add(randomUniform(key, logits.shape), 2 ** -24)
  return argMax(add(logits, neg(log(neg(log(u))))), -1)
}
