/**
 * Reads the part of shell scripts that launches are written in: assignments, arrays, arithmetic, defaults, simple tests. Nothing is ever
 * run: what would need running (command substitutions, loops, functions) stays unknown and is told.
 */
import { show } from '../check.ts'

/** What a script says. */
export interface ShellReading {
  /** Every simple command, expanded into words. */
  readonly commands: readonly (readonly string[])[]
  readonly variables: ReadonlyMap<string, readonly string[]>
  /** Options of `#SBATCH` lines. */
  readonly sbatch: ReadonlyMap<string, string>
  /** What could not be known. */
  readonly notes: readonly string[]
}

const mostText = 4 * 2 ** 20
const mostWords = 200_000
const mostValue = 2 ** 20
/** Characters and words that all expansions together may copy, and how deep defaults may nest. */
const mostWork = 2 ** 29
const deepest = 64

interface Word {
  /** Pieces between quotes of any kind; `split` where unquoted. */
  readonly pieces: readonly { readonly text: string; readonly quote: '' | "'" | '"' }[]
  /** `( ... )` of an array. */
  readonly array?: readonly Word[]
}

class Scanner {
  at = 0
  readonly text: string
  constructor(text: string) {
    this.text = text
  }

  /** Words up to the end of a command; null at the end of the text. */
  command(): Word[] | null {
    const words: Word[] = []
    for (;;) {
      this.space()
      const c = this.text[this.at]
      if (c === undefined) return words.length > 0 ? words : null
      if (c === '\n' || c === ';' || c === '&' || c === '|') {
        this.at++
        if (words.length > 0) return words
        continue
      }
      if (c === '#') this.line()
      else if (c === '(' || c === ')' || c === '<' || c === '>') {
        // Subshells and redirections bring no arguments.
        this.at++
        if (c === '>' || c === '<') {
          while (this.text[this.at] === c || this.text[this.at] === '&') this.at++
          this.space()
          this.word()
        }
      } else words.push(this.word())
      if (words.length > mostWords) throw new RangeError(`launch: a command may have at most ${mostWords} words`)
    }
  }

  private line(): void {
    while (this.at < this.text.length && this.text[this.at] !== '\n') this.at++
  }

  private space(): void {
    for (;;) {
      const c = this.text[this.at]
      if (c === ' ' || c === '\t' || c === '\r') this.at++
      else if (c === '\\' && /^\\\r?\n/.test(this.text.slice(this.at, this.at + 3))) {
        this.at += this.text[this.at + 1] === '\r' ? 3 : 2
      } else return
    }
  }

  private word(): Word {
    const pieces: { text: string; quote: '' | "'" | '"' }[] = []
    let plain = ''
    const push = (text: string, quote: "'" | '"') => {
      if (plain) pieces.push({ text: plain, quote: '' })
      plain = ''
      pieces.push({ text, quote })
    }
    for (;;) {
      const c = this.text[this.at]
      if (c === undefined || /[\s;|&<>)]/.test(c)) break
      if (c === "'") {
        const end = this.text.indexOf("'", this.at + 1)
        if (end < 0) throw new RangeError("launch: a ' has no end")
        push(this.text.slice(this.at + 1, end), "'")
        this.at = end + 1
      } else if (c === '"') push(this.doubleQuoted(), '"')
      else if (c === '\\') {
        if (this.text[this.at + 1] === '\n') {
          this.at += 2
          break
        }
        push(this.text[this.at + 1] ?? '', "'")
        this.at += 2
      } else if (c === '(') {
        if (!/^\w+\+?=$/.test(plain) || pieces.length > 0) break
        this.at++
        return { pieces: [{ text: plain, quote: '' }], array: this.array() }
      } else if (c === '$' && (this.text[this.at + 1] === '{' || this.text[this.at + 1] === '(')) {
        plain += this.balanced(this.at + 1)
      } else if (c === '`') {
        const end = this.text.indexOf('`', this.at + 1)
        if (end < 0) throw new RangeError('launch: a ` has no end')
        plain += `$(${this.text.slice(this.at + 1, end)})`
        this.at = end + 1
      } else {
        plain += c
        this.at++
      }
    }
    if (plain) pieces.push({ text: plain, quote: '' })
    return { pieces }
  }

  private doubleQuoted(): string {
    let text = ''
    this.at++
    for (;;) {
      const c = this.text[this.at]
      if (c === undefined) throw new RangeError('launch: a " has no end')
      if (c === '"') {
        this.at++
        return text
      }
      if (c === '\\') {
        const next = this.text[this.at + 1] ?? ''
        // A quoted dollar stays one through expansion.
        text += next === '\n' ? '' : next === '$' ? '\u0000' : next === '"' || next === '\\' ? next : `\\${next}`
        this.at += 2
      } else if (c === '$' && (this.text[this.at + 1] === '{' || this.text[this.at + 1] === '(')) {
        text += this.balanced(this.at + 1)
      } else {
        text += c
        this.at++
      }
    }
  }

  /** From `$` to the bracket that closes the one at `open`. */
  private balanced(open: number): string {
    let depth = 0
    for (let i = open; i < this.text.length; i++) {
      if (this.text[i] === '{' || this.text[i] === '(') depth++
      else if (this.text[i] === '}' || this.text[i] === ')') depth--
      if (depth === 0) {
        const found = this.text.slice(this.at, i + 1)
        this.at = i + 1
        return found
      }
    }
    throw new RangeError(`launch: ${show(this.text.slice(this.at, this.at + 20))} has no end`)
  }

  private array(): Word[] {
    const words: Word[] = []
    for (;;) {
      this.space()
      const c = this.text[this.at]
      if (c === undefined) throw new RangeError('launch: an array has no end')
      if (c === ')') {
        this.at++
        return words
      }
      if (c === '\n' || c === ';') this.at++
      else if (c === '#') this.line()
      else {
        const before = this.at
        words.push(this.word())
        if (this.at === before) this.at++
      }
      if (words.length > mostWords) throw new RangeError(`launch: an array may have at most ${mostWords} words`)
    }
  }
}

