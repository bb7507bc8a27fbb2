// WGSL that rounds a number to a code, in integer arithmetic.
import { type Format, type FormatName, nanCodeOf, overflowCode } from '../format.ts'
import { formatOf } from '../registry.ts'
import { type Rounding, settingsOf } from '../rounding.ts'
import { hex, isUpperBits } from './literals.ts'

export interface WgslEncodeOptions {
  /** Default `nearest-even`. */
  rounding?: Rounding
  /** As in `EncodeOptions`. Default: the format's `saturates`. */
  saturate?: boolean
}

/**
 * The name of the function that `wgslEncode` gives: `encode_<name>`, with `_toward_zero` or `_stochastic`, and with
 * `_saturating` or `_overflowing` where that is not the format's default, before `_<name>`.
 * @example wgslEncodeName('float8_e4m3fn', { rounding: 'stochastic' }) // 'encode_stochastic_float8_e4m3fn'
 */
export function wgslEncodeName(format: FormatName | Format, options: WgslEncodeOptions = {}): string {
  const f = formatOf(format)
  const { rounding, saturate } = settingsOf(f, options)
  const range = saturate === f.saturates ? '' : saturate ? '_saturating' : '_overflowing'
  return `encode${roundingNames[rounding]}${range}_${f.name}`
}

const roundingNames: Record<Rounding, string> = {
  'nearest-even': '',
  'toward-zero': '_toward_zero',
  stochastic: '_stochastic',
}

/**
 * WGSL text of `fn encode_<name>(x: f32) -> u32`, the code in the low bits; for stochastic rounding `fn
 * encode_stochastic_<name>(x: f32, random: u32) -> u32`, where `random` is what `random_bits(seed, index)` gives
 * (`wgslRandomBits`). NaN becomes the canonical NaN with its sign.
 * @throws RangeError for an unknown format or rounding
 * @example wgslEncode('bfloat16').includes('fn encode_bfloat16(x: f32) -> u32') // true
 */
export function wgslEncode(format: FormatName | Format, options: WgslEncodeOptions = {}): string {
  const f = formatOf(format)
  const { rounding, saturate } = settingsOf(f, options)
  const name = wgslEncodeName(f, options)
  if (f.negativeZeroIsNaN) return withoutNegativeZero(f, name, rounding, saturate)
  const limit = saturate ? f.maxFiniteCode : overflowCode(f)
  if (!f.signed) return powersOfTwo[rounding](f, name, saturate ? 0 : f.nanCode, saturate ? f.maxFiniteCode : f.nanCode)
  if (rounding === 'stochastic') return stochastic(f, name, limit)
  if (isUpperBits(f)) {
    if (rounding === 'toward-zero') return towardZeroUpperBits(f, name, limit)
    return saturate ? nearestUpperBitsSaturating(f, name) : nearestUpperBits(f, name)
  }
  return rounding === 'toward-zero' ? towardZero(f, name, limit) : nearest(f, name, limit)
}

/** Encodes the magnitude, then sets the sign bit unless the code is zero or NaN (0 and the sign bit alone). */
function withoutNegativeZero(f: Format, name: string, rounding: Rounding, saturate: boolean): string {
  const limit = saturate ? f.maxFiniteCode : overflowCode(f)
  const inner = `${name}_magnitude`
  const more = rounding === 'stochastic' ? [', random: u32', ', random'] : ['', '']
  const body = rounding === 'stochastic' ? stochastic : rounding === 'toward-zero' ? towardZero : nearest
  return `${body(f, inner, limit)}fn ${name}(x: f32${more[0]}) -> u32 {
  let bits = bitcast<u32>(x);
  let code = ${inner}(bitcast<f32>(bits & 0x7fffffffu)${more[1]});
  return select(code | ((bits >> 31u) << ${f.bits - 1}u), code, (code & ${hex((1 << (f.bits - 1)) - 1)}) == 0u);
}
`
}

function nearestUpperBits(f: Format, name: string): string {
  const drop = 32 - f.bits
  return `fn ${name}(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return ((bits >> 31u) << ${f.bits - 1}u) | ${hex(nanCodeOf(f))};
  }
  return (bits + ${hex((1 << (drop - 1)) - 1)} + ((bits >> ${drop}u) & 1u)) >> ${drop}u;
}
`
}

function nearestUpperBitsSaturating(f: Format, name: string): string {
  const drop = 32 - f.bits
  return `fn ${name}(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 31u) << ${f.bits - 1}u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return sign | ${hex(nanCodeOf(f))};
  }
  return sign | min((magnitude + ${hex((1 << (drop - 1)) - 1)} + ((magnitude >> ${drop}u) & 1u)) >> ${drop}u, ${hex(f.maxFiniteCode)});
}
`
}

