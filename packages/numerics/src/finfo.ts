// The limits of a format: greatest and smallest numbers, precision.
import { type Format, type FormatName, signBit } from './format.ts'
import { decode } from './one-number.ts'
import { formatOf } from './registry.ts'

/**
 * The limits of a format, as numpy.finfo and ml_dtypes.finfo name them (in camelCase), and its codes of infinity and
 * NaN.
 */
export interface FormatInfo {
  name: string
  bits: number
  exponentBits: number
  mantissaBits: number
  bias: number
  /** Greatest finite value. */
  max: number
  /** Least finite value (float8_e8m0fnu: the smallest, all being positive). */
  min: number
  /** Gap between 1 and the next greater value. */
  eps: number
  smallestNormal: number
  /** Smallest value above zero. In a format without subnormals the smallest normal one. */
  smallestSubnormal: number
  /** Greatest decimal precision: floor(mantissaBits * log10(2)). */
  precision: number
  hasInfinity: boolean
  /** Codes of +infinity and -infinity; empty where there are none. */
  infinityCodes: readonly number[]
  /** Every code that is NaN, ascending; empty where there are none. */
  nanCodes: readonly number[]
}

/**
 * The limits of a format.
 * @throws RangeError for an unknown format
 * @example finfo('float8_e5m2').max // 57344
 */
export function finfo(format: FormatName | Format): FormatInfo {
  const f = formatOf(format)
  const max = decode(f, f.maxFiniteCode)
  const smallestNormal = f.signed ? 2 ** (1 - f.bias) : 2 ** -f.bias
  const signs = f.signed ? [0, signBit(f)] : [0]
  const first = (f.hasInfinity ? f.infinityCode : f.maxFiniteCode) + 1
  const nanCount = 2 ** f.bits / signs.length - first
  return {
    name: f.name,
    bits: f.bits,
    exponentBits: f.exponentBits,
    mantissaBits: f.mantissaBits,
    bias: f.bias,
    max,
    min: f.signed ? -max : smallestNormal,
    eps: 2 ** -f.mantissaBits,
    smallestNormal,
    smallestSubnormal: f.signed ? smallestNormal * 2 ** -f.mantissaBits : smallestNormal,
    precision: Math.floor(f.mantissaBits * Math.log10(2)),
    hasInfinity: f.hasInfinity,
    infinityCodes: f.hasInfinity ? signs.map((sign) => sign | f.infinityCode) : [],
    nanCodes: f.negativeZeroIsNaN
      ? [f.nanCode]
      : signs.flatMap((sign) => Array.from({ length: nanCount }, (_, i) => sign | (first + i))),
  }
}
