// The square.

import type { Tensor } from '../tensor.ts'
import { elementwiseOp, unarySamples } from './elementwise.ts'
import { mul } from './mul.ts'
import { unary } from './operation.ts'

export const squareOp = elementwiseOp({
  name: 'square',
  accepts: 'float',
  js: ([x]) => x * x,
  wgsl: ([x]) => `(${x} * ${x})`,
  simd: { f32: [0, 0, 'f32x4.mul'] },
  gradient: ({ inputs: [x], grads: [g] }) => [g && mul(mul(g, 2), x)],
  samples: unarySamples(),
})

/**
 * x * x.
 * @example square(device.tensor([2, -3])) // [4, 9]
 */
export function square(x: Tensor): Tensor {
  return unary(squareOp, x)
}
