// The formats as WGSL: functions to paste into a shader. They agree bit for bit with `encodeArray` and `decodeArray`.
//
// Everything is u32 arithmetic on bitcasts. WGSL lets an implementation flush subnormals and assume that NaN and infinity do not occur
// (section 15.7), so no float is ever compared, added or multiplied here.

import { type Format, type FormatName, nanCodeOf, overflowCode } from './format.ts'
import { formatOf } from './registry.ts'

/**
 * WGSL text of `fn decode_<name>(code: u32) -> f32`. Bits of `code` above the format's width are ignored.
 * @throws RangeError for an unknown format
 */
export function wgslDecode(format: FormatName | Format): string {
  const f = formatOf(format)
  if (isUpperBits(f)) return decodeUpperBits(f)
  return f.hasInfinity ? decodeWithInfinity(f) : decodeWithoutInfinity(f)
}

/**
 * WGSL text of `fn encode_<name>(x: f32) -> u32`: nearest even, the result in the low bits. The 8-bit formats saturate (infinity too), the
 * 16-bit ones overflow to infinity; NaN becomes the canonical NaN with its sign.
 * @throws RangeError for an unknown format
 */
export function wgslEncode(format: FormatName | Format): string {
  const f = formatOf(format)
  return isUpperBits(f) ? encodeUpperBits(f) : encodeAnyBias(f)
}

/** Whether codes are the upper bits of a float32. */
function isUpperBits(f: Format): boolean {
  return f.exponentBits === 8 && f.bias === 127 && !f.saturates
}

function hex(n: number): string {
  return `0x${(n >>> 0).toString(16)}u`
}

function decodeUpperBits(f: Format): string {
  return `fn decode_${f.name}(code: u32) -> f32 {
  return bitcast<f32>(code << ${32 - f.bits}u);
}
`
}

function decodeWithInfinity(f: Format): string {
  const drop = 23 - f.mantissaBits
  return `fn decode_${f.name}(code: u32) -> f32 {
  let sign = (code << ${32 - f.bits}u) & 0x80000000u;
  let magnitude = code & ${hex(2 ** (f.bits - 1) - 1)};
  if (magnitude > ${hex(f.maxFiniteCode)}) {
    return bitcast<f32>(sign | 0x7f800000u | ((magnitude - ${hex(f.infinityCode)}) << ${drop}u));
  }
  if (magnitude >= ${hex(1 << f.mantissaBits)}) {
    return bitcast<f32>(sign | ((magnitude << ${drop}u) + ${hex((127 - f.bias) << 23)}));
  }
  if (magnitude == 0u) {
    return bitcast<f32>(sign);
  }
  let top = firstLeadingBit(magnitude);
  return bitcast<f32>(sign | ((top + ${128 - f.bias - f.mantissaBits}u) << 23u) | ((magnitude << (23u - top)) & 0x7fffffu));
}
`
}

function decodeWithoutInfinity(f: Format): string {
  const drop = 23 - f.mantissaBits
  return `fn decode_${f.name}(code: u32) -> f32 {
  let sign = (code << ${32 - f.bits}u) & 0x80000000u;
  let magnitude = code & ${hex(2 ** (f.bits - 1) - 1)};
  if (magnitude > ${hex(f.maxFiniteCode)}) {
    return bitcast<f32>(sign | 0x7fc00000u);
  }
  if (magnitude >= ${hex(1 << f.mantissaBits)}) {
    return bitcast<f32>(sign | ((magnitude << ${drop}u) + ${hex((127 - f.bias) << 23)}));
  }
  if (magnitude == 0u) {
    return bitcast<f32>(sign);
  }
  let top = firstLeadingBit(magnitude);
  return bitcast<f32>(sign | ((top + ${128 - f.bias - f.mantissaBits}u) << 23u) | ((magnitude << (23u - top)) & 0x7fffffu));
}
`
}

function encodeUpperBits(f: Format): string {
  const drop = 32 - f.bits
  return `fn encode_${f.name}(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return ((bits >> 31u) << ${f.bits - 1}u) | ${hex(nanCodeOf(f))};
  }
  return (bits + ${hex((1 << (drop - 1)) - 1)} + ((bits >> ${drop}u) & 1u)) >> ${drop}u;
}
`
}

function encodeAnyBias(f: Format): string {
  const drop = 23 - f.mantissaBits
  return `fn encode_${f.name}(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 31u) << ${f.bits - 1}u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return sign | ${hex(nanCodeOf(f))};
  }
  if (magnitude >= ${hex((128 - f.bias) << 23)}) {
    let rounded = (magnitude + ${hex((1 << (drop - 1)) - 1)} + ((magnitude >> ${drop}u) & 1u)) >> ${drop}u;
    return sign | min(rounded - ${hex((127 - f.bias) << f.mantissaBits)}, ${hex(f.saturates ? f.maxFiniteCode : overflowCode(f))});
  }
  let significand = (magnitude & 0x7fffffu) | 0x800000u;
  let shift = min(${128 - f.bias + drop}u - (magnitude >> 23u), 31u);
  return sign | ((significand + (1u << (shift - 1u)) - 1u + ((significand >> shift) & 1u)) >> shift);
}
`
}
