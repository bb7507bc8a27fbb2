// |x|.

import type { Tensor } from '../tensor.ts'
import { elementwiseOp, unarySamples } from './elementwise.ts'
import { mul } from './mul.ts'
import { unary } from './operation.ts'
import { sign } from './sign.ts'

export const absOp = elementwiseOp({
  name: 'abs',
  js: ([x], type) => (type === 'u32' ? x : Math.abs(x)),
  wgsl: ([x]) => `abs(${x})`,
  simd: { f32: ['f32x4.abs'], i32: ['i32x4.abs'], u32: [] },
  gradient: ({ inputs: [x], grads: [g] }) => [g && mul(g, sign(x))],
  samples: unarySamples(),
})

/**
 * |x|
 * @example abs(device.tensor([-1, 2])) // [1, 2]
 */
export function abs(x: Tensor): Tensor {
  return unary(absOp, x)
}
