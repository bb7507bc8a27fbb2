// The square root.

import type { Tensor } from '../tensor.ts'
import { div } from './div.ts'
import { elementwiseOp, unarySamples } from './elementwise.ts'
import { mul } from './mul.ts'
import { unary } from './operation.ts'

export const sqrtOp = elementwiseOp({
  name: 'sqrt',
  accepts: 'float',
  js: ([x]) => Math.sqrt(x),
  wgsl: ([x]) => `sqrt(${x})`,
  simd: { f32: ['f32x4.sqrt'] },
  gradient: ({ outputs: [y], grads: [g] }) => [g && div(mul(g, 0.5), y)],
  samples: unarySamples([0.2, 4]),
})

/**
 * Square root.
 * @example sqrt(device.tensor([4, 9])) // [2, 3]
 */
export function sqrt(x: Tensor): Tensor {
  return unary(sqrtOp, x)
}
