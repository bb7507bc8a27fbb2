/** Integer arithmetic of `$(( ))`. */
import type { ArithmeticExpression, ArithmeticWord } from 'unbash'

/** Expands a number or variable to text. */
type Resolve = (word: ArithmeticWord) => string

const binary: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => Math.trunc(a / b),
  '%': (a, b) => a % b,
  '**': (a, b) => a ** b,
  '==': (a, b) => Number(a === b),
  '!=': (a, b) => Number(a !== b),
  '<': (a, b) => Number(a < b),
  '>': (a, b) => Number(a > b),
  '<=': (a, b) => Number(a <= b),
  '>=': (a, b) => Number(a >= b),
  '&&': (a, b) => Number(a !== 0 && b !== 0),
  '||': (a, b) => Number(a !== 0 || b !== 0),
}

/**
 * Evaluates an expression.
 * @returns null if it cannot be evaluated: other operators, division by zero, words that are not numbers
 */
export function calculate(expression: ArithmeticExpression, value: Resolve): number | null {
  const result = evaluate(expression, value)
  return Number.isSafeInteger(result) ? result + 0 : null
}

function evaluate(node: ArithmeticExpression, value: Resolve): number {
  switch (node.type) {
    case 'ArithmeticBinary': {
      const operator = Object.hasOwn(binary, node.operator) ? binary[node.operator] : undefined
      return operator ? operator(evaluate(node.left, value), evaluate(node.right, value)) : Number.NaN
    }
    case 'ArithmeticUnary': {
      const operand = evaluate(node.operand, value)
      if (!node.prefix) return Number.NaN
      return node.operator === '-'
        ? -operand
        : node.operator === '+'
          ? operand
          : node.operator === '!'
            ? Number(operand === 0)
            : Number.NaN
    }
    case 'ArithmeticTernary':
      return evaluate(evaluate(node.test, value) === 0 ? node.alternate : node.consequent, value)
    case 'ArithmeticGroup':
      return evaluate(node.expression, value)
    case 'ArithmeticWord':
      return numberOf(node, value)
    default:
      return Number.NaN
  }
}

function numberOf(word: ArithmeticWord, value: Resolve): number {
  const text = value(word).trim()
  return /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
}
