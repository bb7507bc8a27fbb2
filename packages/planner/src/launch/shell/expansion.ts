/**
 * Expands words: variables, arrays, defaults, arithmetic. Limited in depth, in the size of values and in total work.
 */
import type { ArithmeticWord, DoubleQuotedChild, ParameterExpansionPart, Word, WordPart } from 'unbash'
import { show } from '../../check.ts'
import { calculate } from './arithmetic.ts'

const maxWords = 200_000
const maxValue = 2 ** 20
/** Limit of characters and words copied by all expansions together, and of the nesting depth of defaults. */
const maxWork = 2 ** 29
const maxDepth = 64

/** A piece of a word: text, and whether it is split at white space. */
interface Piece {
  readonly text: string
  readonly splits: boolean
}
/** The end of a word within `"${NAME[@]}"`. */
const wordEnd = Symbol('end of a word')

export class Expansion {
  readonly variables = new Map<string, readonly string[]>()
  private readonly notes: Set<string>
  private work = 0
  private depth = 0

  constructor(environment: Readonly<Record<string, string>>, notes: Set<string>) {
    for (const [name, value] of Object.entries(environment)) this.variables.set(name, [String(value)])
    this.notes = notes
  }

  /** Counts work, so that a script whose values grow with every line cannot run for hours. */
  spend(amount: number): void {
    this.work += amount
    if (this.work > maxWork) throw new RangeError(`launch: its expansions copy more than ${maxWork} characters`)
  }

  set(name: string, values: readonly string[]): void {
    let length = 0
    this.spend(16 * values.length)
    for (const value of values) length += value.length
    if (length > maxValue || values.length > maxWords) {
      throw new RangeError(`launch: ${name} grows past ${maxValue} characters or ${maxWords} words`)
    }
    this.variables.set(name, values)
  }

  checkCount(words: readonly string[]): void {
    if (words.length > maxWords) throw new RangeError(`launch: a word expands into more than ${maxWords}`)
    this.spend(16 * words.length)
  }

  /** Expands a word without splitting, as in an assignment. */
  text(word: Word): string {
    let text = ''
    for (const piece of this.pieces(word)) text = this.bounded(text + (piece === wordEnd ? ' ' : piece.text))
    return text
  }

  /** Expands a word to the arguments of a command. */
  words(word: Word): string[] {
    const words: string[] = []
    let current: string | null = null
    const end = () => {
      if (current !== null) words.push(current)
      current = null
    }
    for (const piece of this.pieces(word)) {
      if (piece === wordEnd) end()
      else if (!piece.splits) current = (current ?? '') + piece.text
      else {
        piece.text.split(/\s+/).forEach((part, i) => {
          if (i > 0) end()
          if (part !== '') current = (current ?? '') + part
        })
      }
    }
    end()
    this.checkCount(words)
    return words
  }

  /** A variable's value; for an array, all values joined. */
  value(name: string): string {
    return (this.variables.get(name) ?? this.missing(name)).join(' ')
  }

  /** `12`, `$NAME`, `${NAME:-4}`; a bare name is its variable, unset is 0. */
  private arithmeticWord(word: ArithmeticWord): string {
    const text = word.parts ? this.text({ ...word, type: 'Word', text: word.value }) : word.value
    return /^[A-Za-z_]\w*$/.test(text) ? this.value(text) || '0' : text
  }

  private pieces(word: Word): (Piece | typeof wordEnd)[] {
    this.depth++
    if (this.depth > maxDepth) throw new RangeError(`launch: expansions nest deeper than ${maxDepth}`)
    const pieces = word.parts ? word.parts.flatMap((part) => this.part(part)) : [{ text: word.value, splits: false }]
    this.depth--
    for (const piece of pieces) if (piece !== wordEnd) this.bounded(piece.text)
    return pieces
  }

  private part(part: WordPart): (Piece | typeof wordEnd)[] {
    switch (part.type) {
      case 'Literal':
      case 'SingleQuoted':
      case 'AnsiCQuoted':
        return [{ text: part.value, splits: false }]
      case 'DoubleQuoted':
      case 'LocaleString':
        // "" is an empty word, "${NAME[@]}" of an empty array is no word.
        return part.parts.length === 0
          ? [{ text: '', splits: false }]
          : part.parts.flatMap((child) => this.expanded(child, true))
      case 'Glob':
      case 'ExtendedGlob':
      case 'BraceExpansion':
        return [{ text: part.text, splits: false }]
      case 'ProcessSubstitution':
        return this.notRun(part.text)
      default:
        return this.expanded(part, false)
    }
  }

  private expanded(part: DoubleQuotedChild, quoted: boolean): (Piece | typeof wordEnd)[] {
    const one = (text: string) => [{ text, splits: !quoted }]
    switch (part.type) {
      case 'Literal':
        return [{ text: part.value, splits: false }]
      case 'SimpleExpansion':
        // A script's arguments are unknown; "$@" is treated as empty.
        return quoted && part.text === '$@' ? [] : one(this.value(part.text.slice(1)))
      case 'CommandExpansion':
        return this.notRun(part.text)
      case 'ArithmeticExpansion': {
        const result = part.expression ? calculate(part.expression, (word) => this.arithmeticWord(word)) : null
        if (result !== null) return one(String(result))
        this.notes.add(`the arithmetic ${show(part.text.slice(3, 63))} cannot be evaluated`)
        return one('')
      }
      case 'ParameterExpansion':
        return this.parameter(part, quoted)
    }
  }

  private parameter(part: ParameterExpansionPart, quoted: boolean): (Piece | typeof wordEnd)[] {
    const { parameter: name, operation, prefix, index } = part
    const all = index?.value === '@' || index?.value === '*'
    if (prefix === '#' && !operation && (all || !index)) {
      const values = this.variables.get(name) ?? this.missing(name)
      return [{ text: String(all ? values.length : values.join(' ').length), splits: false }]
    }
    if (prefix || (index && !all) || (operation && operation.type !== 'Default')) {
      this.notes.add(`the expansion ${show(part.text.slice(0, 60))} is not supported`)
      return [{ text: '', splits: !quoted }]
    }
    if (operation?.type === 'Default') {
      const values = this.variables.get(name)
      const known = (values ?? []).join(' ')
      const isSet = operation.operator.startsWith(':') ? known !== '' : values !== undefined
      const kind = operation.operator.at(-1)
      if (kind === '+' ? isSet : !isSet && kind !== '?') {
        const pieces = this.pieces(operation.operand)
        if (kind === '=') this.set(name, [this.text(operation.operand)])
        return pieces.map((piece) =>
          piece === wordEnd || quoted ? piece : { ...piece, splits: piece.splits || !part.text.includes('"') },
        )
      }
      if (kind === '+') return [{ text: '', splits: !quoted }]
    }
    const values = this.variables.get(name) ?? this.missing(name)
    if (all && index?.value === '@' && quoted)
      return values.flatMap((text, i) => [...(i > 0 ? [wordEnd as typeof wordEnd] : []), { text, splits: false }])
    return [{ text: values.join(' '), splits: !quoted }]
  }

  private notRun(text: string): Piece[] {
    this.notes.add(`the command ${show(text.slice(0, 60))} is not executed`)
    return []
  }

  private missing(name: string): readonly string[] {
    if (!/^(\d+|[@*#?$!-])$/.test(name)) this.notes.add(`the variable ${name} is not set`)
    return []
  }

  private bounded(text: string): string {
    this.spend(text.length)
    if (text.length > maxValue) throw new RangeError(`launch: a value grows past ${maxValue} characters`)
    return text
  }
}
