// Multiplication.

import type { Tensor } from '../tensor.ts'
import { binarySamples, elementwiseOp } from './elementwise.ts'
import { binary, type Operand } from './operation.ts'

export const mulOp = elementwiseOp({
  name: 'mul',
  js: ([a, b], type) => (type === 'f32' ? a * b : type === 'i32' ? Math.imul(a, b) : Math.imul(a, b) >>> 0),
  wgsl: ([a, b]) => `(${a} * ${b})`,
  simd: { f32: ['f32x4.mul'], i32: ['i32x4.mul'], u32: ['i32x4.mul'] },
  neutral: () => [1, 1],
  gradient: ({ inputs: [a, b], grads: [g] }) => [g && mul(g, b), g && mul(g, a)],
  samples: binarySamples(),
})

/**
 * a * b elementwise, broadcast.
 * @example mul(device.tensor([1, 2]), 3) // [3, 6]
 */
export function mul(a: Operand, b: Operand): Tensor {
  return binary(mulOp, a, b)
}
