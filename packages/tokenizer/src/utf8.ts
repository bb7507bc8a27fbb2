/**
 * UTF-8 by SentencePiece's rule: every byte that is not part of a well-formed sequence is one U+FFFD.
 * (The WHATWG TextDecoder replaces a maximal ill-formed prefix by one U+FFFD, so its output differs.)
 * @see RFC 3629 section 4 for the well-formed sequences
 */

export const REPLACEMENT = 0xfffd

/**
 * Decodes the sequence at `at`.
 * @returns code point * 8 + length in bytes, or -1 where the bytes are not well-formed
 */
export function decodeCharacter(bytes: Uint8Array, at: number, end: number): number {
  const a = bytes[at]
  if (a < 0x80) return a * 8 + 1
  const left = end - at
  if (a < 0xc2) return -1
  if (a < 0xe0) {
    if (left < 2 || (bytes[at + 1] & 0xc0) !== 0x80) return -1
    return (((a & 0x1f) << 6) | (bytes[at + 1] & 0x3f)) * 8 + 2
  }
  if (a < 0xf0) {
    if (left < 3 || (bytes[at + 1] & 0xc0) !== 0x80 || (bytes[at + 2] & 0xc0) !== 0x80) return -1
    const c = ((a & 0x0f) << 12) | ((bytes[at + 1] & 0x3f) << 6) | (bytes[at + 2] & 0x3f)
    return c < 0x800 || (c >= 0xd800 && c < 0xe000) ? -1 : c * 8 + 3
  }
  if (a < 0xf5) {
    if (left < 4) return -1
    if ((bytes[at + 1] & 0xc0) !== 0x80 || (bytes[at + 2] & 0xc0) !== 0x80 || (bytes[at + 3] & 0xc0) !== 0x80) return -1
    const c =
      ((a & 0x07) << 18) | ((bytes[at + 1] & 0x3f) << 12) | ((bytes[at + 2] & 0x3f) << 6) | (bytes[at + 3] & 0x3f)
    return c < 0x10000 || c > 0x10ffff ? -1 : c * 8 + 4
  }
  return -1
}

/** Whether `bytes[from..end)` is a proper prefix of a well-formed sequence. */
export function isIncompleteCharacter(bytes: ArrayLike<number>, from: number, end: number): boolean {
  const a = bytes[from]
  const have = end - from
  const need = a >= 0xf0 && a < 0xf5 ? 4 : a >= 0xe0 && a < 0xf0 ? 3 : a >= 0xc2 && a < 0xe0 ? 2 : 0
  if (have >= need) return false
  for (let i = 1; i < have; i++) if ((bytes[from + i] & 0xc0) !== 0x80) return false
  if (have >= 2) {
    const b = bytes[from + 1]
    if (a === 0xe0 && b < 0xa0) return false
    if (a === 0xed && b >= 0xa0) return false
    if (a === 0xf0 && b < 0x90) return false
    if (a === 0xf4 && b >= 0x90) return false
  }
  return true
}

/** Marks a malformed byte in decoded text: a surrogate, which well-formed UTF-8 never decodes to. */
export const MALFORMED = 0xdfff

/**
 * Decodes UTF-8 as SentencePiece does: each byte that is not part of a well-formed sequence becomes one U+FFFD, and a
 * byte order mark is kept.
 * @example textFromBytes(Uint8Array.of(0xe6, 0x9c, 0xa8)) // '木'
 */
export function textFromBytes(bytes: Uint8Array): string {
  return readBytes(bytes, REPLACEMENT)
}

/** Decodes UTF-8. @param malformed code point for each byte that is not part of a well-formed sequence */
export function readBytes(bytes: Uint8Array, malformed: number): string {
  const parts: string[] = []
  const units: number[] = []
  for (let i = 0; i < bytes.length; ) {
    const decoded = decodeCharacter(bytes, i, bytes.length)
    i += decoded < 0 ? 1 : decoded & 7
    pushUnits(units, decoded < 0 ? malformed : decoded >> 3)
    if (units.length >= 4096) {
      parts.push(String.fromCharCode(...units))
      units.length = 0
    }
  }
  return parts.join('') + String.fromCharCode(...units)
}

/** Appends the UTF-16 code units of a code point. */
export function pushUnits(units: number[], codePoint: number): void {
  if (codePoint < 0x10000) units.push(codePoint)
  else units.push(0xd800 + ((codePoint - 0x10000) >> 10), 0xdc00 + ((codePoint - 0x10000) & 0x3ff))
}

/** Length in bytes of the UTF-8 form of a code point. */
export function byteLengthOf(codePoint: number): number {
  return codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4
}

/** Byte `index` of the UTF-8 form of a code point. */
export function byteOf(codePoint: number, index: number): number {
  const length = byteLengthOf(codePoint)
  if (length === 1) return codePoint
  const shifted = codePoint >> (6 * (length - 1 - index))
  if (index > 0) return 0x80 | (shifted & 0x3f)
  return (length === 2 ? 0xc0 : length === 3 ? 0xe0 : 0xf0) | shifted
}

/**
 * The code point at `at` in UTF-16 units; a lone surrogate is U+FFFD. Its length is 2 units where it is above U+FFFF.
 */
export function codePointAt(units: Uint16Array, at: number, end: number): number {
  const a = units[at]
  if (a < 0xd800 || a > 0xdfff) return a
  if (a < 0xdc00 && at + 1 < end) {
    const b = units[at + 1]
    if (b >= 0xdc00 && b <= 0xdfff) return 0x10000 + ((a - 0xd800) << 10) + (b - 0xdc00)
  }
  return REPLACEMENT
}
