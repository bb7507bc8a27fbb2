// Encodes, decodes and rounds single numbers.

import { encodeBits } from './encode-bits.ts'
import { type Format, type FormatName, nanCodeOf, signBit } from './format.ts'
import { formatOf } from './registry.ts'
import { type EncodeOptions, settingsOf } from './rounding.ts'

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/**
 * The code of `x` in `format`, signed zeros and subnormals included.
 *
 * `x` is rounded once, from double precision to the format, as NumPy does it for float16. (ml_dtypes rounds arrays of
 * float64 to float32 first.)
 * @throws RangeError for an unknown format or rounding; TypeError if x is not a number
 * @example encode('float8_e4m3fn', 1) // 0x38
 */
export function encode(format: FormatName | Format, x: number, options: EncodeOptions = {}): number {
  if (typeof x !== 'number') throw new TypeError(`encode: x must be a number, got ${typeof x}`)
  const f = formatOf(format)
  const settings = settingsOf(f, options)
  if (Number.isNaN(x)) return nanCodeOf(f)
  return encodeBits(f, bitsToOdd(x), settings, 0)
}

/**
 * A double rounded to odd as float32 bits: truncated, and the last bit set to 1 if anything was cut off. Rounding the
 * result again, to a format of at most 11 significant bits, then gives the same as rounding the double once: it lies on
 * a midpoint only if the double does.
 * @see Boldo and Melquiond 2008, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd"
 */
function bitsToOdd(x: number): number {
  scratch[0] = x
  const near = scratch[0]
  if (near === x) return scratchBits[0]
  const bits = scratchBits[0]
  return ((Math.abs(near) > Math.abs(x) ? bits - 1 : bits) | 1) >>> 0
}

/**
 * The value of a code.
 * @throws RangeError if code is not an integer from 0 to 2^bits - 1
 * @example decode('float8_e4m3fn', 0x7e) // 448
 */
export function decode(format: FormatName | Format, code: number): number {
  const f = formatOf(format)
  if (!Number.isInteger(code) || code < 0 || code >= 2 ** f.bits)
    throw new RangeError(`decode: code must be an integer from 0 to ${2 ** f.bits - 1} for ${f.name}, got ${code}`)
  scratchBits[0] = decodeBits(f, code)
  return scratch[0]
}

/**
 * `x` rounded to a value of `format`: decode(encode(x)), with the same rules as `encode` (one rounding, from double
 * precision).
 * @throws RangeError for an unknown format or rounding; TypeError if x is not a number
 * @example
 * round('bfloat16', 1.01) // 1.0078125
 * round('float8_e4m3fn', 1000) // 448
 */
export function round(format: FormatName | Format, x: number, options: EncodeOptions = {}): number {
  return decode(format, encode(format, x, options))
}

/**
 * The value of a code as float32 bits, exactly. A NaN keeps its sign and the upper bits of its payload.
 * @param code 0 to 2^bits - 1
 */
export function decodeBits(f: Format, code: number): number {
  if (!f.signed) return code > f.maxFiniteCode ? 0x7fc00000 : code === 0 ? 0x400000 : code << 23
  const top = signBit(f)
  if (f.negativeZeroIsNaN && code === top) return 0x7fc00000
  const sign = (code & top) !== 0 ? 0x80000000 : 0
  const magnitude = code & (top - 1)
  const mantissaBits = f.mantissaBits
  let bits: number
  if (magnitude > f.maxFiniteCode) {
    if (magnitude === f.infinityCode) bits = 0x7f800000
    else bits = f.hasInfinity ? 0x7f800000 | ((magnitude - f.infinityCode) << (23 - mantissaBits)) : 0x7fc00000
  } else if (magnitude >>> mantissaBits !== 0) {
    bits = (magnitude << (23 - mantissaBits)) + ((127 - f.bias) << 23)
  } else if (f.bias === 127) {
    bits = magnitude << (23 - mantissaBits)
  } else if (magnitude === 0) {
    bits = 0
  } else {
    const top1 = 31 - Math.clz32(magnitude)
    bits = ((top1 + 128 - f.bias - mantissaBits) << 23) | ((magnitude << (23 - top1)) & 0x7fffff)
  }
  return (sign | bits) >>> 0
}
