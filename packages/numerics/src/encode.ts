// float32 -> code, in integer arithmetic on the bits of the float32.
//
// With M mantissa bits and smallest normal exponent E = 1 - bias, a float32 magnitude is sig * 2^(e - 23) where sig < 2^24.
// Its quantum in the target is 2^(max(e, E) - M), so `shift = max(e, E) - e + 23 - M` low bits of sig are rounded away, and
//   code = ((max(e, E) - E) << M) + rounded
// holds for normals and subnormals alike: a carry out of the mantissa lands in the exponent, where it belongs.

import {
  type CodeArray,
  checkCodes,
  codeArray,
  type Format,
  type FormatName,
  nanCodeOf,
  overflowCode,
  signBit,
} from './format.ts'
import { formatOf } from './registry.ts'

/**
 * How a value between two neighbours is rounded. `nearest-even` is IEEE 754's default. `toward-zero` truncates. `stochastic` goes up with
 * probability equal to the distance from the lower neighbour in units of their gap, so that the expected result is the value itself.
 */
export type Rounding = 'nearest-even' | 'toward-zero' | 'stochastic'

export interface EncodeOptions {
  /** Default `nearest-even`. */
  rounding?: Rounding
  /**
   * true: out of range, and infinity, become the greatest finite value. false: they become infinity, or NaN in a format without infinity
   * (under `toward-zero` finite values stop at the greatest finite one). Default: true for 8-bit formats, false for 16-bit ones. NaN stays NaN.
   */
  saturate?: boolean
  /** Uniform numbers in [0, 1) for `stochastic`: one is drawn for each value that the format does not hold exactly. Default Math.random. */
  random?: () => number
}

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/**
 * The code of `x` in `format`. Signed zero and subnormals are kept.
 *
 * `x` is first rounded to float32 (nearest even), then to the format. Where `x` is not a float32 this rounds twice, which can differ from
 * one direct rounding, when the float32 lands on the midpoint of two neighbours.
 * @throws RangeError unknown format or rounding; TypeError where x is not a number
 */
export function encode(format: FormatName | Format, x: number, options: EncodeOptions = {}): number {
  if (typeof x !== 'number') throw new TypeError(`encode: x must be a number, got ${typeof x}`)
  const f = formatOf(format)
  if (Number.isNaN(x)) return nanCodeOf(f)
  scratch[0] = x
  return encodeBits(f, scratchBits[0], checkOptions(f, options))
}

/**
 * Codes of a Float32Array. A NaN keeps its sign and becomes the format's canonical NaN.
 * @param source values
 * @param out codes go here, from index 0; at least as long as `source`; made when not given. Uint16Array for 16-bit, Uint8Array for 8-bit formats
 * @returns `out`
 * @throws TypeError for an array of the wrong kind; RangeError where out is too short, or for an unknown format or rounding
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
  const settings = checkOptions(f, options)
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length)
  if (settings.rounding !== 'nearest-even') {
    for (let i = 0; i < bits.length; i++) codes[i] = encodeBits(f, bits[i], settings)
  } else if (f.mantissaBits === 7 && f.bias === 127 && !settings.saturate) {
    encodeBfloat16(bits, codes)
  } else {
    encodeNearest(f, bits, codes, settings.saturate)
  }
  return codes
}

/** bfloat16 is the upper half of a float32: round the lower half away, the carry does the rest. */
function encodeBfloat16(bits: Uint32Array, codes: CodeArray): void {
  for (let i = 0; i < bits.length; i++) {
    const b = bits[i]
    codes[i] = (b & 0x7fffffff) > 0x7f800000 ? ((b >>> 16) & 0x8000) | 0x7fc0 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16
  }
}

function encodeNearest(f: Format, bits: Uint32Array, codes: CodeArray, saturate: boolean): void {
  const drop = 23 - f.mantissaBits
  const half = (1 << (drop - 1)) - 1
  const minNormal = (128 - f.bias) << 23
  const rebias = (127 - f.bias) << f.mantissaBits
  const subnormalShift = 128 - f.bias + drop
  const signShift = f.bits - 1
  const nan = nanCodeOf(f)
  const limit = saturate ? f.maxFiniteCode : overflowCode(f)
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
    codes[i] = ((b >>> 31) << signShift) | code
  }
}

interface Settings {
  rounding: Rounding
  saturate: boolean
  random: () => number
}

/** The code of one float32, given by its bits, under any rounding. */
function encodeBits(f: Format, bits: number, { rounding, saturate, random }: Settings): number {
  const sign = bits >>> 31 === 1 ? signBit(f) : 0
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | nanCodeOf(f)
  const limit = saturate ? f.maxFiniteCode : overflowCode(f)
  if (magnitude === 0x7f800000) return sign | limit
  const biased = Math.max(magnitude >>> 23, 1)
  const significand = magnitude < 0x800000 ? magnitude : (magnitude & 0x7fffff) | 0x800000
  const exponent = biased - 127
  const smallest = 1 - f.bias
  const quantum = Math.max(exponent, smallest)
  const gap = 2 ** (quantum - exponent + 23 - f.mantissaBits)
  const kept = Math.floor(significand / gap)
  const rest = significand - kept * gap
  let up = false
  if (rest > 0) {
    if (rounding === 'nearest-even') up = 2 * rest > gap || (2 * rest === gap && (kept & 1) === 1)
    else if (rounding === 'stochastic') up = random() * gap < rest
  }
  const code = ((quantum - smallest) << f.mantissaBits) + kept + (up ? 1 : 0)
  if (code <= f.maxFiniteCode) return sign | code
  return sign | (rounding === 'toward-zero' ? f.maxFiniteCode : limit)
}

function checkOptions(f: Format, options: EncodeOptions): Settings {
  const rounding = options.rounding ?? 'nearest-even'
  if (rounding !== 'nearest-even' && rounding !== 'toward-zero' && rounding !== 'stochastic')
    throw new RangeError(`rounding: '${rounding}' is unknown; use 'nearest-even', 'toward-zero' or 'stochastic'`)
  return { rounding, saturate: options.saturate ?? f.saturates, random: options.random ?? Math.random }
}
