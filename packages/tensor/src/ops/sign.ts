// The sign of x.

import type { Tensor } from '../tensor.ts'
import { isNanWgsl } from './bits.wgsl.ts'
import { elementwiseOp, unarySamples } from './elementwise.ts'
import { unary } from './operation.ts'

export const signOp = elementwiseOp({
  name: 'sign',
  accepts: 'float',
  js: ([x]) => Math.sign(x),
  wgsl: ([x]) => `select(sign(${x}), ${x}, is_nan(${x}))`,
  wgslFunctions: isNanWgsl,
  simd: { f32: ['call sign'] },
  gradient: () => [undefined],
  samples: unarySamples(undefined, false),
})

/**
 * -1, 0 or 1. Its gradient is zero everywhere.
 * @example sign(device.tensor([-3, 0, 3])) // [-1, 0, 1]
 */
export function sign(x: Tensor): Tensor {
  return unary(signOp, x)
}
