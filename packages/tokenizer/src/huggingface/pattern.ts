import { TokenizerError } from '../tokenizer-error.ts'
import { asRecord, asText } from './json-value.ts'

/** A part of a text, and whether the pattern matched it. */
export type PatternPart = { from: number; to: number; match: boolean }

/** A pattern of a `tokenizer.json`: a literal or a regular expression. */
export type Pattern = RegExp

/** @throws TokenizerError where the pattern is neither a String nor a Regex, or its syntax is not supported */
export function readPattern(value: unknown, where: string): Pattern {
  if (typeof value === 'string') return literal(value)
  const record = asRecord(value, where)
  if (record.String !== undefined) return literal(asText(record.String, `${where}.String`))
  const source = asText(record.Regex, `${where}.Regex`)
  return compile(source, where)
}

export function compile(source: string, where: string): Pattern {
  try {
    return new RegExp(translate(source), 'gu')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new TokenizerError(
      `tokenizer.json: ${where} ${JSON.stringify(source.slice(0, 100))} is not supported: ${reason.slice(0, 200)}`,
    )
  }
}

function literal(text: string): Pattern {
  // An empty literal matches nowhere.
  return text === '' ? /(?!)/gu : new RegExp(text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'gu')
}

/** The whole text in parts, matches and what is between them; none for an empty text. */
export function partsOf(pattern: Pattern, text: string): PatternPart[] {
  const parts: PatternPart[] = []
  if (text === '') return parts
  let at = 0
  for (const found of text.matchAll(pattern)) {
    const from = found.index
    const to = from + found[0].length
    if (from > at) parts.push({ from: at, to: from, match: false })
    parts.push({ from, to, match: true })
    at = to
  }
  if (at < text.length) parts.push({ from: at, to: text.length, match: false })
  return parts
}

const CLASS_OF: Record<string, string> = {
  s: '\\p{White_Space}',
  S: '\\P{White_Space}',
  d: '\\p{Nd}',
  D: '\\P{Nd}',
}
const WORD = '\\p{L}\\p{M}\\p{N}\\p{Pc}'
/** Letters whose other case is not their only twin (Unicode simple case folding). */
const TWINS: Record<string, string> = { s: '\u017f', k: '\u212a' }

/**
 * Writes an Oniguruma (Ruby) expression as one of ECMAScript with the flag `u`: `^` and `$` are those of lines, `\s`, `\d`
 * and `\w` are Unicode's, `(?i:...)` is spelt out, and possessive quantifiers become lookaheads with a back reference.
 * @see https://github.com/kkos/oniguruma/blob/master/doc/RE
 */
