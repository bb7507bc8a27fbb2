// A cast with stochastic rounding.

import { finfo } from '@kumiki/numerics/value'
import { requireDType, requireTensor, shown } from '../arguments.ts'
import { type DType, isPacked } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import type { Tensor } from '../tensor.ts'
import { abs } from './abs.ts'
import { add } from './add.ts'
import { bitcast } from './bitcast.ts'
import { bitwiseAnd, bitwiseOr, shiftRight } from './bitwise.ts'
import { cast } from './cast.ts'
import { less } from './compare.ts'
import { floor } from './floor.ts'
import { mul } from './mul.ts'
import { type RandomKey, randomBits } from './random.ts'
import { where } from './where.ts'

/**
 * Stochastic rounding to a narrow float format: up or down at random, with the probabilities for which the mean is
 * exact, so that small changes to a narrow weight are not lost. The same key gives the same bits on every backend.
 * @param key see randomBits; use another one for every call
 * @throws DTypeError unless x is float32 and the format is narrower
 * @example castStochastic(device.tensor([1.5, 2]), 'bfloat16', [0, 1]) // [1.5, 2]
 */
export function castStochastic(x: Tensor, dtype: DType, key: RandomKey): Tensor {
  requireTensor('castStochastic', x)
  requireDType('castStochastic', dtype)
  if (x.dtype !== 'float32' || !isPacked(dtype))
    throw new DTypeError(
      `castStochastic: needs a float32 tensor and a narrower float format, got ${x.dtype} and ${shown(dtype)}`,
    )
  const { eps: epsilon, smallestNormal } = finfo(dtype)
  const dropped = 23 + Math.log2(epsilon)
  const random = randomBits(key, x.shape)
  const bits = bitcast(x, 'uint32')
  const magnitude = bitwiseAnd(bits, 0x7fffffff)
  // Adds random bits below the last bit kept, then truncates to it.
  const up = add(bits, shiftRight(random, 32 - dropped))
  let rounded = bitcast(bitwiseAnd(up, (0xffffffff << dropped) >>> 0), 'float32')
  if (smallestNormal > 2 ** -126) {
    // Subnormal numbers of the format are evenly spaced.
    const spacing = smallestNormal * epsilon
    const uniform = mul(cast(shiftRight(random, 9), 'float32'), 2 ** -23)
    const steps = mul(floor(add(mul(abs(x), 1 / spacing), uniform)), spacing)
    const signed = bitcast(bitwiseOr(bitcast(steps, 'uint32'), bitwiseAnd(bits, 0x80000000)), 'float32')
    rounded = where(less(abs(x), smallestNormal), signed, rounded)
  }
  return cast(where(less(magnitude, 0x7f800000), rounded, x), dtype)
}
