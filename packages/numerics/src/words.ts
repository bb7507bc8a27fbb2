// Codes packed into 32-bit words, as in GPU buffers: 2 of 16 bits, 4 of 8 or of 6 (a 6-bit code takes a byte, as in
// ml_dtypes), or 8 of 4 bits per word; the first code in the lowest bits. Unused bits of the last word are zero.

import { decodeArray } from './decode.ts'
import { encodeArray } from './encode.ts'
import { type CodeArray, checkCodes, codeArray, type Format, type FormatName } from './format.ts'
import { formatOf } from './registry.ts'
import type { EncodeOptions } from './rounding.ts'

/**
 * How many codes of a format a 32-bit word holds: 2, 4 or 8.
 * @example codesPerWord('float8_e4m3fn') // 4
 */
export function codesPerWord(format: FormatName | Format): 2 | 4 | 8 {
  const { bits } = formatOf(format)
  return bits > 8 ? 2 : bits > 4 ? 4 : 8
}

/**
 * Packs codes into words.
 * @param out at least ceil(codes.length / codesPerWord) long; allocated if not given
 * @returns `out`
 * @throws TypeError for an array of the wrong kind; RangeError for an unknown format, or if out is too short
 * @example packWords('float8_e4m3fn', Uint8Array.of(1, 2, 3, 4)) // [0x04030201]
 */
export function packWords(format: FormatName | Format, codes: CodeArray, out?: Uint32Array): Uint32Array {
  const f = formatOf(format)
  checkCodes('packWords: codes', f, codes)
  const words = checkWords('packWords: out', f, out ?? new Uint32Array(wordCount(f, codes.length)), codes.length)
  pack(f, codes, words)
  return words
}

/**
 * Unpacks codes from words.
 * @param count how many codes to take
 * @param out at least `count` long; allocated if not given
 * @returns `out`
 * @throws TypeError for an array of the wrong kind; RangeError for an unknown format, or if words or out are too short
 *   for count
 * @example unpackWords('float8_e4m3fn', Uint32Array.of(0x04030201), 3) // [1, 2, 3]
 */
export function unpackWords(
  format: FormatName | Format,
  words: Uint32Array,
  count: number,
  out?: CodeArray,
): CodeArray {
  const f = formatOf(format)
  checkCount('unpackWords', f, words, count)
  const codes = out ?? codeArray(f, count)
  checkCodes('unpackWords: out', f, codes)
  if (codes.length < count) throw new RangeError(`unpackWords: out has ${codes.length} elements, count is ${count}`)
  unpack(f, words, codes.length === count ? codes : codes.subarray(0, count))
  return codes
}

/** On a little-endian machine (nearly all are), packed codes of 8 and 16 bits are the bytes of the array of codes. */
const littleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

/**
 * The words' memory as an array of `count` codes, or undefined where packing is not just a reinterpretation of bytes.
 */
function asCodes(f: Format, words: Uint32Array, count: number): CodeArray | undefined {
  if (!littleEndian || codesPerWord(f) === 8) return undefined
  const Codes = f.bits > 8 ? Uint16Array : Uint8Array
  return new Codes(words.buffer as ArrayBuffer, words.byteOffset, count)
}

/** Values converted at a time where codes are not the words' own bytes. */
const piece = 4096
const staged16 = new Uint16Array(piece)
const staged8 = new Uint8Array(piece)

/**
 * Encodes values to packed codes: packWords(encodeArray(source)), without an array of codes in between.
 * @param out at least ceil(source.length / codesPerWord) long; allocated if not given
 * @returns `out`
 * @throws as `encodeArray` and `packWords`
 * @example encodeWords('bfloat16', Float32Array.of(1, 2)) // [0x40003f80]
 */
export function encodeWords(
  format: FormatName | Format,
  source: Float32Array,
  out?: Uint32Array,
  options: EncodeOptions = {},
): Uint32Array {
  const f = formatOf(format)
  if (!(source instanceof Float32Array)) throw new TypeError('encodeWords: source must be a Float32Array')
  const words = checkWords('encodeWords: out', f, out ?? new Uint32Array(wordCount(f, source.length)), source.length)
  const own = asCodes(f, words, source.length)
  if (own !== undefined) {
    if (source.length % codesPerWord(f) !== 0) words[wordCount(f, source.length) - 1] = 0
    encodeArray(f, source, own, options)
    return words
  }
  const staged = f.bits > 8 ? staged16 : staged8
  const { firstIndex = 0 } = options
  for (let start = 0; start < source.length; start += piece) {
    const end = Math.min(start + piece, source.length)
    const codes = staged.subarray(0, end - start)
    encodeArray(f, source.subarray(start, end), codes, { ...options, firstIndex: firstIndex + start })
    pack(f, codes, words.subarray(start / codesPerWord(f)))
  }
  return words
}

/**
 * Values of packed codes.
 * @param count how many values to take
 * @param out at least `count` long; allocated if not given
 * @returns `out`
 * @throws as `unpackWords` and `decodeArray`
 * @example decodeWords('bfloat16', Uint32Array.of(0x40003f80), 2) // [1, 2]
 */
export function decodeWords(
  format: FormatName | Format,
  words: Uint32Array,
  count: number,
  out?: Float32Array,
): Float32Array {
  const f = formatOf(format)
  checkCount('decodeWords', f, words, count)
  const values = out ?? new Float32Array(count)
  if (!(values instanceof Float32Array)) throw new TypeError('decodeWords: out must be a Float32Array')
  if (values.length < count) throw new RangeError(`decodeWords: out has ${values.length} elements, count is ${count}`)
  const own = asCodes(f, words, count)
  if (own !== undefined) return decodeArray(f, own, values)
  const staged = f.bits > 8 ? staged16 : staged8
  for (let start = 0; start < count; start += piece) {
    const end = Math.min(start + piece, count)
    const codes = staged.subarray(0, end - start)
    unpack(f, words.subarray(start / codesPerWord(f)), codes)
    decodeArray(f, codes, values.subarray(start, end))
  }
  return values
}

function wordCount(f: Format, codes: number): number {
  return Math.ceil(codes / codesPerWord(f))
}

function pack(f: Format, codes: CodeArray, words: Uint32Array): void {
  const perWord = codesPerWord(f)
  const stride = 32 / perWord
  const mask = 2 ** f.bits - 1
  for (let w = 0, i = 0; i < codes.length; w++) {
    let word = 0
    for (let shift = 0; shift < 32 && i < codes.length; shift += stride) word |= (codes[i++] & mask) << shift
    words[w] = word
  }
}

function unpack(f: Format, words: Uint32Array, codes: CodeArray): void {
  const perWord = codesPerWord(f)
  const log = Math.log2(perWord)
  const stride = 32 / perWord
  const mask = 2 ** f.bits - 1
  for (let i = 0; i < codes.length; i++) codes[i] = (words[i >>> log] >>> ((i & (perWord - 1)) * stride)) & mask
}

function checkWords(what: string, f: Format, words: Uint32Array, codes: number): Uint32Array {
  if (!(words instanceof Uint32Array)) throw new TypeError(`${what} must be a Uint32Array`)
  const needed = wordCount(f, codes)
  if (words.length < needed)
    throw new RangeError(`${what} has ${words.length} words, ${codes} codes of ${f.name} need ${needed}`)
  return words
}

function checkCount(what: string, f: Format, words: Uint32Array, count: number): void {
  if (!Number.isSafeInteger(count) || count < 0)
    throw new RangeError(`${what}: count must be an integer of at least 0, got ${count}`)
  checkWords(`${what}: words`, f, words, count)
}
