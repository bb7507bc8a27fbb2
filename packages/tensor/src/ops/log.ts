// Natural and binary logarithms.

import { requireTensor } from '../arguments.ts'
import { lazyKernels } from '../backends/kernel-source.ts'
import type { Tensor } from '../tensor.ts'
import { div } from './div.ts'
import { elementwiseOp, unarySamples } from './elementwise.ts'
import { mul } from './mul.ts'
import { unary } from './operation.ts'

export const logOp = elementwiseOp({
  name: 'log',
  accepts: 'float',
  js: ([x]) => Math.log(x),
  wgsl: ([x]) => `log_f32(${x})`,
  wgslFunctions: lazyKernels(async () => (await import('./functions.wgsl.ts')).logWgsl),
  simd: { f32: ['call log'] },
  gradient: ({ inputs: [x], grads: [g] }) => [g && div(g, x)],
  samples: unarySamples([0.2, 4], true, 2e-5),
})

/**
 * Natural logarithm.
 * @example log(device.tensor([1, Math.E])) // [0, 1]
 */
export function log(x: Tensor): Tensor {
  return unary(logOp, x)
}

/**
 * Logarithm to base 2.
 * @example log2(device.tensor([1, 8])) // [0, 3]
 */
export function log2(x: Tensor): Tensor {
  requireTensor('log2', x)
  return mul(log(x), Math.LOG2E)
}
