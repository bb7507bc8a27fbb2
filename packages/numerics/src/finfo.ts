import { decode } from './decode.ts'
import type { Format, FormatName } from './format.ts'
import { formatOf } from './registry.ts'

/** The limits of a format, as numpy.finfo and ml_dtypes.finfo name them (in camelCase). */
export interface FormatInfo {
  name: string
  bits: number
  exponentBits: number
  mantissaBits: number
  bias: number
  /** Greatest finite value. */
  max: number
  /** Least finite value. */
  min: number
  /** Gap between 1 and the next greater value. */
  eps: number
  smallestNormal: number
  smallestSubnormal: number
  /** Greatest decimal precision: floor(mantissaBits * log10(2)). */
  precision: number
  hasInfinity: boolean
}

/** @throws RangeError for an unknown format */
export function finfo(format: FormatName | Format): FormatInfo {
  const f = formatOf(format)
  const max = decode(f, f.maxFiniteCode)
  return {
    name: f.name,
    bits: f.bits,
    exponentBits: f.exponentBits,
    mantissaBits: f.mantissaBits,
    bias: f.bias,
    max,
    min: -max,
    eps: 2 ** -f.mantissaBits,
    smallestNormal: 2 ** (1 - f.bias),
    smallestSubnormal: 2 ** (1 - f.bias - f.mantissaBits),
    precision: Math.floor(f.mantissaBits * Math.log10(2)),
    hasInfinity: f.hasInfinity,
  }
}
