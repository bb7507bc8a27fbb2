// The hyperbolic tangent.

import { lazyKernels } from '../backends/kernel-source.ts'
import type { Tensor } from '../tensor.ts'
import { elementwiseOp, unarySamples } from './elementwise.ts'
import { mul } from './mul.ts'
import { unary } from './operation.ts'
import { sub } from './sub.ts'

export const tanhOp = elementwiseOp({
  name: 'tanh',
  accepts: 'float',
  js: ([x]) => Math.tanh(x),
  wgsl: ([x]) => `tanh_f32(${x})`,
  wgslFunctions: lazyKernels(async () => (await import('./functions.wgsl.ts')).tanhWgsl),
  simd: { f32: ['call tanh'] },
  gradient: ({ outputs: [y], grads: [g] }) => [g && sub(g, mul(g, mul(y, y)))],
  samples: unarySamples([-12, 12], true, 2e-5),
})

/**
 * Hyperbolic tangent.
 * @example tanh(device.tensor([0, 1])) // [0, 0.762]
 */
export function tanh(x: Tensor): Tensor {
  return unary(tanhOp, x)
}
