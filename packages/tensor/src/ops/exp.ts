// The exponential function.

import { lazyKernels } from '../backends/kernel-source.ts'
import type { Tensor } from '../tensor.ts'
import { elementwiseOp, unarySamples } from './elementwise.ts'
import { mul } from './mul.ts'
import { unary } from './operation.ts'

export const expOp = elementwiseOp({
  name: 'exp',
  accepts: 'float',
  js: ([x]) => Math.exp(x),
  wgsl: ([x]) => `exp_f32(${x})`,
  wgslFunctions: lazyKernels(async () => (await import('./functions.wgsl.ts')).expWgsl),
  simd: { f32: ['call exp'] },
  gradient: ({ outputs: [y], grads: [g] }) => [g && mul(g, y)],
  samples: unarySamples(),
})

/**
 * e to the power of x.
 * @example exp(device.tensor([0, 1])) // [1, 2.718]
 */
export function exp(x: Tensor): Tensor {
  return unary(expOp, x)
}
