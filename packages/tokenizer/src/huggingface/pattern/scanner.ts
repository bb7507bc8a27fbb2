/** Position in a pattern during parsing, and escapes of single characters. */
import type { Dialect } from './character-set.ts'

/** A pattern during parsing, with the current position. */
export type Scanner = { readonly source: string; readonly dialect: Dialect; at: number }

const CONTROLS: Record<string, number> = { n: 10, t: 9, r: 13, f: 12, v: 11, a: 7, e: 27 }

/**
 * Parses an escape of a single character.
 * @returns its code point
 * @throws Error where the escape is malformed or not supported
 */
export function readEscapedPoint(scanner: Scanner): number {
  const { source, at } = scanner
  const found = /^\\(?:x\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|(0[0-7]{0,2}))/.exec(
    source.slice(at, at + 12),
  )
  if (found) {
    scanner.at += found[0].length
    const point = found[4] ? Number.parseInt(found[4], 8) : Number.parseInt(found[1] ?? found[2] ?? found[3], 16)
    if (point > 0x10ffff) throw new Error(`${found[0]} is not a code point`)
    return point
  }
  const c = source.codePointAt(at + 1)
  if (c === undefined) throw new Error('ends in a backslash')
  const letter = String.fromCodePoint(c)
  if (Object.hasOwn(CONTROLS, letter)) {
    scanner.at += 2
    return CONTROLS[letter]
  }
  if (/[0-9A-Za-z]/.test(letter)) throw new Error(`\\${letter}`)
  scanner.at += 1 + letter.length
  return c
}
