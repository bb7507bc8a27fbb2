// Encodes one float32, given as bits, under any rounding, in integer arithmetic.
//
// With M mantissa bits and smallest normal exponent E = 1 - bias, a float32 magnitude is sig * 2^(e - 23) where
// sig < 2^24. Its quantum in the target is 2^(max(e, E) - M), so the lowest max(e, E) - e + 23 - M bits of sig are
// rounded away, and
//   code = ((max(e, E) - E) << M) + rounded
// holds for normals and subnormals alike: a carry out of the mantissa increments the exponent.

import { type Format, nanCodeOf, overflowCode, signBit } from './format.ts'
import type { Settings } from './rounding.ts'

/**
 * The code of a float32.
 * @param bits the float32 as an unsigned integer
 * @param index position of the value, for seeded stochastic rounding
 */
export function encodeBits(f: Format, bits: number, settings: Settings, index: number): number {
  if (!f.signed) return encodePowerOfTwo(f, bits, settings, index)
  if (f.negativeZeroIsNaN && bits >>> 31 === 1) {
    const code = encodeBits(f, bits & 0x7fffffff, settings, index)
    return code === 0 ? 0 : code | signBit(f)
  }
  const sign = bits >>> 31 === 1 ? signBit(f) : 0
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | nanCodeOf(f)
  const limit = settings.saturate ? f.maxFiniteCode : overflowCode(f)
  if (magnitude === 0x7f800000) return sign | limit
  const exponent = Math.max(magnitude >>> 23, 1)
  const significand = magnitude < 0x800000 ? magnitude : (magnitude & 0x7fffff) | 0x800000
  const smallest = 128 - f.bias
  const quantum = Math.max(exponent, smallest)
  const shift = quantum - exponent + 23 - f.mantissaBits
  const kept = shift > 31 ? 0 : significand >>> shift
  const up = roundsUp(kept, shift > 31 ? significand : significand & ((1 << shift) - 1), shift, settings, index)
  const code = ((quantum - smallest) << f.mantissaBits) + kept + (up ? 1 : 0)
  if (code <= f.maxFiniteCode) return sign | code
  return sign | (settings.rounding === 'toward-zero' ? f.maxFiniteCode : limit)
}

/**
 * For powers of two: the significand is always 1, an odd number, so a tie goes up. Positive numbers below the smallest
 * value become it. Between 2^-127 and 2^-126, where float32 is subnormal, nearest even always goes up, as in ml_dtypes
 * (0.6.0), so that codes agree with it.
 */
function encodePowerOfTwo(f: Format, bits: number, settings: Settings, index: number): number {
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return f.nanCode
  if (magnitude === 0) return settings.saturate ? 0 : f.nanCode
  if (bits >>> 31 === 1) return f.nanCode
  if (magnitude === 0x7f800000) return settings.saturate ? f.maxFiniteCode : f.nanCode
  if (magnitude <= 0x400000) return 0
  if (magnitude < 0x800000 && settings.rounding === 'nearest-even') return 1
  const shift = magnitude < 0x800000 ? 22 : 23
  const code = (magnitude >>> 23) + (roundsUp(1, magnitude & ((1 << shift) - 1), shift, settings, index) ? 1 : 0)
  return settings.saturate ? Math.min(code, f.maxFiniteCode) : code
}

/** Whether `kept` + `rest` / 2^`shift` rounds to `kept` + 1. `rest` is below 2^24 and below 2^shift. */
function roundsUp(kept: number, rest: number, shift: number, settings: Settings, index: number): boolean {
  if (rest === 0 || settings.rounding === 'toward-zero') return false
  if (settings.rounding === 'stochastic') return settings.draw(index) < threshold(rest, shift)
  if (shift > 25) return false
  const half = 1 << (shift - 1)
  return rest > half || (rest === half && (kept & 1) === 1)
}

/** rest / 2^shift as a fraction of 2^32, rounded up. */
function threshold(rest: number, shift: number): number {
  if (shift < 32) return (rest << (32 - shift)) >>> 0
  const beyond = Math.min(shift - 32, 31)
  return ((rest + ((1 << beyond) >>> 0) - 1) >>> 0) >>> beyond
}
