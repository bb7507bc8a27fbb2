/** Parser of character classes in Oniguruma's syntax. */
import {
  type CharacterSet,
  digits,
  hexDigits,
  intersectionOf,
  notOf,
  posixSet,
  rangeWithCases,
  readProperty,
  setOf,
  space,
  unionOf,
  withCases,
} from './character-set.ts'
import { readEscapedPoint, type Scanner } from './scanner.ts'

const DEEPEST = 16

/**
 * Parses a class: ranges, nested classes, `&&` (which binds less tightly than juxtaposition), and POSIX names.
 * @throws Error with the reason where the class is malformed or not supported
 */
export function readClass(scanner: Scanner, fold: boolean, depth = 0): CharacterSet {
  if (depth > DEEPEST) throw new Error(`classes nested deeper than ${DEEPEST}`)
  const { source } = scanner
  scanner.at++
  const not = source[scanner.at] === '^'
  if (not) scanner.at++
  const sides: CharacterSet[] = []
  let items: CharacterSet[] = []
  const start = scanner.at
  for (;;) {
    const c = source[scanner.at]
    if (c === undefined) throw new Error('an unterminated character class')
    if (c === ']' && scanner.at > start) {
      scanner.at++
      sides.push(unionOf(items))
      const set = intersectionOf(sides)
      return not ? notOf(set) : set
    }
    if (c === '&' && source[scanner.at + 1] === '&') {
      scanner.at += 2
      sides.push(unionOf(items))
      items = []
      continue
    }
    if (c === '[') {
      const posix = /^\[:(\^?[a-zA-Z]+):\]/.exec(source.slice(scanner.at, scanner.at + 20))
      if (posix) {
        scanner.at += posix[0].length
        items.push(posixSet(posix[1]))
      } else items.push(readClass(scanner, fold, depth + 1))
      continue
    }
    const set = c === '\\' ? escapedSet(scanner) : undefined
    if (set) {
      items.push(set)
      continue
    }
    const from = readPoint(scanner)
    const rest = source.slice(scanner.at, scanner.at + 3)
    if (
      rest[0] === '-' &&
      rest[1] !== undefined &&
      rest[1] !== ']' &&
      rest[1] !== '[' &&
      !/^-\\[wWsSdDhHpP]/.test(rest)
    ) {
      scanner.at++
      const to = readPoint(scanner)
      if (to < from) throw new Error(`a reversed range from ${String.fromCodePoint(from)}`)
      items.push(fold ? rangeWithCases(from, to) : setOf(from, to))
    } else items.push(fold ? withCases(from) : setOf(from))
  }
}

function readPoint(scanner: Scanner): number {
  const { source, at } = scanner
  if (source[at] === '\\') {
    if (source[at + 1] !== 'b') return readEscapedPoint(scanner)
    scanner.at += 2
    return 8
  }
  const point = source.codePointAt(at)!
  scanner.at += point > 0xffff ? 2 : 1
  return point
}

/** The class of an escape such as `\w`; undefined where the escape is a single character. */
function escapedSet(scanner: Scanner): CharacterSet | undefined {
  const c = scanner.source[scanner.at + 1]
  if (c === 'p' || c === 'P') return readProperty(scanner)
  const sets: Record<string, CharacterSet> = { w: scanner.dialect.wordInClass, s: space, d: digits, h: hexDigits }
  const lower = c?.toLowerCase()
  if (lower === undefined || !Object.hasOwn(sets, lower)) return undefined
  scanner.at += 2
  return c === lower ? sets[lower] : notOf(sets[lower])
}
