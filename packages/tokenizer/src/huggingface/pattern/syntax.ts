/** Parser of Oniguruma's regular expression syntax. */
import { readClass } from './character-class.ts'
import {
  anyOf,
  type CharacterSet,
  Dialect,
  digits,
  hexDigits,
  notOf,
  readProperty,
  setOf,
  space,
  withCases,
} from './character-set.ts'
import { readEscapedPoint, type Scanner } from './scanner.ts'

/** A zero-width assertion. */
export type Assertion =
  | 'text start'
  | 'text end'
  | 'line start'
  | 'line end'
  | 'last line end'
  | 'word boundary'
  | 'no word boundary'
  | 'search start'

/** The syntax tree of a pattern. */
export type PatternNode =
  | { type: 'set'; set: CharacterSet }
  | { type: 'sequence'; items: PatternNode[] }
  | { type: 'alternation'; items: PatternNode[] }
  | { type: 'repeat'; body: PatternNode; min: number; max: number; mode: 'greedy' | 'lazy' | 'possessive' }
  | { type: 'atomic'; body: PatternNode }
  | { type: 'capture'; body: PatternNode; index: number }
  | { type: 'lookaround'; behind: boolean; negative: boolean; body: PatternNode }
  | { type: 'backreference'; index: number; fold: boolean }
  | { type: 'assertion'; assertion: Assertion; word: CharacterSet }

type Flags = { fold: boolean; dotAll: boolean; extended: boolean }

const LONGEST = 10_000
const DEEPEST = 64
/** Oniguruma's limit of counted repeats. */
const MOST_TIMES = 100_000

/**
 * Parses a regular expression of Oniguruma (its Ruby syntax) or of Rust's regex, which differ in the meaning of `\w`.
 * @throws Error with the reason where the pattern is malformed or not supported
 * @see https://github.com/kkos/oniguruma/blob/master/doc/RE
 */
export function parsePattern(source: string, dialect: Dialect = Dialect.oniguruma): PatternNode {
  if (source.length > LONGEST) throw new Error(`longer than ${LONGEST.toLocaleString('en')} characters`)
  return new Parser(source, dialect).parse()
}

class Parser implements Scanner {
  readonly source: string
  readonly dialect: Dialect
  at = 0
  private depth = 0
  private captures = 0
  private readonly named: boolean
  private readonly names = new Map<string, number>()
  private readonly backreferences: { index: number }[] = []

  constructor(source: string, dialect: Dialect) {
    this.source = source
    this.dialect = dialect
    // As in Oniguruma, unnamed groups do not capture where there are named ones.
    this.named = /\(\?<[^=!]/.test(source)
  }

  parse(): PatternNode {
    const node = this.alternation({ fold: false, dotAll: false, extended: false })
    if (this.at < this.source.length) throw new Error('a ) without (')
    for (const { index } of this.backreferences)
      if (index < 1 || index > this.captures) throw new Error(`no group ${index}`)
    return node
  }

  private alternation(given: Flags): PatternNode {
    if (++this.depth > DEEPEST) throw new Error(`groups nested deeper than ${DEEPEST}`)
    let flags = given
    const items: PatternNode[] = []
    let sequence: PatternNode[] = []
    for (;;) {
      const c = this.source[this.at]
      if (c === undefined || c === ')') break
      if (c === '|') {
        this.at++
        items.push({ type: 'sequence', items: sequence })
        sequence = []
        continue
      }
      const changed = this.flagsAlone(flags)
      if (changed) {
        flags = changed
        continue
      }
      const node = this.atom(flags)
      if (node) sequence.push(this.repeated(node, flags))
    }
    this.depth--
    const last: PatternNode = { type: 'sequence', items: sequence }
    return items.length === 0 ? last : { type: 'alternation', items: [...items, last] }
  }

  /** `(?i)`: flags for the rest of the group. */
  private flagsAlone(flags: Flags): Flags | undefined {
    const head = /^\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?\)/.exec(this.source.slice(this.at, this.at + 20))
    if (!head) return undefined
    this.at += head[0].length
    return withFlags(flags, head[1], head[2] ?? '')
  }

