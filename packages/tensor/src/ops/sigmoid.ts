// The logistic function.

import { lazyKernels } from '../backends/kernel-source.ts'
import type { Tensor } from '../tensor.ts'
import { elementwiseOp, unarySamples } from './elementwise.ts'
import { mul } from './mul.ts'
import { unary } from './operation.ts'
import { sub } from './sub.ts'

export const sigmoidOp = elementwiseOp({
  name: 'sigmoid',
  accepts: 'float',
  js: ([x]) => 1 / (1 + Math.exp(-x)),
  wgsl: ([x]) => `sigmoid_f32(${x})`,
  wgslFunctions: lazyKernels(async () => (await import('./functions.wgsl.ts')).sigmoidWgsl),
  simd: { f32: ['call sigmoid'] },
  gradient: ({ outputs: [y], grads: [g] }) => [g && mul(g, mul(y, sub(1, y)))],
  samples: unarySamples([-6, 6]),
})

/**
 * 1 / (1 + exp(-x)).
 * @example sigmoid(device.tensor([0, 2])) // [0.5, 0.881]
 */
export function sigmoid(x: Tensor): Tensor {
  return unary(sigmoidOp, x)
}
