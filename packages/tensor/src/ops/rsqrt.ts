// The reciprocal square root.

import type { Tensor } from '../tensor.ts'
import { div } from './div.ts'
import { elementwiseOp, unarySamples } from './elementwise.ts'
import { mul } from './mul.ts'
import { unary } from './operation.ts'

export const rsqrtOp = elementwiseOp({
  name: 'rsqrt',
  accepts: 'float',
  js: ([x]) => 1 / Math.sqrt(x),
  wgsl: ([x]) => `inverseSqrt(${x})`,
  simd: { f32: ['ones', 0, 'f32x4.sqrt', 'f32x4.div'] },
  gradient: ({ inputs: [x], outputs: [y], grads: [g] }) => [g && mul(mul(g, -0.5), div(y, x))],
  samples: unarySamples([0.2, 4]),
})

/**
 * 1 / sqrt(x).
 * @example rsqrt(device.tensor([4, 16])) // [0.5, 0.25]
 */
export function rsqrt(x: Tensor): Tensor {
  return unary(rsqrtOp, x)
}