  private atom(flags: Flags): PatternNode | undefined {
    const c = this.source[this.at]
    if (c === '(') return this.group(flags)
    if (c === '\\') return this.escape(flags)
    if (c === '[') return { type: 'set', set: readClass(this, flags.fold) }
    if (c === '*' || c === '+' || c === '?') throw new Error(`${c} with nothing before it`)
    if (c === '^' || c === '$') {
      this.at++
      return this.assertion(c === '^' ? 'line start' : 'line end')
    }
    if (c === '.') {
      this.at++
      return { type: 'set', set: flags.dotAll ? anyOf() : notOf(setOf(10)) }
    }
    if (flags.extended && /\s/.test(c)) {
      this.at++
      return undefined
    }
    if (flags.extended && c === '#') {
      const end = this.source.indexOf('\n', this.at)
      this.at = end < 0 ? this.source.length : end + 1
      return undefined
    }
    const point = this.source.codePointAt(this.at)!
    this.at += point > 0xffff ? 2 : 1
    return { type: 'set', set: flags.fold ? withCases(point) : setOf(point) }
  }

  private group(flags: Flags): PatternNode | undefined {
    const rest = this.source.slice(this.at, this.at + 80)
    const head =
      /^\((?:\?(?:<?[=!]|[:>#]|([a-zA-Z]*)(?:-([a-zA-Z]*))?:|<([\p{L}_][\p{L}\p{N}_]*)>|'([\p{L}_][\p{L}\p{N}_]*)'))?/u.exec(
        rest,
      )!
    this.at += head[0].length
    if (head[0] === '(?#') {
      this.at = this.source.indexOf(')', this.at) + 1
      if (this.at === 0) throw new Error('an unterminated comment')
      return undefined
    }
    if (head[0] === '(' && this.source[this.at] === '?')
      throw new Error(`(${this.source.slice(this.at, this.at + 2)}...)`)
    if (head[0] === '(' && this.source[this.at] === '*') throw new Error('a callout (*...)')
    const name = head[3] ?? head[4]
    let index = 0
    if (name !== undefined || (head[0] === '(' && !this.named)) {
      index = ++this.captures
      if (name !== undefined) {
        if (this.names.has(name)) throw new Error(`two groups named ${name}`)
        this.names.set(name, index)
      }
    }
    const body = this.alternation(head[1] !== undefined ? withFlags(flags, head[1], head[2] ?? '') : flags)
    if (this.source[this.at] !== ')') throw new Error('a ( without )')
    this.at++
    const look = /^\(\?(<?)([=!])/.exec(head[0])
    if (look) return { type: 'lookaround', behind: look[1] === '<', negative: look[2] === '!', body }
    if (head[0] === '(?>') return { type: 'atomic', body }
    return index > 0 ? { type: 'capture', body, index } : body
  }

  private escape(flags: Flags): PatternNode {
    const c = this.source[this.at + 1]
    if (c === undefined) throw new Error('ends in a backslash')
    const { dialect } = this
    const simple: Record<string, () => PatternNode> = {
      A: () => this.assertion('text start'),
      z: () => this.assertion('text end'),
      Z: () => this.assertion('last line end'),
      G: () => this.assertion('search start'),
      b: () => this.assertion('word boundary'),
      B: () => this.assertion('no word boundary'),
      w: () => ({ type: 'set', set: dialect.word }),
      W: () => ({ type: 'set', set: notOf(dialect.word) }),
      s: () => ({ type: 'set', set: space }),
      S: () => ({ type: 'set', set: notOf(space) }),
      d: () => ({ type: 'set', set: digits }),
      D: () => ({ type: 'set', set: notOf(digits) }),
      h: () => ({ type: 'set', set: hexDigits }),
      H: () => ({ type: 'set', set: notOf(hexDigits) }),
      N: () => ({ type: 'set', set: notOf(setOf(10)) }),
      O: () => ({ type: 'set', set: anyOf() }),
      R: newline,
    }
    if (Object.hasOwn(simple, c)) {
      this.at += 2
      return simple[c]()
    }
    if (c === 'p' || c === 'P') return { type: 'set', set: readProperty(this) }
    const back = /^\\(?:([1-9]\d?)|k<(-?\d+)>|k<([^>]+)>|k'([^']+)')/.exec(this.source.slice(this.at, this.at + 80))
    if (back) {
      this.at += back[0].length
      const name = back[3] ?? back[4]
      let index = Number(back[1] ?? back[2])
      if (index < 0) index += this.captures + 1
      if (name !== undefined) {
        const known = this.names.get(name)
        if (known === undefined) throw new Error(`no group named ${name} before \\k`)
        index = known
      }
      const node = { type: 'backreference' as const, index, fold: flags.fold }
      this.backreferences.push(node)
      return node
    }
    const point = readEscapedPoint(this)
    return { type: 'set', set: flags.fold ? withCases(point) : setOf(point) }
  }

  private assertion(assertion: Assertion): PatternNode {
    return { type: 'assertion', assertion, word: this.dialect.word }
  }

  /** Quantifiers after an atom. As in Ruby they nest, except `?` (lazy) and `+` (possessive) after `?`, `*` and `+`. */
  private repeated(atom: PatternNode, flags: Flags): PatternNode {
    let node = atom
    for (;;) {
      if (flags.extended) while (/^\s/.test(this.source.slice(this.at, this.at + 1))) this.at++
      const found = /^(?:([*+?])([?+]?)|\{(\d*)(,?)(\d*)\}(\??))/.exec(this.source.slice(this.at, this.at + 24))
      if (!found || (found[1] === undefined && found[3] === '' && found[5] === '')) return node
      this.at += found[0].length
      if (found[1] !== undefined) {
        const mode = found[2] === '?' ? 'lazy' : found[2] === '+' ? 'possessive' : 'greedy'
        node = {
          type: 'repeat',
          body: node,
          min: found[1] === '+' ? 1 : 0,
          max: found[1] === '?' ? 1 : Number.POSITIVE_INFINITY,
          mode,
        }
        continue
      }
      const exact = found[4] === ''
      let min = Number(found[3])
      const max = exact ? min : found[5] === '' ? Number.POSITIVE_INFINITY : Number(found[5])
      if (min > MOST_TIMES || (max > MOST_TIMES && max !== Number.POSITIVE_INFINITY))
        throw new Error(`${found[0]} is over ${MOST_TIMES}`)
      if (min > max) throw new Error(`${found[0]} has its minimum above its maximum`)
      // In Ruby a{2}? is (?:a{2})?.
      if (exact && found[6] === '?') {
        node = { type: 'repeat', body: node, min, max, mode: 'greedy' }
        min = 0
        node = { type: 'repeat', body: node, min: 0, max: 1, mode: 'greedy' }
      } else node = { type: 'repeat', body: node, min, max, mode: found[6] === '?' ? 'lazy' : 'greedy' }
    }
  }
}

/** `\R`: CR LF, or a single line terminator. */
function newline(): PatternNode {
  const set = (from: number, to = from): PatternNode => ({ type: 'set', set: setOf(from, to) })
  const items: PatternNode[] = [
    { type: 'sequence', items: [set(13), set(10)] },
    set(10, 13),
    set(0x85),
    set(0x2028, 0x2029),
  ]
  return { type: 'atomic', body: { type: 'alternation', items } }
}

function withFlags(flags: Flags, on: string, off: string): Flags {
  const unknown = /[^imx]/.exec(on + off)
  if (unknown) throw new Error(`the option ${unknown[0]}`)
  const pick = (letter: string, before: boolean) => (on.includes(letter) || before) && !off.includes(letter)
  return { fold: pick('i', flags.fold), dotAll: pick('m', flags.dotAll), extended: pick('x', flags.extended) }
}