function nearest(f: Format, name: string, limit: number): string {
  const drop = 23 - f.mantissaBits
  return `fn ${name}(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 31u) << ${f.bits - 1}u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return sign | ${hex(nanCodeOf(f))};
  }
  if (magnitude >= ${hex((128 - f.bias) << 23)}) {
    let rounded = (magnitude + ${hex((1 << (drop - 1)) - 1)} + ((magnitude >> ${drop}u) & 1u)) >> ${drop}u;
    return sign | min(rounded - ${hex((127 - f.bias) << f.mantissaBits)}, ${hex(limit)});
  }
  let significand = (magnitude & 0x7fffffu) | 0x800000u;
  let shift = min(${128 - f.bias + drop}u - (magnitude >> 23u), 31u);
  return sign | ((significand + (1u << (shift - 1u)) - 1u + ((significand >> shift) & 1u)) >> shift);
}
`
}

function towardZeroUpperBits(f: Format, name: string, limit: number): string {
  return `fn ${name}(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 31u) << ${f.bits - 1}u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return sign | ${hex(nanCodeOf(f))};
  }
  if (magnitude == 0x7f800000u) {
    return sign | ${hex(limit)};
  }
  return sign | (magnitude >> ${32 - f.bits}u);
}
`
}

function towardZero(f: Format, name: string, limit: number): string {
  const drop = 23 - f.mantissaBits
  return `fn ${name}(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 31u) << ${f.bits - 1}u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return sign | ${hex(nanCodeOf(f))};
  }
  if (magnitude == 0x7f800000u) {
    return sign | ${hex(limit)};
  }
  if (magnitude >= ${hex((128 - f.bias) << 23)}) {
    return sign | min((magnitude >> ${drop}u) - ${hex((127 - f.bias) << f.mantissaBits)}, ${hex(f.maxFiniteCode)});
  }
  let significand = (magnitude & 0x7fffffu) | 0x800000u;
  return sign | (significand >> min(${128 - f.bias + drop}u - (magnitude >> 23u), 31u));
}
`
}

/** Rounds up if `random` is below rest / 2^shift, as a fraction of 2^32. */
function stochastic(f: Format, name: string, limit: number): string {
  const smallest = 128 - f.bias
  return `fn ${name}(x: f32, random: u32) -> u32 {
  let bits = bitcast<u32>(x);
  let sign = (bits >> 31u) << ${f.bits - 1}u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    return sign | ${hex(nanCodeOf(f))};
  }
  if (magnitude == 0x7f800000u) {
    return sign | ${hex(limit)};
  }
  let exponent = max(magnitude >> 23u, 1u);
  let significand = (magnitude & 0x7fffffu) | select(0u, 0x800000u, magnitude >= 0x800000u);
  let quantum = max(exponent, ${smallest}u);
  let shift = quantum - exponent + ${23 - f.mantissaBits}u;
  let kept = significand >> min(shift, 31u);
  let rest = significand - (kept << min(shift, 31u));
  let beyond = min(max(shift, 32u) - 32u, 31u);
  let threshold = ((rest << (32u - min(shift, 32u))) + (1u << beyond) - 1u) >> beyond;
  let code = ((quantum - ${smallest}u) << ${f.mantissaBits}u) + kept + select(0u, 1u, random < threshold);
  return sign | select(code, ${hex(limit)}, code > ${hex(f.maxFiniteCode)});
}
`
}

/** Formats of powers of two. A tie goes up: the significand is always 1, an odd number. */
const powersOfTwo: Record<Rounding, (f: Format, name: string, zero: number, limit: number) => string> = {
  'nearest-even': (f, name, zero, limit) => `fn ${name}(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) == 0u) {
    return ${hex(zero)};
  }
  if (bits > 0x7f800000u) {
    return ${hex(f.nanCode)};
  }
  if (bits < 0x800000u) {
    return select(0u, 1u, bits > 0x400000u);
  }
  return min((bits + 0x400000u) >> 23u, ${hex(limit)});
}
`,
  'toward-zero': (f, name, zero, limit) => `fn ${name}(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) == 0u) {
    return ${hex(zero)};
  }
  if (bits > 0x7f800000u) {
    return ${hex(f.nanCode)};
  }
  return min(bits >> 23u, ${hex(limit)});
}
`,
  stochastic: (f, name, zero, limit) => `fn ${name}(x: f32, random: u32) -> u32 {
  let bits = bitcast<u32>(x);
  if ((bits & 0x7fffffffu) == 0u) {
    return ${hex(zero)};
  }
  if (bits > 0x7f800000u) {
    return ${hex(f.nanCode)};
  }
  if (bits < 0x400000u) {
    return 0u;
  }
  let threshold = select(bits << 9u, (bits & 0x3fffffu) << 10u, bits < 0x800000u);
  return min((bits >> 23u) + select(0u, 1u, random < threshold), ${hex(limit)});
}
`,
}
