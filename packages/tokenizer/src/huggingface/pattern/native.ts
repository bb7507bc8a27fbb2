/** Translation of patterns to RegExp, where that is equivalent and takes bounded time. */
import { classSource } from './character-set.ts'
import type { PatternNode } from './syntax.ts'

/** Limit of repeats of a group that can match in several ways: the number of ways is exponential in it. */
const MOST_REPEATS = 8

/**
 * The pattern as a `RegExp`, or undefined where that could backtrack exponentially (a repeated group that can match in
 * several ways) or has different semantics (backreferences).
 */
export function nativePattern(node: PatternNode): RegExp | undefined {
  if (!isSafe(node)) return undefined
  const writer: Writer = { groups: 0, nested: false }
  const source = write(node, writer)
  return new RegExp(source, writer.nested ? 'gv' : 'gu')
}

type Writer = { groups: number; nested: boolean }

function write(node: PatternNode, writer: Writer): string {
  switch (node.type) {
    case 'set':
      writer.nested ||= node.set.nested
      // A single character is faster than a class.
      if (!node.set.negated && /^\\u\{[0-9a-f]+\}$/.test(node.set.items)) return node.set.items
      return classSource(node.set)
    case 'sequence':
      return node.items
        .map((item) => (item.type === 'alternation' ? `(?:${write(item, writer)})` : write(item, writer)))
        .join('')
    case 'alternation':
      return node.items.map((item) => write(item, writer)).join('|')
    case 'repeat': {
      const { min, max, mode } = node
      const body = node.body.type === 'set' ? write(node.body, writer) : `(?:${write(node.body, writer)})`
      const times = max === Number.POSITIVE_INFINITY ? `{${min},}` : min === max ? `{${min}}` : `{${min},${max}}`
      const short = { '{0,}': '*', '{1,}': '+', '{0,1}': '?', '{1}': '' }[times] ?? times
      if (mode === 'possessive') return atomic(body + short, writer)
      return `${body}${short}${mode === 'lazy' && short !== '' ? '?' : ''}`
    }
    case 'atomic':
      return atomic(write(node.body, writer), writer)
    case 'capture':
      return `(?:${write(node.body, writer)})`
    case 'lookaround':
      return `(?${node.behind ? '<' : ''}${node.negative ? '!' : '='}${write(node.body, writer)})`
    case 'assertion':
      return assertion(node, writer)
    case 'backreference':
      throw new Error('a backreference')
  }
}

/** Emulates an atomic group: a lookahead is never re-entered, and a backreference then consumes what it matched. */
function atomic(body: string, writer: Writer): string {
  // Named, since the number would depend on the groups before it.
  const name = `a${writer.groups++}`
  return `(?:(?=(?<${name}>${body}))\\k<${name}>)`
}

function assertion({ assertion, word }: PatternNode & { type: 'assertion' }, writer: Writer): string {
  switch (assertion) {
    case 'text start':
      return '^'
    case 'text end':
      return '$'
    case 'line start':
      return '(?:^|(?<=\\n)(?!$))'
    case 'line end':
      return '(?=\\n|$)'
    case 'last line end':
      return '(?=\\n?$)'
    default: {
      writer.nested ||= word.nested
      const set = classSource(word)
      const boundary = `(?:(?<=${set})(?!${set})|(?<!${set})(?=${set}))`
      return assertion === 'word boundary' ? boundary : `(?!${boundary})`
    }
  }
}

/** Whether `RegExp` matches the pattern in bounded time and with the same semantics. */
function isSafe(node: PatternNode, behind = false): boolean {
  switch (node.type) {
    case 'set':
      return true
    case 'assertion':
      return node.assertion !== 'search start'
    case 'backreference':
      return false
    case 'sequence':
    case 'alternation':
      return node.items.every((item) => isSafe(item, behind))
    case 'lookaround':
      return isSafe(node.body, node.behind)
    case 'atomic':
      return !behind && isSafe(node.body, behind)
    case 'capture':
      return isSafe(node.body, behind)
    case 'repeat':
      if (node.mode === 'possessive' && behind) return false
      return isSafe(node.body, behind) && (node.max <= MOST_REPEATS || !varies(node.body))
  }
}

/** Whether a pattern can match texts of different lengths, or one text in several ways. */
function varies(node: PatternNode): boolean {
  switch (node.type) {
    case 'sequence':
      return node.items.some(varies)
    case 'alternation':
      return true
    case 'repeat':
      return node.mode !== 'possessive' && (node.min !== node.max || varies(node.body))
    case 'capture':
      return varies(node.body)
    default:
      return false
  }
}
