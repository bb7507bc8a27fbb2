// Sine and cosine, which are each other's gradient.

import { lazyKernels } from '../backends/kernel-source.ts'
import type { Tensor } from '../tensor.ts'
import { elementwiseOp, unarySamples } from './elementwise.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { unary } from './operation.ts'

export const sinOp = elementwiseOp({
  name: 'sin',
  accepts: 'float',
  js: ([x]) => Math.sin(x),
  wgsl: ([x]) => `sincos(${x}, 0u)`,
  wgslFunctions: lazyKernels(async () => (await import('./sincos.wgsl.ts')).sincosWgsl),
  simd: { f32: ['call sin'] },
  gradient: ({ inputs: [x], grads: [g] }) => [g && mul(g, cos(x))],
  samples: unarySamples([-3, 3], true, 1e-4),
})

/**
 * Sine of x in radians.
 * @example sin(device.tensor([0, Math.PI / 2])) // [0, 1]
 */
export function sin(x: Tensor): Tensor {
  return unary(sinOp, x)
}

export const cosOp = elementwiseOp({
  name: 'cos',
  accepts: 'float',
  js: ([x]) => Math.cos(x),
  wgsl: ([x]) => `sincos(${x}, 2u)`,
  wgslFunctions: lazyKernels(async () => (await import('./sincos.wgsl.ts')).sincosWgsl),
  simd: { f32: ['call cos'] },
  gradient: ({ inputs: [x], grads: [g] }) => [g && neg(mul(g, sin(x)))],
  samples: unarySamples([-3, 3], true, 1e-4),
})

/**
 * Cosine of x in radians.
 * @example cos(device.tensor([0, Math.PI])) // [1, -1]
 */
export function cos(x: Tensor): Tensor {
  return unary(cosOp, x)
}
