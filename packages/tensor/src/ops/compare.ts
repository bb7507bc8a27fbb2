import type { Op } from '../op.ts'
import { type BinaryOperation, binaryOperation, binarySamples, elementwiseOp, wgslBoolean } from './elementwise.ts'

function comparison(name: string, symbol: string, js: (a: number, b: number) => boolean, simd: string): Op<unknown> {
  return elementwiseOp({
    name,
    result: 'boolean',
    js: ([a, b]) => (js(a, b) ? 1 : 0),
    wgsl: ([a, b]) => wgslBoolean(`${a} ${symbol} ${b}`),
    simd: {
      f32: [`f32x4.${simd}`, 'boolean'],
      i32: [`i32x4.${simd}${/[lg]/.test(simd) ? '_s' : ''}`, 'boolean'],
      u32: [`i32x4.${simd}${/[lg]/.test(simd) ? '_u' : ''}`, 'boolean'],
    },
    samples: binarySamples(undefined, false),
  })
}

export const lessOp = comparison('less', '<', (a, b) => a < b, 'lt')
export const lessEqualOp = comparison('lessEqual', '<=', (a, b) => a <= b, 'le')
export const equalOp = comparison('equal', '==', (a, b) => a === b, 'eq')
export const notEqualOp = comparison('notEqual', '!=', (a, b) => a !== b, 'ne')

/** a < b as uint32 0 or 1, broadcast. */
export const less = binaryOperation(lessOp)
/** a <= b as uint32 0 or 1, broadcast. */
export const lessEqual = binaryOperation(lessEqualOp)
/** a == b as uint32 0 or 1, broadcast. */
export const equal = binaryOperation(equalOp)
/** a != b as uint32 0 or 1, broadcast. */
export const notEqual = binaryOperation(notEqualOp)
/** a > b as uint32 0 or 1, broadcast. */
export const greater: BinaryOperation = (a, b) => less(b, a)
/** a >= b as uint32 0 or 1, broadcast. */
export const greaterEqual: BinaryOperation = (a, b) => lessEqual(b, a)
