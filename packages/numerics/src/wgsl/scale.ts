// Scales by exponent arithmetic: WGSL's division is within 2.5 ulp only, so nothing here divides.
//
// Greatest magnitudes are given as bits: max(amax, bitcast<u32>(x) & 0x7fffffffu) over the values, as unsigned
// integers, where NaN is greatest.

import { type Format, type FormatName, nanCodeOf } from '../format.ts'
import {
  type MxFormat,
  type MxFormatName,
  type MxScalingOptions,
  mantissaLimit,
  mxFormatOf,
  mxScaleCode,
} from '../mx.ts'
import { decode } from '../one-number.ts'
import { formatOf } from '../registry.ts'
import { hex } from './literals.ts'

const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

function greatestBits(f: Format): number {
  scratch[0] = decode(f, f.maxFiniteCode)
  return scratchBits[0]
}

/**
 * WGSL text of `fn scale_by_power_of_two(x: f32, exponent: i32) -> f32`: x * 2^exponent, rounded to nearest even where
 * it is subnormal.
 * @example wgslScaleByPowerOfTwo().includes('fn scale_by_power_of_two(x: f32, exponent: i32) -> f32') // true
 */
export function wgslScaleByPowerOfTwo(): string {
  return `fn scale_by_power_of_two(x: f32, exponent: i32) -> f32 {
  let bits = bitcast<u32>(x);
  let sign = bits & 0x80000000u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude == 0u || magnitude >= 0x7f800000u) {
    return bitcast<f32>(bits);
  }
  let up = 23u - min(firstLeadingBit(magnitude), 23u);
  let significand = select((magnitude & 0x7fffffu) | 0x800000u, magnitude << up, magnitude < 0x800000u);
  let e = max(i32(magnitude >> 23u), 1) - i32(up) + clamp(exponent, -1000, 1000);
  if (e >= 255) {
    return bitcast<f32>(sign | 0x7f800000u);
  }
  if (e >= 1) {
    return bitcast<f32>(sign | (u32(e) << 23u) | (significand & 0x7fffffu));
  }
  let drop = u32(min(1 - e, 31));
  return bitcast<f32>(sign | ((significand + (1u << (drop - 1u)) - 1u + ((significand >> drop) & 1u)) >> drop));
}
`
}

/**
 * WGSL text of `fn power_of_two_scale_<name>(amax: u32) -> f32`: what `scaleFor(format, amax, { powerOfTwo: true })`
 * gives, amax as bits.
 * @throws RangeError for an unknown format
 * @example
 * wgslPowerOfTwoScale('float8_e4m3fn').includes('fn power_of_two_scale_float8_e4m3fn(amax: u32) -> f32') // true
 */
export function wgslPowerOfTwoScale(format: FormatName | Format): string {
  const f = formatOf(format)
  const greatest = greatestBits(f)
  return `fn power_of_two_scale_${f.name}(amax: u32) -> f32 {
  if (amax == 0u || amax >= 0x7f800000u) {
    return 1.0;
  }
  let up = 23u - min(firstLeadingBit(amax), 23u);
  let exponent = max(i32(amax >> 23u), 1) - i32(up);
  let mantissa = (amax << up) & 0x7fffffu;
  let scale = ${greatest >>> 23} - exponent - select(0, 1, mantissa > ${hex(greatest & 0x7fffff)});
  return bitcast<f32>(u32(clamp(scale, -126, 127) + 127) << 23u);
}
`
}

/**
 * WGSL text of `fn mx_scale_<name>(amax: u32) -> u32`: the float8_e8m0fnu code of a block's scale, as `mxScaleCode`
 * gives it, amax as bits.
 * @throws RangeError for an unknown format or rounding
 * @example wgslMxScale('mxfp8_e4m3').includes('fn mx_scale_mxfp8_e4m3(amax: u32) -> u32') // true
 */
export function wgslMxScale(format: MxFormatName | MxFormat, options: MxScalingOptions = {}): string {
  const { name, element } = mxFormatOf(format)
  mxScaleCode(format, 1, options)
  const greatest = greatestBits(element)
  const limit = mantissaLimit(element, greatest, options.scaleRounding ?? 'up')
  return `fn mx_scale_${name}(amax: u32) -> u32 {
  if (amax >= 0x7f800000u) {
    return select(0xfeu, 0xffu, amax > 0x7f800000u);
  }
  return u32(max(i32(amax >> 23u) - ${(greatest >>> 23) - 127} + select(0, 1, (amax & 0x7fffffu) > ${hex(limit)}), 0));
}
`
}

/**
 * WGSL text of `fn encode_<name>(x: f32, scale: u32) -> u32`: the element code of a value in a block with that scale
 * code. It calls `encode_<element>` and `scale_by_power_of_two` (`wgslEncode`, `wgslScaleByPowerOfTwo`).
 * @throws RangeError for an unknown format
 * @example wgslEncodeMx('mxfp8_e4m3').includes('fn encode_mxfp8_e4m3(x: f32, scale: u32) -> u32') // true
 */
export function wgslEncodeMx(format: MxFormatName | MxFormat): string {
  const { name, element } = mxFormatOf(format)
  return `fn encode_${name}(x: f32, scale: u32) -> u32 {
  if (scale == 0xffu) {
    return ${hex(nanCodeOf(element))};
  }
  return encode_${element.name}(scale_by_power_of_two(x, 127 - i32(scale)));
}
`
}

/**
 * WGSL text of `fn decode_<name>(code: u32, scale: u32) -> f32`: the value of an element code in a block with that
 * scale code. It calls `decode_<element>` and `scale_by_power_of_two`.
 * @throws RangeError for an unknown format
 * @example wgslDecodeMx('mxfp8_e4m3').includes('fn decode_mxfp8_e4m3(code: u32, scale: u32) -> f32') // true
 */
export function wgslDecodeMx(format: MxFormatName | MxFormat): string {
  const { name, element } = mxFormatOf(format)
  return `fn decode_${name}(code: u32, scale: u32) -> f32 {
  if (scale == 0xffu) {
    return bitcast<f32>((scale << 23u) | 0x400000u);
  }
  return scale_by_power_of_two(decode_${element.name}(code), i32(scale) - 127);
}
`
}