function translate(source: string): string {
  if (source.length > 10_000) throw new Error('longer than 10,000 characters')
  let out = ''
  let i = 0
  let groups = 0
  /** Where the last atom starts in `out`, -1 where there is none to repeat. */
  let atom = -1
  const stack: { at: number; fold: boolean; varies: boolean }[] = []
  /** Whether what is open can match texts of different length, or one text in different ways; and the same of the last atom. */
  let varies = false
  let atomVaries = false
  let fold = false
  const put = (text: string) => {
    atom = out.length
    atomVaries = false
    out += text
  }
  const escaped = (inClass: boolean): string => {
    const c = source[i + 1]
    if (c === undefined) throw new Error('ends in a backslash')
    i += 2
    if (CLASS_OF[c]) return CLASS_OF[c]
    if (c === 'w') return inClass ? WORD : `[${WORD}]`
    if (c === 'W') {
      if (inClass) throw new Error('\\W inside a class')
      return `[^${WORD}]`
    }
    if (c === 'h' || c === 'H') return c === 'h' ? (inClass ? '0-9a-fA-F' : '[0-9a-fA-F]') : '[^0-9a-fA-F]'
    if (c === 'A' && !inClass) return '^'
    if (c === 'z' && !inClass) return '$'
    if (c === 'Z' && !inClass) return '(?=\\n?$)'
    if (c === 'p' || c === 'P') {
      const end = source.indexOf('}', i)
      if (source[i] !== '{' || end < 0) throw new Error('\\p without {...}')
      let name = source.slice(i + 1, end)
      i = end + 1
      const not = name.startsWith('^')
      if (not) name = name.slice(1)
      const scripts = [
        'Han',
        'Hiragana',
        'Katakana',
        'Hangul',
        'Latin',
        'Cyrillic',
        'Greek',
        'Arabic',
        'Thai',
        'Hebrew',
      ]
      if (scripts.includes(name)) name = `Script=${name}`
      return `\\${not === (c === 'P') ? 'p' : 'P'}{${name}}`
    }
    if (c === 'x') {
      const braced = /^\{([0-9a-fA-F]{1,6})\}|^([0-9a-fA-F]{2})/.exec(source.slice(i, i + 8))
      if (!braced) throw new Error('\\x without hexadecimal digits')
      i += braced[0].length
      return `\\u{${braced[1] ?? braced[2]}}`
    }
    if (c === 'u') {
      const hex = source.slice(i, i + 4)
      i += 4
      return `\\u{${hex}}`
    }
    if ('nrtfv0'.includes(c)) return `\\${c}`
    if (c === 'b' || c === 'B') {
      if (inClass) return '\\u{8}'
      const side = `(?:(?<=[${WORD}])(?![${WORD}])|(?<![${WORD}])(?=[${WORD}]))`
      return c === 'b' ? side : `(?!${side})`
    }
    if (/[0-9A-Za-z]/.test(c)) throw new Error(`\\${c}`)
    return /[\^$\\.*+?()[\]{}|/-]/.test(c) ? (c === '-' && !inClass ? '-' : `\\${c}`) : c
  }
  const folded = (c: string): string => {
    const lower = c.toLowerCase()
    const upper = c.toUpperCase()
    return lower === upper ? c : `${lower}${upper}${TWINS[lower] ?? ''}`
  }
  const readClass = (): string => {
    let text = '['
    i++
    if (source[i] === '^') {
      text += '^'
      i++
    }
    let first = true
    for (;;) {
      const c = source[i]
      if (c === undefined) throw new Error('a class without end')
      if (c === ']' && !first) {
        i++
        return `${text}]`
      }
      first = false
      if (c === '\\') text += escaped(true)
      else if (c === '[') throw new Error('a class inside a class')
      else if (c === '&' && source[i + 1] === '&') throw new Error('an intersection of classes')
      else {
        const point = String.fromCodePoint(source.codePointAt(i)!)
        i += point.length
        if (fold && /[a-zA-Z]/.test(point) && source[i] === '-') throw new Error('a range where case is ignored')
        text += fold ? folded(point) : /[\^$\\.*+?()[\]{}|/]/.test(point) ? `\\${point}` : point
      }
    }
  }
  while (i < source.length) {
    const c = source[i]
    if (c === '\\') put(escaped(false))
    else if (c === '[') put(readClass())
    else if (c === '(') {
      if (stack.length >= 64) throw new Error('groups nested deeper than 64')
      const head = /^\((?:\?(?:<?[=!]|:|>|([a-z]*)(?:-[a-z]+)?[:)]|<[A-Za-z_]\w*>))?/.exec(source.slice(i, i + 64))![0]
      const opened = { at: out.length, fold, varies }
      if (/^\(\?[a-z]/.test(head)) {
        if (!/^\(\?i[:)]$/.test(head)) throw new Error(head)
        fold = true
        if (head.endsWith(')')) {
          i += head.length
          atom = -1
          continue
        }
        out += '(?:'
      } else if (head === '(?>') throw new Error('an atomic group')
      else if (head === '(') {
        if (source[i + 1] === '?') throw new Error(source.slice(i, i + 3))
        out += '(?:'
      } else if (/^\(\?</.test(head) && !/^\(\?<[=!]/.test(head)) out += '(?:'
      else out += head
      stack.push(opened)
      varies = false
      i += head.length
      atom = -1
    } else if (c === ')') {
      const opened = stack.pop()
      if (!opened) throw new Error('a ) without (')
      out += ')'
      atom = opened.at
      atomVaries = varies
      varies ||= opened.varies
      fold = opened.fold
      i++
    } else if (c === '|') {
      out += '|'
      varies = true
      atom = -1
      i++
    } else if (c === '^') {
      put('(?:^|(?<=\\n)(?!$))')
      i++
    } else if (c === '$') {
      put('(?=\\n|$)')
      i++
    } else if (c === '.') {
      put('[^\\n]')
      i++
    } else if (c === '*' || c === '+' || c === '?' || (c === '{' && /^\{\d*,?\d*\}/.test(source.slice(i, i + 16)))) {
      if (atom < 0) throw new Error(`${c} with nothing before it`)
      let quantifier = c === '{' ? /^\{\d*,?\d*\}/.exec(source.slice(i, i + 16))![0] : c
      i += quantifier.length
      if (/^\{,/.test(quantifier)) quantifier = quantifier.replace('{', '{0')
      if (atomVaries && repeats(quantifier)) throw new Error('a repeated group that varies inside may take forever')
      const possessive = source[i] === '+' && c !== '{'
      // A possessive part matches one text in one way.
      if (!possessive && !/^\{\d+\}$/.test(quantifier)) varies = true
      if (source[i] === '?') {
        out += `${quantifier}?`
        i++
      } else if (possessive) {
        i++
        groups++
        out = `${out.slice(0, atom)}(?:(?=(${out.slice(atom)}${quantifier}))\\${groups})`
      } else out += quantifier
      atom = -1
    } else {
      const point = String.fromCodePoint(source.codePointAt(i)!)
      i += point.length
      if (fold && folded(point) !== point) put(`[${folded(point)}]`)
      else put(/[{}\]/]/.test(point) ? `\\${point}` : point)
    }
  }
  if (stack.length > 0) throw new Error('a ( without )')
  return out
}

/** Times a group that varies inside may be repeated: the ways to match it are counted by powers of them. */
const MOST_REPEATS = 8

function repeats(quantifier: string): boolean {
  if (quantifier === '*' || quantifier === '+') return true
  const bounds = /^\{(\d*)(,?)(\d*)\}$/.exec(quantifier)
  if (!bounds) return false
  const most = bounds[2] === '' ? bounds[1] : bounds[3]
  return most === '' || Number(most) > MOST_REPEATS
}
