/**
 * Patterns of a tokenizer.json: matched by RegExp where that is equivalent and safe, else by a backtracking matcher.
 */
import { TokenizerError } from '../tokenizer-error.ts'
import { asRecord, asText } from './json-value.ts'
import { Dialect } from './pattern/character-set.ts'
import { PatternMachine } from './pattern/machine.ts'
import { nativePattern } from './pattern/native.ts'
import { type PatternNode, parsePattern } from './pattern/syntax.ts'

/** A part of a text, and whether the pattern matched it. */
export type PatternPart = { from: number; to: number; match: boolean }

/** A pattern of a `tokenizer.json`: a literal or a regular expression. */
export class Pattern {
  /** The equivalent `RegExp`; undefined where there is none. */
  private readonly native: RegExp | undefined
  private readonly machine: () => PatternMachine

  constructor(native: RegExp | undefined, machine: () => PatternMachine) {
    this.native = native
    let made: PatternMachine | undefined
    this.machine = () => (made ??= machine())
  }

  /** Splits the text into matches and the parts between them; none for an empty text. */
  partsOf(text: string): PatternPart[] {
    if (text === '') return []
    const native = this.native
    if (native) {
      try {
        return partsBy(native, text)
      } catch (error) {
        // A match of millions of characters overflows the stack of RegExp.
        if (!(error instanceof RangeError)) throw error
      }
    }
    const parts: PatternPart[] = []
    let at = 0
    for (const [from, to] of this.machine().matches(text)) at = addPart(parts, at, from, to)
    if (at < text.length) parts.push({ from: at, to: text.length, match: false })
    return parts
  }
}

/**
 * Matches of an expression with the flag g and the parts between them. This is the hot path, so it loops over `exec`.
 */
function partsBy(native: RegExp, text: string): PatternPart[] {
  const parts: PatternPart[] = []
  let at = 0
  native.lastIndex = 0
  for (let found = native.exec(text); found !== null; found = native.exec(text)) {
    const from = found.index
    const to = from + found[0].length
    if (from === to) native.lastIndex = to + (text.codePointAt(to)! > 0xffff ? 2 : 1)
    at = addPart(parts, at, from, to)
  }
  if (at < text.length) parts.push({ from: at, to: text.length, match: false })
  return parts
}

/** Appends a match, preceded by the part between it and the last match. @returns the end of the last part */
function addPart(parts: PatternPart[], at: number, from: number, to: number): number {
  // As in Hugging Face's: no empty match directly after a match.
  if (from === to && from === at && at > 0) return at
  if (from > at) parts.push({ from: at, to: from, match: false })
  parts.push({ from, to, match: true })
  return to
}

/** @throws TokenizerError where the pattern is neither a `String` nor a `Regex`, or its syntax is not supported */
export function readPattern(value: unknown, where: string): Pattern {
  if (typeof value === 'string') return literal(value)
  const record = asRecord(value, where)
  if (record.String !== undefined) return literal(asText(record.String, `${where}.String`))
  return compile(asText(record.Regex, `${where}.Regex`), where)
}

/** @throws TokenizerError where the syntax is not supported */
export function compile(source: string, where: string, dialect: keyof typeof Dialect = 'oniguruma'): Pattern {
  const named = <T>(make: () => T): T => {
    try {
      return make()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new TokenizerError(
        `tokenizer.json: ${where} ${JSON.stringify(source.slice(0, 100))} is not supported: ${reason.slice(0, 200)}`,
      )
    }
  }
  return named(() => {
    const node = parsePattern(source, Dialect[dialect])
    const native = nativePattern(node)
    if (native) return new Pattern(native, () => named(() => new PatternMachine(node)))
    const machine = new PatternMachine(node)
    return new Pattern(undefined, () => machine)
  })
}

/** @param text an empty string matches nowhere */
function literal(text: string): Pattern {
  const node = (): PatternNode => parsePattern(text === '' ? '(?!)' : text.replaceAll(/[\\^$.*+?()[\]{}|/&-]/g, '\\$&'))
  const native = text === '' ? /(?!)/gu : new RegExp(text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'gu')
  return new Pattern(native, () => new PatternMachine(node()))
}
