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

/** Maps the UTF-8 bytes of a text to the alphabet. */
export function toByteAlphabet(text: string): string {
  return toByteAlphabetFromBytes(encoder.encode(text))
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

/** The character of the byte 0x20. */
export const SPACE_IN_ALPHABET = CHARACTER_OF[0x20]
