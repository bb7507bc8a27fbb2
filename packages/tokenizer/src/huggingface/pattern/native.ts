/** Which patterns RegExp can run: with the same meaning and in bounded time. */
import { classSource } from './character-set.ts'
import type { PatternNode } from './syntax.ts'

/** Times a group that varies inside may be repeated: the ways to match it are counted by powers of them. */
const MOST_REPEATS = 8

/**
 * The pattern as an expression of ECMAScript, or undefined where `RegExp` could take forever over it (a repeated group that
 * varies inside) or means something else by it (back references).
 */
export function nativePattern(node: PatternNode): RegExp | undefined {
  if (!isTame(node)) return undefined
  const writer: Writer = { groups: 0, nested: false }
  const source = write(node, writer)
  return new RegExp(source, writer.nested ? 'gv' : 'gu')
}

type Writer = { groups: number; nested: boolean }

function write(node: PatternNode, writer: Writer): string {
  switch (node.type) {
    case 'set':
      writer.nested ||= node.set.nested
      // One character by itself is faster than a class of one.
      if (!node.set.negated && /^\\u\{[0-9a-f]+\}$/.test(node.set.items)) return node.set.items
      return classSource(node.set)
    case 'sequence':
      return node.items
        .map((item) => (item.type === 'choice' ? `(?:${write(item, writer)})` : write(item, writer)))
        .join('')
    case 'choice':
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
    case 'look':
      return `(?${node.behind ? '<' : ''}${node.negative ? '!' : '='}${write(node.body, writer)})`
    case 'place':
      return place(node, writer)
    case 'again':
      throw new Error('a back reference')
  }
}

/** A lookahead matches in one way; what it found is then matched again. */
function atomic(body: string, writer: Writer): string {
  // In a name, as numbers would depend on what stands before.
  const name = `a${writer.groups++}`
  return `(?:(?=(?<${name}>${body}))\\k<${name}>)`
}

function place({ place, word }: PatternNode & { type: 'place' }, writer: Writer): string {
  switch (place) {
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
      const edge = `(?:(?<=${set})(?!${set})|(?<!${set})(?=${set}))`
      return place === 'word edge' ? edge : `(?!${edge})`
    }
  }
}

/** Whether `RegExp` matches it in good time and in the same way. */
function isTame(node: PatternNode, behind = false): boolean {
  switch (node.type) {
    case 'set':
      return true
    case 'place':
      return node.place !== 'search start'
    case 'again':
      return false
    case 'sequence':
    case 'choice':
      return node.items.every((item) => isTame(item, behind))
    case 'look':
      return isTame(node.body, node.behind)
    case 'atomic':
      return !behind && isTame(node.body, behind)
    case 'capture':
      return isTame(node.body, behind)
    case 'repeat':
      if (node.mode === 'possessive' && behind) return false
      return isTame(node.body, behind) && (node.max <= MOST_REPEATS || !varies(node.body))
  }
}

/** Whether it can match texts of different length, or one text in different ways. */
function varies(node: PatternNode): boolean {
  switch (node.type) {
    case 'sequence':
      return node.items.some(varies)
    case 'choice':
      return true
    case 'repeat':
      return node.mode !== 'possessive' && (node.min !== node.max || varies(node.body))
    case 'capture':
      return varies(node.body)
    default:
      return false
  }
}
