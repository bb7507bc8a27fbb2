/** A memoising backtracking matcher for patterns and texts that RegExp cannot handle. */
import { TokenizerError } from '../../tokenizer-error.ts'
import { compilePattern, type Instruction } from './program.ts'
import type { Assertion, PatternNode } from './syntax.ts'

/** Step limit per UTF-16 unit of the text, for patterns whose failures cannot be memoised (backreferences). */
const STEPS_PER_UNIT = 1000
const FEWEST_STEPS = 10_000_000

/**
 * A backtracking matcher with an explicit stack, so that long matches do not overflow the call stack, and with memoised
 * failures, so that without backreferences time is bounded by the product of text length, pattern size and longest run.
 * `RegExp` is faster where it can be used.
 */
export class PatternMachine {
  private readonly program: readonly Instruction[]
  /** Start and end of each capture, -1 where unset; then the positions where the current loop iterations began. */
  private readonly slots: Int32Array
  private readonly remembers: boolean
  private text = ''
  private from = 0
  private dead: Uint8Array = new Uint8Array(0)
  private stack: number[] = []
  private steps = 0

  constructor(node: PatternNode) {
    const { instructions, slotCount, dependsOnBefore } = compilePattern(node)
    this.program = instructions
    this.remembers = !dependsOnBefore
    this.slots = new Int32Array(slotCount).fill(-1)
  }

  /** The matches of a text in order, as `String.matchAll` gives them: start and end. */
  *matches(text: string): Generator<[from: number, to: number]> {
    this.text = text
    // One bit per position and instruction, kept across the matches of a text: a failed state always fails again.
    const bits = this.program.length * (text.length + 1)
    this.dead = new Uint8Array(this.remembers && bits < 2 ** 31 ? Math.ceil(bits / 8) : 0)
    this.steps = Math.max(FEWEST_STEPS, STEPS_PER_UNIT * text.length)
    try {
      this.from = 0
      for (let at = 0; at <= text.length; ) {
        this.slots.fill(-1)
        const end = this.run(0, at, -1)
        if (end < 0) {
          at += this.sizeAt(at)
          continue
        }
        yield [at, end]
        // States on the path of a match are marked but have not failed; the next match starts at its end.
        this.revive(end)
        at = end > at ? end : at + this.sizeAt(at)
        this.from = at
      }
    } finally {
      this.text = ''
      this.dead = new Uint8Array(0)
      this.stack = []
    }
  }

  private sizeAt(at: number): number {
    return at < this.text.length && this.text.codePointAt(at)! > 0xffff ? 2 : 1
  }

  private sizeBefore(at: number): number {
    return at > 1 && this.text.codePointAt(at - 2)! > 0xffff ? 2 : 1
  }

  private revive(at: number): void {
    if (this.dead.length === 0) return
    for (let k = at * this.program.length; k < (at + 1) * this.program.length; k++) this.dead[k >> 3] &= ~(1 << (k & 7))
  }

