import type { Format, FormatName } from '../format.ts'
import { formatOf } from '../registry.ts'
import { hex, isUpperBits } from './literals.ts'

/**
 * WGSL text of `fn decode_<name>(code: u32) -> f32`. Bits of `code` above the format's width are ignored.
 * @throws RangeError for an unknown format
 */
export function wgslDecode(format: FormatName | Format): string {
  const f = formatOf(format)
  if (!f.signed) return decodePowerOfTwo(f)
  if (isUpperBits(f)) return decodeUpperBits(f)
  if (f.maxFiniteCode === 2 ** (f.bits - 1) - 1) return decodeFinite(f)
  return f.hasInfinity ? decodeWithInfinity(f) : decodeWithoutInfinity(f)
}

function decodePowerOfTwo(f: Format): string {
  return `fn decode_${f.name}(code: u32) -> f32 {
  let exponent = code & 0xffu;
  return bitcast<f32>((exponent << 23u) | select(0u, 0x400000u, exponent == 0u || exponent == ${hex(f.nanCode)}));
}
`
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

function decodeFinite(f: Format): string {
  const drop = 23 - f.mantissaBits
  return `fn decode_${f.name}(code: u32) -> f32 {
  let sign = (code << ${32 - f.bits}u) & 0x80000000u;
  let magnitude = code & ${hex(2 ** (f.bits - 1) - 1)};
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
