// WGSL that decodes a code, in integer arithmetic.
import type { Format, FormatName } from '../format.ts'
import { formatOf } from '../registry.ts'
import { hex, isUpperBits } from './literals.ts'

/**
 * WGSL text of `fn decode_<name>(code: u32) -> f32`. Bits of `code` above the format's width are ignored.
 * @throws RangeError for an unknown format
 * @example wgslDecode('float16').includes('fn decode_float16(code: u32) -> f32') // true
 */
export function wgslDecode(format: FormatName | Format): string {
  const f = formatOf(format)
  if (!f.signed) return decodePowerOfTwo(f)
  if (isUpperBits(f)) return decodeUpperBits(f)
  return decodeMagnitude(f)
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

/**
 * Without branches, so that invocations do not diverge. Below the smallest normal number the value is the magnitude, an
 * integer that float32 represents exactly, times a power of two.
 */
function decodeMagnitude(f: Format): string {
  const drop = 23 - f.mantissaBits
  const step = 2 ** (1 - f.bias - f.mantissaBits)
  const special = f.negativeZeroIsNaN
    ? `select(small, 0x7fc00000u, (code & ${hex(2 ** f.bits - 1)}) == ${hex(f.nanCode)})`
    : f.hasInfinity
      ? `select(small, 0x7f800000u | ((magnitude - ${hex(f.infinityCode)}) << ${drop}u), magnitude > ${hex(f.maxFiniteCode)})`
      : f.maxFiniteCode === 2 ** (f.bits - 1) - 1
        ? 'small'
        : `select(small, 0x7fc00000u, magnitude > ${hex(f.maxFiniteCode)})`
  return `fn decode_${f.name}(code: u32) -> f32 {
  let sign = (code << ${32 - f.bits}u) & 0x80000000u;
  let magnitude = code & ${hex(2 ** (f.bits - 1) - 1)};
  let normal = (magnitude << ${drop}u) + ${hex((127 - f.bias) << 23)};
  let small = select(normal, bitcast<u32>(f32(magnitude) * ${step}f), magnitude < ${hex(1 << f.mantissaBits)});
  return bitcast<f32>(sign | ${special});
}
`
}
