// Encodes arrays of float32. Nearest even has its own loops, and SIMD for long arrays; the other rounding modes encode
// value by value.

import { encodeBits } from './encode-bits.ts'
import {
  type CodeArray,
  checkCodes,
  codeArray,
  type Format,
  type FormatName,
  nanCodeOf,
  overflowCode,
} from './format.ts'
import { formatOf } from './registry.ts'
import { type EncodeOptions, settingsOf } from './rounding.ts'
import { encodeWithSimd } from './simd/run.ts'

/**
 * Codes of a Float32Array. A NaN keeps its sign and becomes the format's canonical NaN, or the greatest finite value
 * where there is no NaN.
 * @param source values
 * @param out receives the codes, from index 0; at least as long as `source`; allocated if not given. Uint16Array for
 *   16-bit formats, Uint8Array for the others
 * @returns `out`
 * @throws TypeError for an array of the wrong kind; RangeError if out is too short, or for an unknown format or
 *   rounding
 * @example encodeArray('float8_e4m3fn', Float32Array.of(0.1, -1.7, 300)) // [29, 190, 121]
 */
export function encodeArray(
  format: FormatName | Format,
  source: Float32Array,
  out?: CodeArray,
  options: EncodeOptions = {},
): CodeArray {
  const f = formatOf(format)
  if (!(source instanceof Float32Array)) throw new TypeError('encodeArray: source must be a Float32Array')
  const codes = out ?? codeArray(f, source.length)
  checkCodes('encodeArray: out', f, codes)
  if (codes.length < source.length)
    throw new RangeError(`encodeArray: out has ${codes.length} elements, source has ${source.length}`)
  const settings = settingsOf(f, options)
  if (settings.rounding === 'nearest-even' && f.signed) {
    if (!encodeWithSimd(f, source, codes, settings.saturate)) encodeNearest(f, source, codes, settings.saturate)
    return codes
  }
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length)
  for (let i = 0; i < bits.length; i++) codes[i] = encodeBits(f, bits[i], settings, i)
  return codes
}

/** Nearest even without SIMD, for signed formats. `codes` is at least as long as `source`. */
export function encodeNearest(f: Format, source: Float32Array, codes: CodeArray, saturate: boolean): void {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length)
  if (f.mantissaBits === 7 && f.bias === 127 && !saturate) encodeBfloat16(bits, codes)
  else encodeAnyBias(f, bits, codes, saturate)
}

/** bfloat16 is the upper half of a float32: a carry out of the rounded lower half increments it. */
function encodeBfloat16(bits: Uint32Array, codes: CodeArray): void {
  for (let i = 0; i < bits.length; i++) {
    const b = bits[i]
    codes[i] = (b & 0x7fffffff) > 0x7f800000 ? ((b >>> 16) & 0x8000) | 0x7fc0 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16
  }
}

function encodeAnyBias(f: Format, bits: Uint32Array, codes: CodeArray, saturate: boolean): void {
  const drop = 23 - f.mantissaBits
  const half = (1 << (drop - 1)) - 1
  const minNormal = (128 - f.bias) << 23
  const rebias = (127 - f.bias) << f.mantissaBits
  const subnormalShift = 128 - f.bias + drop
  const signShift = f.bits - 1
  const nan = nanCodeOf(f)
  const limit = saturate ? f.maxFiniteCode : overflowCode(f)
  const unsignedZero = f.negativeZeroIsNaN === true
  for (let i = 0; i < bits.length; i++) {
    const b = bits[i]
    const magnitude = b & 0x7fffffff
    let code: number
    if (magnitude > 0x7f800000) {
      code = nan
    } else {
      if (magnitude >= minNormal) {
        code = ((magnitude + half + ((magnitude >>> drop) & 1)) >>> drop) - rebias
      } else {
        const exponent = magnitude >>> 23
        const significand = exponent === 0 ? magnitude << 1 : (magnitude & 0x7fffff) | 0x800000
        const shift = Math.min(subnormalShift - exponent, 31)
        code = (significand + (1 << (shift - 1)) - 1 + ((significand >>> shift) & 1)) >>> shift
      }
      if (code > f.maxFiniteCode) code = limit
    }
    // Where negative zero is NaN, zero has no sign.
    codes[i] = code === 0 && unsignedZero ? 0 : ((b >>> 31) << signShift) | code
  }
}
