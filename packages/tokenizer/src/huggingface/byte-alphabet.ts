/** The characters that represent bytes in byte-level models. */
import { byteLengthOf, byteOf, REPLACEMENT } from '../utf8.ts'

/**
 * GPT-2's mapping of bytes to characters: printable Latin-1 characters map to themselves, the other bytes, in order, to
 * U+0100 and up.
 * @see Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.2 (code: encoder.py)
 */
const CHARACTER_OF: readonly string[] = (() => {
  const result: string[] = []
  let next = 0x100
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
    result.push(String.fromCharCode(printable ? byte : next++))
  }
  return result
})()

const BYTE_OF = new Map(CHARACTER_OF.map((character, byte) => [character, byte]))

const encoder = new TextEncoder()

/**
 * Maps the UTF-8 bytes of a text to the alphabet; a lone surrogate is U+FFFD. Written out, because this runs once a
 * word, and a TextEncoder takes longer to be called than to encode one.
 */
export function toByteAlphabet(text: string): string {
  let result = ''
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    // These map to themselves.
    if (unit > 0x20 && unit < 0x7f) continue
    result += text.slice(from, i)
    // What is not above U+FFFF then is a lone surrogate.
    const point = (unit & 0xf800) === 0xd800 ? Math.max(REPLACEMENT, text.codePointAt(i)!) : unit
    if (point > 0xffff) i++
    const length = byteLengthOf(point)
    for (let index = 0; index < length; index++) result += CHARACTER_OF[byteOf(point, index)]
    from = i + 1
  }
  return from === 0 ? text : result + text.slice(from)
}

/** Maps bytes to the alphabet. */
export function toByteAlphabetFromBytes(bytes: Uint8Array): string {
  let result = ''
  for (const byte of bytes) result += CHARACTER_OF[byte]
  return result
}

/** The characters of the alphabet by byte. */
export const byteAlphabet: readonly string[] = CHARACTER_OF

/** The bytes of a token; where it has characters outside the alphabet, its UTF-8. */
export function fromByteAlphabet(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length)
  for (let i = 0; i < token.length; i++) {
    const byte = BYTE_OF.get(token[i])
    if (byte === undefined) return encoder.encode(token)
    bytes[i] = byte
  }
  return bytes
}

/** The byte of each UTF-16 unit; -1 for those outside the alphabet. */
const byteOfUnit = new Int16Array(Math.max(...CHARACTER_OF.map((c) => c.charCodeAt(0))) + 1).fill(-1)
CHARACTER_OF.forEach((c, byte) => {
  byteOfUnit[c.charCodeAt(0)] = byte
})

/** The bytes of all tokens, one after the other, as of `fromByteAlphabet`, without an array for each. */
export function bytesOfTokens(tokens: readonly string[]): Uint8Array {
  const units = tokens.reduce((sum, token) => sum + token.length, 0)
  let bytes = new Uint8Array(units)
  let at = 0
  for (const token of tokens) {
    const begin = at
    let i = 0
    for (; i < token.length; i++) {
      const byte = byteOfUnit[token.charCodeAt(i)] ?? -1
      if (byte < 0) break
      bytes[at++] = byte
    }
    if (i === token.length) continue
    if (bytes.length === units) {
      // UTF-8 has three bytes for a unit at most.
      const larger = new Uint8Array(3 * units)
      larger.set(bytes)
      bytes = larger
    }
    at = begin
    for (const byte of encoder.encode(token)) bytes[at++] = byte
  }
  return bytes.subarray(0, at)
}

/** The character of the byte 0x20. */
export const SPACE_IN_ALPHABET = CHARACTER_OF[0x20]
