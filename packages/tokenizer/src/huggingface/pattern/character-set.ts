/** Sets of characters, represented as the source of an ECMAScript character class. */
import type { Scanner } from './scanner.ts'

/** A set of characters. */
export type CharacterSet = {
  /** The source between the brackets of an ECMAScript character class. */
  readonly items: string
  readonly negated: boolean
  /** Whether it contains a nested class, which needs the flag `v`. */
  readonly nested: boolean
}

export function anyOf(): CharacterSet {
  return { items: '', negated: true, nested: false }
}

const escaped = (point: number) => `\\u{${point.toString(16)}}`

export function setOf(from: number, to = from): CharacterSet {
  return { items: from === to ? escaped(from) : `${escaped(from)}-${escaped(to)}`, negated: false, nested: false }
}

function named(items: string): CharacterSet {
  return { items, negated: false, nested: false }
}

export function notOf(set: CharacterSet): CharacterSet {
  return { ...set, negated: !set.negated }
}

/** A set as an item of another set. */
function asItem(set: CharacterSet): CharacterSet {
  if (!set.negated) return set
  return { items: `[^${set.items}]`, negated: false, nested: true }
}

export function unionOf(sets: readonly CharacterSet[]): CharacterSet {
  const items = sets.map(asItem)
  return { items: items.map((set) => set.items).join(''), negated: false, nested: items.some(({ nested }) => nested) }
}

export function intersectionOf(sets: readonly CharacterSet[]): CharacterSet {
  if (sets.length === 1) return sets[0]
  return { items: sets.map(classSource).join('&&'), negated: false, nested: true }
}

/** The set as an ECMAScript character class. */
export function classSource({ items, negated }: CharacterSet): string {
  return `[${negated ? '^' : ''}${items}]`
}

/** The meaning of `\w`, alone and in a class, which differs between Oniguruma and Rust's regex. */
export type Dialect = { readonly word: CharacterSet; readonly wordInClass: CharacterSet }

export const digits = named('\\p{Nd}')
export const hexDigits = named('0-9a-fA-F')
export const space = named('\\p{White_Space}')
const onigurumaWord = named('\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}')
/** Outside a class, Oniguruma looks `\w` up in a table of Latin-1 that includes superscripts and fractions. */
const onigurumaWordAlone = named(`${onigurumaWord.items}\\u{b2}\\u{b3}\\u{b9}\\u{bc}-\\u{be}`)
const rustWord = named('\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}')

export const Dialect = {
  oniguruma: { word: onigurumaWordAlone, wordInClass: onigurumaWord },
  /** @see https://www.unicode.org/reports/tr18/#Compatibility_Properties */
  rust: { word: rustWord, wordInClass: rustWord },
} as const satisfies Record<string, Dialect>

/** POSIX bracket names, which are also property names. */
const POSIX: Record<string, CharacterSet> = {
  alnum: named('\\p{Alphabetic}\\p{Nd}'),
  alpha: named('\\p{Alphabetic}'),
  ascii: named('\\u{0}-\\u{7f}'),
  blank: named('\\p{Zs}\\t'),
  cntrl: named('\\p{Cc}'),
  digit: digits,
  graph: { items: '\\p{White_Space}\\p{Cc}\\p{Cn}\\p{Cs}', negated: true, nested: false },
  lower: named('\\p{Lowercase}'),
  print: { items: '\\p{Cc}\\p{Cn}\\p{Cs}\\p{Zl}\\p{Zp}', negated: true, nested: false },
  punct: named('\\p{P}\\p{S}'),
  space,
  upper: named('\\p{Uppercase}'),
  word: onigurumaWord,
  xdigit: hexDigits,
}

/** @throws Error where the name is unknown */
export function posixSet(name: string): CharacterSet {
  const not = name.startsWith('^')
  const key = (not ? name.slice(1) : name).toLowerCase()
  if (!Object.hasOwn(POSIX, key)) throw new Error(`a class [:${name}:]`)
  return not ? notOf(POSIX[key]) : POSIX[key]
}

/** Parses `\p{...}` or `\P{...}`; as in Oniguruma, case, spaces, hyphens and underscores in names are ignored. */
export function readProperty(scanner: Scanner): CharacterSet {
  const found = /^\\([pP])(?:\{(\^?)([^}]{1,60})\}|([A-Z]))/.exec(scanner.source.slice(scanner.at, scanner.at + 70))
  if (!found) throw new Error('\\p without {...}')
  scanner.at += found[0].length
  const set = propertySet(found[3] ?? found[4])
  return (found[1] === 'P') !== (found[2] === '^') ? notOf(set) : set
}

function propertySet(name: string): CharacterSet {
  const key = name.toLowerCase().replaceAll(/[\s_-]/g, '')
  if (key === 'any') return anyOf()
  if (key === 'punct') return named('\\p{P}')
  if (key === 'word') return onigurumaWordAlone
  if (Object.hasOwn(POSIX, key)) return POSIX[key]
  const titled = name
    .split(/[\s_-]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase())
    .join('_')
  for (const candidate of new Set([name, titled, name.toUpperCase()])) {
    for (const property of [candidate, `Script=${candidate}`]) {
      try {
        new RegExp(`\\p{${property}}`, 'u')
        return named(`\\p{${property}}`)
      } catch {
        // Not a property of ECMAScript under this name: try the next spelling.
      }
    }
  }
  throw new Error(`the property ${name}`)
}

/** Characters that case-fold to a letter besides its upper and lower case. */
const TWINS: Record<string, string> = {
  s: '\u017f',
  k: '\u212a',
  å: '\u212b',
  ß: '\u1e9e',
  μ: '\u00b5',
  σ: 'ς',
  ς: 'σ',
  θ: 'ϑϴ',
  ω: '\u2126',
  β: 'ϐ',
  ε: 'ϵ',
  κ: 'ϰ',
  π: 'ϖ',
  ρ: 'ϱ',
  φ: 'ϕ',
  ι: '\u0345\u1fbe',
}

/**
 * All case variants of a character (Unicode simple case folding).
 * @throws Error where a variant has several characters, as ß and ss: Oniguruma would match those too
 */
export function withCases(point: number): CharacterSet {
  const given = String.fromCodePoint(point)
  if (Array.from(given.toUpperCase()).length > 1) throw new Error(`${given} where case is ignored`)
  const all = new Set<number>()
  const queue = [String.fromCodePoint(point)]
  for (const character of queue) {
    if (all.has(character.codePointAt(0)!)) continue
    all.add(character.codePointAt(0)!)
    for (const other of [character.toLowerCase(), character.toUpperCase(), ...(TWINS[character] ?? '')]) {
      if (Array.from(other).length === 1) queue.push(other)
    }
  }
  return named(Array.from(all, escaped).join(''))
}

/** Limit of the range whose characters are visited one by one. */
const WIDEST = 0x3000

/** A range with all case variants of its characters. */
export function rangeWithCases(from: number, to: number): CharacterSet {
  const more: CharacterSet[] = [setOf(from, to)]
  if (to - from > WIDEST) throw new Error(`a range of ${to - from + 1} characters where case is ignored`)
  for (let point = from; point <= to; point++) {
    const character = String.fromCodePoint(point)
    if (character.toLowerCase() !== character.toUpperCase()) more.push(withCases(point))
  }
  return unionOf(more)
}
