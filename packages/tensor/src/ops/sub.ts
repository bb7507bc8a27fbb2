// Subtraction.

import type { Tensor } from '../tensor.ts'
import { binarySamples, elementwiseOp } from './elementwise.ts'
import { neg } from './neg.ts'
import { binary, type Operand } from './operation.ts'

export const subOp = elementwiseOp({
  name: 'sub',
  js: ([a, b], type) => (type === 'f32' ? a - b : type === 'i32' ? (a - b) | 0 : (a - b) >>> 0),
  wgsl: ([a, b]) => `(${a} - ${b})`,
  simd: { f32: ['f32x4.sub'], i32: ['i32x4.sub'], u32: ['i32x4.sub'] },
  neutral: () => [undefined, 0],
  gradient: ({ grads: [g] }) => [g, g && neg(g)],
  samples: binarySamples(),
})

/**
 * a - b, broadcast.
 * @example sub(device.tensor([1, 2]), 1) // [0, 1]
 */
export function sub(a: Operand, b: Operand): Tensor {
  return binary(subOp, a, b)
}
