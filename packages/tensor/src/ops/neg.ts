// Negation.

import type { Tensor } from '../tensor.ts'
import { elementwiseOp, unarySamples } from './elementwise.ts'
import { unary } from './operation.ts'

export const negOp = elementwiseOp({
  name: 'neg',
  js: ([x], type) => (type === 'f32' ? -x : type === 'i32' ? -x | 0 : -x >>> 0),
  wgsl: ([x], type) => (type === 'u32' ? `(~${x} + vec4<u32>(1u))` : `(-${x})`),
  simd: { f32: ['f32x4.neg'], i32: ['i32x4.neg'], u32: ['i32x4.neg'] },
  gradient: ({ grads: [g] }) => [g && neg(g)],
  samples: unarySamples(),
})

/**
 * -x
 * @example neg(device.tensor([1, -2])) // [-1, 2]
 */
export function neg(x: Tensor): Tensor {
  return unary(negOp, x)
}
