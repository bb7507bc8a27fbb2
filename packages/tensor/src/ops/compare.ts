// Comparisons, as uint32 0 or 1.

import type { Op } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { isNanWgsl } from './bits.wgsl.ts'
import { binarySamples, elementwiseOp, wgslBoolean } from './elementwise.ts'
import { binary, type Operand } from './operation.ts'

function comparison(
  name: string,
  symbol: string,
  js: (a: number, b: number) => boolean,
  instruction: 'lt' | 'le' | 'eq' | 'ne',
): Op {
  const ordered = instruction.startsWith('l')
  return elementwiseOp({
    name,
    result: 'boolean',
    js: ([a, b]) => (js(a, b) ? 1 : 0),
    wgsl: ([a, b], type) => {
      const plain = `${a} ${symbol} ${b}`
      if (type !== 'f32') return wgslBoolean(plain)
      // A NaN differs from everything, itself included; every other comparison with it is false.
      return wgslBoolean(
        symbol === '!=' ? `(${plain}) | either_nan(${a}, ${b})` : `(${plain}) & !either_nan(${a}, ${b})`,
      )
    },
    wgslFunctions: isNanWgsl,
    simd: {
      f32: [`f32x4.${instruction}`, 'ones', 'v128.and'],
      i32: [`i32x4.${instruction}${ordered ? '_s' : ''}`, 'ones', 'v128.and'],
      u32: [`i32x4.${instruction}${ordered ? '_u' : ''}`, 'ones', 'v128.and'],
    },
    samples: binarySamples(undefined, false),
  })
}

export const lessOp = comparison('less', '<', (a, b) => a < b, 'lt')
export const lessEqualOp = comparison('lessEqual', '<=', (a, b) => a <= b, 'le')
export const equalOp = comparison('equal', '==', (a, b) => a === b, 'eq')
export const notEqualOp = comparison('notEqual', '!=', (a, b) => a !== b, 'ne')

/**
 * a < b as uint32 0 or 1, broadcast.
 * @example less(device.tensor([1, 2, 3]), 2) // [1, 0, 0]
 */
export function less(a: Operand, b: Operand): Tensor {
  return binary(lessOp, a, b)
}
/**
 * a <= b as uint32 0 or 1, broadcast.
 * @example lessEqual(device.tensor([1, 2, 3]), 2) // [1, 1, 0]
 */
export function lessEqual(a: Operand, b: Operand): Tensor {
  return binary(lessEqualOp, a, b)
}
/**
 * a == b as uint32 0 or 1, broadcast.
 * @example equal(device.tensor([1, 2, 3]), 2) // [0, 1, 0]
 */
export function equal(a: Operand, b: Operand): Tensor {
  return binary(equalOp, a, b)
}
/**
 * a != b as uint32 0 or 1, broadcast.
 * @example notEqual(device.tensor([1, 2, 3]), 2) // [1, 0, 1]
 */
export function notEqual(a: Operand, b: Operand): Tensor {
  return binary(notEqualOp, a, b)
}
/**
 * a > b as uint32 0 or 1, broadcast.
 * @example greater(device.tensor([1, 2, 3]), 2) // [0, 0, 1]
 */
export function greater(a: Operand, b: Operand): Tensor {
  return less(b, a)
}
/**
 * a >= b as uint32 0 or 1, broadcast.
 * @example greaterEqual(device.tensor([1, 2, 3]), 2) // [0, 1, 1]
 */
export function greaterEqual(a: Operand, b: Operand): Tensor {
  return lessEqual(b, a)
}
