// Addition.

import type { Tensor } from '../tensor.ts'
import { binarySamples, elementwiseOp } from './elementwise.ts'
import { binary, type Operand } from './operation.ts'

export const addOp = elementwiseOp({
  name: 'add',
  js: ([a, b], type) => (type === 'f32' ? a + b : type === 'i32' ? (a + b) | 0 : (a + b) >>> 0),
  wgsl: ([a, b]) => `(${a} + ${b})`,
  simd: { f32: ['f32x4.add'], i32: ['i32x4.add'], u32: ['i32x4.add'] },
  // -0 + 0 is 0, so in floats only -0 is neutral.
  neutral: (type) => (type === 'f32' ? [-0, -0] : [0, 0]),
  gradient: ({ grads: [g] }) => [g, g],
  samples: binarySamples(),
})

/**
 * a + b, broadcast.
 * @example add(device.tensor([1, 2]), 10) // [11, 12]
 */
export function add(a: Operand, b: Operand): Tensor {
  return binary(addOp, a, b)
}
