/** Compiler of patterns to the instructions of the backtracking matcher. */
import { classSource } from './character-set.ts'
import type { Assertion, PatternNode } from './syntax.ts'

/** Instructions; `first`, `second`, `to` and `end` are indices into the program. */
export type Instruction =
  | { op: 'set'; has: (point: number) => boolean }
  | { op: 'run'; has: (point: number) => boolean; min: number; max: number; mode: 'greedy' | 'lazy' | 'possessive' }
  | { op: 'split'; first: number; second: number }
  | { op: 'jump'; to: number }
  | { op: 'progress'; slot: number }
  | { op: 'save'; slot: number }
  | { op: 'backreference'; index: number; fold: boolean }
  | { op: 'assertion'; assertion: Assertion; isWord: (point: number) => boolean }
  | { op: 'atomic'; end: number }
  | { op: 'lookaround'; end: number; behind: boolean; negative: boolean; least: number; most: number }
  | { op: 'end' }

/** Limit of instructions; counted repeats are unrolled. */
const LARGEST = 20_000

export interface PatternProgram {
  readonly instructions: readonly Instruction[]
  /** Number of slots: two for each capture, and one for each loop. */
  readonly slotCount: number
  /** Whether a match at a position may depend on what was matched before it. */
  readonly dependsOnBefore: boolean
}

/** @throws Error where the pattern is too large with its repeats unrolled */
export function compilePattern(node: PatternNode): PatternProgram {
  const { instructions, slotCount } = new Compiler(node)
  return { instructions, slotCount, dependsOnBefore: dependsOnBefore(node) }
}

class Compiler {
  readonly instructions: Instruction[] = []
  slotCount: number
  private readonly membership = memberships()

  constructor(node: PatternNode) {
    this.slotCount = 2 * (countCaptures(node) + 1)
    this.compile(node)
    this.emit({ op: 'end' })
  }

  private emit(instruction: Instruction): number {
    if (this.instructions.length >= LARGEST)
      throw new Error(`more than ${LARGEST} instructions with its repeats unrolled`)
    return this.instructions.push(instruction) - 1
  }

  private compile(node: PatternNode): void {
    switch (node.type) {
      case 'set':
        this.emit({ op: 'set', has: this.membership(classSource(node.set)) })
        return
      case 'sequence':
        for (const item of node.items) this.compile(item)
        return
      case 'alternation': {
        const jumps: number[] = []
        node.items.forEach((item, k) => {
          if (k === node.items.length - 1) {
            this.compile(item)
            return
          }
          const split = this.emit({ op: 'split', first: this.instructions.length + 1, second: -1 })
          this.compile(item)
          jumps.push(this.emit({ op: 'jump', to: -1 }))
          this.instructions[split] = { op: 'split', first: split + 1, second: this.instructions.length }
        })
        for (const jump of jumps) this.instructions[jump] = { op: 'jump', to: this.instructions.length }
        return
      }
      case 'capture':
        this.emit({ op: 'save', slot: 2 * node.index })
        this.compile(node.body)
        this.emit({ op: 'save', slot: 2 * node.index + 1 })
        return
      case 'backreference':
        this.emit({ op: 'backreference', index: node.index, fold: node.fold })
        return
      case 'assertion':
        this.emit({ op: 'assertion', assertion: node.assertion, isWord: this.membership(classSource(node.word)) })
        return
      case 'atomic':
        this.within((end) => ({ op: 'atomic', end }), node.body)
        return
      case 'lookaround': {
        const [least, most] = lengthsOf(node.body)
        this.within(
          (end) => ({ op: 'lookaround', end, behind: node.behind, negative: node.negative, least, most }),
          node.body,
        )
        return
      }
      case 'repeat':
        this.compileRepeat(node)
    }
  }

  /** Compiles a part of the program with its own `end`. */
  private within(head: (end: number) => Instruction, body: PatternNode): void {
    const at = this.emit({ op: 'jump', to: -1 })
    this.compile(body)
    this.emit({ op: 'end' })
    this.instructions[at] = head(this.instructions.length)
  }

  private compileRepeat(node: PatternNode & { type: 'repeat' }): void {
    const { body, min, max, mode } = node
    if (body.type === 'set') {
      this.emit({ op: 'run', has: this.membership(classSource(body.set)), min, max, mode })
      return
    }
    if (mode === 'possessive') {
      this.compile({ type: 'atomic', body: { ...node, mode: 'greedy' } })
      return
    }
    for (let k = 0; k < min; k++) this.compile(body)
    const split = (into: number, past: number): Instruction =>
      mode === 'lazy' ? { op: 'split', first: past, second: into } : { op: 'split', first: into, second: past }
    if (max === Number.POSITIVE_INFINITY) {
      const slot = this.slotCount++
      const head = this.emit({ op: 'jump', to: -1 })
      this.emit({ op: 'save', slot })
      this.compile(body)
      // An iteration that consumes no text ends the loop.
      this.emit({ op: 'progress', slot })
      this.emit({ op: 'jump', to: head })
      this.instructions[head] = split(head + 1, this.instructions.length)
      return
    }
    const splits: number[] = []
    for (let k = min; k < max; k++) {
      splits.push(this.emit({ op: 'jump', to: -1 }))
      this.compile(body)
    }
    for (const at of splits) this.instructions[at] = split(at + 1, this.instructions.length)
  }
}

type Membership = (point: number) => boolean

/** Returns a cache of membership tests by class, which themselves cache the results for BMP characters. */
function memberships(): (source: string) => Membership {
  const made = new Map<string, Membership>()
  return (source) => {
    let has = made.get(source)
    if (has) return has
    const expression = new RegExp(`^${source}$`, 'v')
    const known = new Uint8Array(0x10000)
    has = (point) => {
      if (point > 0xffff) return expression.test(String.fromCodePoint(point))
      if (known[point] === 0) known[point] = expression.test(String.fromCodePoint(point)) ? 2 : 1
      return known[point] === 2
    }
    made.set(source, has)
    return has
  }
}

function childrenOf(node: PatternNode): readonly PatternNode[] {
  if (node.type === 'sequence' || node.type === 'alternation') return node.items
  return 'body' in node ? [node.body] : []
}

function countCaptures(node: PatternNode): number {
  return Math.max(node.type === 'capture' ? node.index : 0, ...childrenOf(node).map(countCaptures))
}

/** Whether a match at a position depends on what was matched before it. */
function dependsOnBefore(node: PatternNode): boolean {
  if (node.type === 'backreference' || (node.type === 'assertion' && node.assertion === 'search start')) return true
  return childrenOf(node).some(dependsOnBefore)
}

/** Minimum and maximum number of characters a pattern can match. */
function lengthsOf(node: PatternNode): [least: number, most: number] {
  switch (node.type) {
    case 'set':
      return [1, 1]
    case 'sequence':
      return node.items.map(lengthsOf).reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0])
    case 'alternation': {
      const each = node.items.map(lengthsOf)
      return [Math.min(...each.map(([a]) => a)), Math.max(...each.map(([, b]) => b))]
    }
    case 'repeat': {
      const [least, most] = lengthsOf(node.body)
      return [least * node.min, most === 0 || node.max === 0 ? 0 : most * node.max]
    }
    case 'atomic':
    case 'capture':
      return lengthsOf(node.body)
    case 'backreference':
      return [0, Number.POSITIVE_INFINITY]
    default:
      return [0, 0]
  }
}