  /**
   * Runs the program from an instruction to its matching `end`.
   * @param goal required end position; -1: any
   * @returns the end position, or -1 where it does not match
   */
  private run(start: number, from: number, goal: number): number {
    const program = this.program
    const text = this.text
    const stack = this.stack
    const base = stack.length
    const slots = this.slots
    // No memoising within lookarounds and atomic groups, which may succeed and then run again at the same position.
    const dead = start === 0 && this.dead.length > 0 ? this.dead : undefined
    const size = program.length
    let pc = start
    let at = from
    for (;;) {
      let failed = false
      if (--this.steps < 0 && !dead) {
        throw new TokenizerError(
          'encode: a pattern of tokenizer.json takes too long over this text; cut the text into shorter parts',
        )
      }
      const instruction = program[pc]
      if (dead && instruction.op !== 'set') {
        const bit = at * size + pc
        if (dead[bit >> 3] & (1 << (bit & 7))) failed = true
        else if (instruction.op !== 'end') dead[bit >> 3] |= 1 << (bit & 7)
      }
      if (!failed) {
        switch (instruction.op) {
          case 'set': {
            const point = at < text.length ? text.codePointAt(at)! : -1
            if (point >= 0 && instruction.has(point)) {
              at += point > 0xffff ? 2 : 1
              pc++
            } else failed = true
            break
          }
          case 'run': {
            const { has, min, max, mode } = instruction
            let count = 0
            let least = at
            const most = mode === 'lazy' ? min : max
            let end = at
            while (count < most && end < text.length) {
              const point = text.codePointAt(end)!
              if (!has(point)) break
              end += point > 0xffff ? 2 : 1
              if (++count === min) least = end
            }
            if (count < min) failed = true
            else {
              if (mode === 'greedy' && end > least) stack.push(pc + 1, end, least)
              if (mode === 'lazy' && max > min) stack.push(pc, end, -2 - (max - min))
              at = end
              pc++
            }
            break
          }
          case 'split':
            stack.push(instruction.second, at, -1)
            pc = instruction.first
            break
          case 'jump':
            pc = instruction.to
            break
          case 'save':
            stack.push(-1 - instruction.slot, slots[instruction.slot], 0)
            slots[instruction.slot] = at
            pc++
            break
          case 'progress':
            if (slots[instruction.slot] === at) failed = true
            else pc++
            break
          case 'backreference': {
            const begin = slots[2 * instruction.index]
            const end = slots[2 * instruction.index + 1]
            const found = text.slice(at, at + end - begin)
            const wanted = text.slice(begin, end)
            const same = instruction.fold ? found.toLowerCase() === wanted.toLowerCase() : found === wanted
            if (begin >= 0 && end >= begin && same) {
              at += end - begin
              pc++
            } else failed = true
            break
          }
          case 'assertion':
            if (this.holds(instruction.assertion, at, instruction.isWord)) pc++
            else failed = true
            break
          case 'atomic': {
            const end = this.run(pc + 1, at, -1)
            if (end < 0) failed = true
            else {
              at = end
              pc = instruction.end
            }
            break
          }
          case 'lookaround': {
            const found = instruction.behind ? this.lookBehind(pc + 1, at, instruction) : this.run(pc + 1, at, -1) >= 0
            if (found === instruction.negative) failed = true
            else pc = instruction.end
            break
          }
          case 'end':
            if (goal < 0 || at === goal) {
              // Captures are kept, alternatives are discarded.
              if (start === 0 || base === 0) stack.length = base
              else this.keepSaved(base)
              return at
            }
            failed = true
        }
      }
      while (failed) {
        if (stack.length === base) return -1
        const extra = stack.pop()!
        const place = stack.pop()!
        const target = stack.pop()!
        if (target < 0) {
          slots[-1 - target] = place
          continue
        }
        failed = false
        if (extra === -1) {
          pc = target
          at = place
        } else if (extra >= 0) {
          // A greedy run gives up one character.
          pc = target
          at = place - this.sizeBefore(place)
          if (at > extra) stack.push(target, at, extra)
        } else {
          // A lazy run takes one more.
          const run = program[target] as Instruction & { op: 'run' }
          const point = place < text.length ? text.codePointAt(place)! : -1
          if (point < 0 || !run.has(point)) {
            failed = true
            continue
          }
          at = place + (point > 0xffff ? 2 : 1)
          if (extra < -3) stack.push(target, at, extra + 1)
          pc = target + 1
        }
      }
    }
  }

  /** Removes the alternatives above `base` from the stack but keeps the entries that undo saves. */
  private keepSaved(base: number): void {
    const stack = this.stack
    let kept = base
    for (let k = base; k < stack.length; k += 3) {
      if (stack[k] >= 0) continue
      for (let j = 0; j < 3; j++) stack[kept + j] = stack[k + j]
      kept += 3
    }
    stack.length = kept
  }

  private lookBehind(start: number, at: number, { least, most }: { least: number; most: number }): boolean {
    let from = at
    for (let count = 0; count <= most; count++) {
      if (count >= least && this.run(start, from, at) >= 0) return true
      if (from === 0) return false
      from -= this.sizeBefore(from)
    }
    return false
  }

  private holds(assertion: Assertion, at: number, isWord: (point: number) => boolean): boolean {
    const text = this.text
    const end = text.length
    switch (assertion) {
      case 'text start':
        return at === 0
      case 'text end':
        return at === end
      case 'line start':
        return at === 0 || (text[at - 1] === '\n' && at < end)
      case 'line end':
        return at === end || text[at] === '\n'
      case 'last line end':
        return at === end || (at === end - 1 && text[at] === '\n')
      case 'search start':
        return at === this.from
      default: {
        const before = at > 0 && isWord(text.codePointAt(at - this.sizeBefore(at))!)
        const after = at < end && isWord(text.codePointAt(at)!)
        return (before !== after) === (assertion === 'word boundary')
      }
    }
  }
}