/**
 * Reads scripts one after another, as if each sourced the one before.
 * @param environment variables set from outside
 * @throws RangeError for text above 4 MiB, an open quote, or values that grow past 1 MiB
 */
export function readShell(texts: readonly string[], environment: Readonly<Record<string, string>>): ShellReading {
  let size = 0
  for (const text of texts) {
    if (typeof text !== 'string') throw new TypeError(`launch must be text, got ${show(text)}`)
    size += text.length
  }
  if (size > mostText) throw new RangeError(`launch: ${size} characters; at most ${mostText} are read`)
  const variables = new Map<string, readonly string[]>()
  for (const [name, value] of Object.entries(environment)) variables.set(name, [String(value)])
  const sbatch = new Map<string, string>()
  const notes = new Set<string>()
  const commands: string[][] = []
  let work = 0
  let depth = 0
  for (const text of texts) {
    for (const [, name, value] of text.matchAll(/^#SBATCH\s+(--?[\w-]+)[=\s]\s*(\S+)/gm)) sbatch.set(name, value)
    const scanner = new Scanner(text)
    // Of each open `if`: does its branch hold, and has one held.
    const branches: { holds: boolean; held: boolean; loop: boolean }[] = []
    const live = () => branches.every(({ holds }) => holds)
    for (let words = scanner.command(); words; words = scanner.command()) {
      const first = plainText(words[0])
      if (first === 'if' || first === 'elif') {
        const top = branches.at(-1)
        if (first === 'if') {
          const holds = live() && test(words.slice(1))
          branches.push({ holds, held: holds, loop: false })
        } else if (top) {
          top.holds = !top.held && test(words.slice(1))
          top.held ||= top.holds
        }
        continue
      }
      if (first === 'for' || first === 'while' || first === 'until' || first === 'case') {
        if (live()) notes.add(`a ${first} loop is not run`)
        branches.push({ holds: false, held: true, loop: true })
        continue
      }
      if (first === 'fi' || first === 'done' || first === 'esac') {
        branches.pop()
        continue
      }
      let rest = words
      if (first === 'else') {
        const top = branches.at(-1)
        if (top && !top.loop) top.holds = !top.held
        rest = words.slice(1)
      } else if (first === 'then' || first === 'do') rest = words.slice(1)
      if (rest.length > 0 && live()) execute(rest)
    }
  }
  return { commands, variables, sbatch, notes: [...notes] }

  function execute(given: readonly Word[]): void {
    let words = given
    while (words.length > 0 && ['export', 'local', 'readonly', 'declare'].includes(plainText(words[0]) ?? '')) {
      words = words.slice(1)
    }
    let index = 0
    for (; index < words.length && assign(words[index]); index++);
    if (index === words.length) return
    commands.push(words.slice(index).flatMap(expand))
  }

  function assign(word: Word): boolean {
    const [head] = word.pieces
    const match = head?.quote === '' ? /^([A-Za-z_]\w*)(\+?)=/.exec(head.text) : null
    if (!match) return false
    const [whole, name, plus] = match
    if (word.array) {
      const values = word.array.flatMap(expand)
      set(name, plus ? [...(variables.get(name) ?? []), ...values] : values)
      return true
    }
    const pieces = [{ text: head.text.slice(whole.length), quote: '' as const }, ...word.pieces.slice(1)]
    const value = pieces
      .map(({ text, quote }) => (quote === "'" ? text : expandText(text).replaceAll('\u0000', '$')))
      .join('')
    set(name, [plus ? `${(variables.get(name) ?? ['']).join(' ')}${value}` : value])
    return true
  }

  /** Scripts whose values grow with every line would keep a reader busy for hours. */
  function spend(amount: number): void {
    work += amount
    if (work > mostWork) throw new RangeError(`launch: its expansions copy more than ${mostWork} characters`)
  }

  function set(name: string, values: readonly string[]): void {
    let length = 0
    spend(16 * values.length)
    for (const value of values) length += value.length
    if (length > mostValue || values.length > mostWords) {
      throw new RangeError(`launch: ${name} grows past ${mostValue} characters or ${mostWords} words`)
    }
    variables.set(name, values)
  }

  function expand(word: Word): string[] {
    if (word.array) return word.array.flatMap(expand)
    // "${NAME[@]}" gives one word for each value.
    if (word.pieces.length === 1) {
      const [{ text, quote }] = word.pieces
      const all = /^\$\{(\w+)\[[@*]\]\}$/.exec(text)
      if (all && quote !== "'") {
        const values = variables.get(all[1]) ?? missing(all[1])
        return quote === '"' ? [...values] : values.flatMap((value) => value.split(/\s+/).filter(Boolean))
      }
    }
    const words: string[] = []
    let current: string | null = null
    for (const { text, quote } of word.pieces) {
      const value = quote === "'" ? text : expandText(text).replaceAll('\u0000', '$')
      if (quote !== '' || !text.includes('$')) {
        current = (current ?? '') + value
        continue
      }
      const parts = value.split(/\s+/)
      parts.forEach((part, i) => {
        if (i > 0 && current !== null) {
          words.push(current)
          current = null
        }
        if (part !== '') current = (current ?? '') + part
      })
    }
    if (current !== null) words.push(current)
    if (words.length > mostWords) throw new RangeError(`launch: a word expands into more than ${mostWords}`)
    spend(16 * words.length)
    return words
  }

  function expandText(text: string): string {
    depth++
    if (depth > deepest) throw new RangeError(`launch: expansions nest deeper than ${deepest}`)
    const expanded = expandParts(text)
    depth--
    return expanded
  }

  function expandParts(text: string): string {
    let out = ''
    let at = 0
    while (at < text.length) {
      const dollar = text.indexOf('$', at)
      if (dollar < 0) return bounded(out + text.slice(at))
      out += text.slice(at, dollar)
      const rest = text.slice(dollar)
      const named = /^\$(\w+)/.exec(rest)
      if (rest.startsWith('$((')) {
        const end = closing(rest, 1)
        out += arithmetic(rest.slice(3, end - 1))
        at = dollar + end + 1
      } else if (rest.startsWith('$(')) {
        const end = closing(rest, 1)
        notes.add(`the command ${show(rest.slice(0, Math.min(60, end + 1)))} is not run`)
        at = dollar + end + 1
      } else if (rest.startsWith('${')) {
        const end = closing(rest, 1)
        out += parameter(rest.slice(2, end))
        at = dollar + end + 1
      } else if (named) {
        out += value(named[1])
        at = dollar + named[0].length
      } else {
        out += '$'
        at = dollar + 1
      }
      bounded(out)
    }
    return bounded(out)
  }

  function bounded(text: string): string {
    spend(text.length)
    if (text.length > mostValue) throw new RangeError(`launch: a value grows past ${mostValue} characters`)
    return text
  }

  function closing(text: string, open: number): number {
    let depth = 0
    for (let i = open; i < text.length; i++) {
      if (text[i] === '{' || text[i] === '(') depth++
      else if (text[i] === '}' || text[i] === ')') depth--
      if (depth === 0) return i
    }
    throw new RangeError(`launch: ${show(text.slice(0, 20))} has no end`)
  }

  function parameter(inner: string): string {
    const all = /^(\w+)\[[@*]\]$/.exec(inner)
    if (all) return (variables.get(all[1]) ?? missing(all[1])).join(' ')
    const fallback = /^(\w+):?([-+=])([\s\S]*)$/.exec(inner)
    if (fallback) {
      const [, name, kind, other] = fallback
      const known = (variables.get(name) ?? []).join(' ')
      if (kind === '+') return known === '' ? '' : expandText(other)
      return known === '' ? expandText(unquoted(other)) : known
    }
    const name = /^\w+$/.exec(inner)
    if (name) return value(inner)
    notes.add(`the expansion ${show(`\${${inner.slice(0, 60)}}`)} is not known`)
    return ''
  }

  function value(name: string): string {
    return (variables.get(name) ?? missing(name)).join(' ')
  }

  function missing(name: string): readonly string[] {
    if (!/^(\d+|[@*#?])$/.test(name)) notes.add(`the variable ${name} is not set`)
    return []
  }

  function arithmetic(text: string): string {
    const plain = expandText(text).replace(/[A-Za-z_]\w*/g, (name) => value(name) || '0')
    const result = calculate(plain)
    if (result === null) {
      notes.add(`the arithmetic ${show(text.slice(0, 60))} is not known`)
      return ''
    }
    return String(result)
  }

  /** `[ "$A" = "b" ]`, `[ "${A:-1}" -gt 1 ]`, `[[ -n $A ]]`. What is not understood does not hold. */
  function test(words: readonly Word[]): boolean {
    const raw = words.flatMap((word) => {
      const expanded = expand(word)
      return expanded.length === 0 ? [''] : expanded
    })
    if (raw[0] !== '[' && raw[0] !== '[[') {
      notes.add(`the condition ${show(raw.join(' ').slice(0, 60))} is taken not to hold`)
      return false
    }
    let inner = raw.slice(1, raw.lastIndexOf(raw[0] === '[' ? ']' : ']]'))
    const negated = inner[0] === '!'
    if (negated) inner = inner.slice(1)
    const [a, operator, b] = inner
    let holds: boolean | null = null
    if (inner.length === 2 && a === '-n') holds = operator !== ''
    else if (inner.length === 2 && a === '-z') holds = operator === ''
    else if (inner.length === 1) holds = a !== ''
    else if (inner.length === 3) {
      const [x, y] = [Number(a), Number(b)]
      const comparisons: Record<string, boolean> = {
        '=': a === b,
        '==': a === b,
        '!=': a !== b,
        '-eq': x === y,
        '-ne': x !== y,
        '-gt': x > y,
        '-ge': x >= y,
        '-lt': x < y,
        '-le': x <= y,
      }
      holds = Object.hasOwn(comparisons, operator) ? comparisons[operator] : null
    }
    if (holds === null) {
      notes.add(`the condition ${show(inner.join(' ').slice(0, 60))} is taken not to hold`)
      return false
    }
    return negated ? !holds : holds
  }
}

function plainText(word: Word): string | null {
  return word.pieces.length === 1 && word.pieces[0].quote === '' && !word.array ? word.pieces[0].text : null
}

function unquoted(text: string): string {
  return /^(["']).*\1$/s.test(text) ? text.slice(1, -1) : text
}

/** Integer arithmetic with + - * / % and brackets; null for anything else. */
function calculate(text: string): number | null {
  const tokens = text.match(/\d+|[-+*/%()]|\S/g) ?? []
  let at = 0
  const sum = (depth: number): number => {
    let left = term(depth)
    while (tokens[at] === '+' || tokens[at] === '-')
      left = tokens[at++] === '+' ? left + term(depth) : left - term(depth)
    return left
  }
  const term = (depth: number): number => {
    let left = factor(depth)
    while (tokens[at] === '*' || tokens[at] === '/' || tokens[at] === '%') {
      const operator = tokens[at++]
      const right = factor(depth)
      left = operator === '*' ? left * right : operator === '/' ? Math.trunc(left / right) : left % right
    }
    return left
  }
  const factor = (depth: number): number => {
    if (depth > 100) return Number.NaN
    const token = tokens[at++]
    if (token === '-') return -factor(depth + 1)
    if (token === '(') {
      const inner = sum(depth + 1)
      return tokens[at++] === ')' ? inner : Number.NaN
    }
    return token !== undefined && /^\d+$/.test(token) ? Number(token) : Number.NaN
  }
  const result = sum(0)
  return at === tokens.length && Number.isFinite(result) ? result : null
}
