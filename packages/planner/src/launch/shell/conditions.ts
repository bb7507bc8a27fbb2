/**
 * Tests: `[ "$A" = "b" ]`, `[ "${A:-1}" -gt 1 ]`, `[[ -n $A && $B == c ]]`. Conditions that cannot be evaluated are
 * assumed false, with a note.
 */
import type { Command, TestExpression } from 'unbash'
import { show } from '../../check.ts'
import type { Expansion } from './expansion.ts'

const comparisons: Readonly<Record<string, (a: string, b: string) => boolean>> = {
  '=': (a, b) => a === b,
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '-eq': (a, b) => Number(a) === Number(b),
  '-ne': (a, b) => Number(a) !== Number(b),
  '-gt': (a, b) => Number(a) > Number(b),
  '-ge': (a, b) => Number(a) >= Number(b),
  '-lt': (a, b) => Number(a) < Number(b),
  '-le': (a, b) => Number(a) <= Number(b),
}

export class Conditions {
  private readonly expansion: Expansion
  private readonly notes: Set<string>

  constructor(expansion: Expansion, notes: Set<string>) {
    this.expansion = expansion
    this.notes = notes
  }

  /** `[ ... ]` or `test ...`. */
  words(node: Command): boolean {
    const given = node.args.flatMap((word) => {
      if (word.type !== 'Word') return [word.text]
      // An unquoted empty variable remains an operand, so that `[ $A = b ]` is evaluated as intended.
      const words = this.expansion.words(word)
      return words.length === 0 ? [''] : words
    })
    if (node.name?.value === '[' && given.at(-1) === ']') given.pop()
    const negated = given[0] === '!'
    const words = negated ? given.slice(1) : given
    const holds = this.simple(words)
    return holds === null ? this.unknownWords(words) : negated ? !holds : holds
  }

  /** Evaluates the expression of `[[ ]]`; null if unknown. */
  expression(node: TestExpression): boolean | null {
    const text = (word: Parameters<Expansion['text']>[0]) => this.expansion.text(word)
    switch (node.type) {
      case 'TestUnary':
        return this.simple([node.operator, text(node.operand)])
      case 'TestBinary':
        return this.simple([text(node.left), node.operator, text(node.right)])
      case 'TestNot': {
        const inner = this.expression(node.operand)
        return inner === null ? null : node.negations.length % 2 === 1 ? !inner : inner
      }
      case 'TestGroup':
        return this.expression(node.expression)
      case 'TestLogical': {
        const parts = node.operands.map((operand) => this.expression(operand))
        const decisive = node.operator === '||'
        return parts.includes(decisive) ? decisive : parts.includes(null) ? null : !decisive
      }
    }
  }

  /** Notes that a condition is assumed false. */
  unknown(node: TestExpression): false {
    const words = (at: TestExpression): string[] => {
      switch (at.type) {
        case 'TestUnary':
          return [at.operator, at.operand.text]
        case 'TestBinary':
          return [at.left.text, at.operator, at.right.text]
        case 'TestNot':
          return ['!', ...words(at.operand)]
        case 'TestGroup':
          return words(at.expression)
        case 'TestLogical':
          return at.operands.flatMap((operand, i) => (i > 0 ? [at.operator, ...words(operand)] : words(operand)))
      }
    }
    return this.unknownWords(words(node))
  }

  unknownWords(words: readonly string[]): false {
    this.notes.add(`the condition ${show(words.join(' ').slice(0, 60))} is assumed false`)
    return false
  }

  private simple(words: readonly string[]): boolean | null {
    const [a, operator, b] = words
    if (words.length === 1) return a !== ''
    if (words.length === 2 && a === '-n') return operator !== ''
    if (words.length === 2 && a === '-z') return operator === ''
    if (words.length === 3 && Object.hasOwn(comparisons, operator)) return comparisons[operator](a, b)
    return null
  }
}
