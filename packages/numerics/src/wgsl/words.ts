// WGSL that reads and writes codes packed in words of 32 bits.
import type { Format, FormatName } from '../format.ts'
import { formatOf } from '../registry.ts'
import { codesPerWord } from '../words.ts'
import { type WgslEncodeOptions, wgslEncodeName } from './encode.ts'
import { hex } from './literals.ts'

/**
 * WGSL text of `fn decode_word_<name>(word: u32) -> array<f32, N>`, N = codesPerWord: the values of a word as
 * `packWords` makes it. It calls `decode_<name>`, which has to be in the shader too (`wgslDecode`).
 * @throws RangeError for an unknown format
 * @example
 * // A shader that reads packed codes needs both functions.
 * const shader = [wgslDecode('float8_e4m3fn'), wgslDecodeWord('float8_e4m3fn')].join('\n')
 * shader.includes('fn decode_word_float8_e4m3fn(word: u32) -> array<f32, 4>') // true
 */
export function wgslDecodeWord(format: FormatName | Format): string {
  const f = formatOf(format)
  const n = codesPerWord(f)
  const values = Array.from({ length: n }, (_, i) => `decode_${f.name}(word >> ${(32 / n) * i}u)`)
  return `fn decode_word_${f.name}(word: u32) -> array<f32, ${n}> {
  return array<f32, ${n}>(${values.join(', ')});
}
`
}

/**
 * WGSL text of `fn encode_word_<name>(values: array<f32, N>) -> u32`. It calls `encode_<name>`, or the function that
 * `wgslEncodeName` names for the same options; with stochastic rounding it takes `random: array<u32, N>` too and is
 * `encode_word_stochastic_<name>`.
 * @throws RangeError for an unknown format or rounding
 * @example
 * const shader = [wgslEncode('bfloat16'), wgslEncodeWord('bfloat16')].join('\n')
 * shader.includes('fn encode_word_bfloat16(values: array<f32, 2>) -> u32') // true
 */
export function wgslEncodeWord(format: FormatName | Format, options: WgslEncodeOptions = {}): string {
  const f = formatOf(format)
  const n = codesPerWord(f)
  const encode = wgslEncodeName(f, options)
  const name = encode.replace('encode', 'encode_word')
  const word = (call: (i: number) => string) =>
    Array.from({ length: n }, (_, i) => `((${call(i)} & ${hex(2 ** f.bits - 1)}) << ${(32 / n) * i}u)`).join(' | ')
  if (options.rounding === 'stochastic')
    return `fn ${name}(values: array<f32, ${n}>, random: array<u32, ${n}>) -> u32 {
  return ${word((i) => `${encode}(values[${i}], random[${i}])`)};
}
`
  return `fn ${name}(values: array<f32, ${n}>) -> u32 {
  return ${word((i) => `${encode}(values[${i}])`)};
}
`
}
