// Rounding down.

import type { Tensor } from '../tensor.ts'
import { elementwiseOp, unarySamples } from './elementwise.ts'
import { unary } from './operation.ts'

export const floorOp = elementwiseOp({
  name: 'floor',
  accepts: 'float',
  js: ([x]) => Math.floor(x),
  wgsl: ([x]) => `floor(${x})`,
  simd: { f32: ['f32x4.floor'] },
  gradient: () => [undefined],
  samples: unarySamples(undefined, false),
})

/**
 * The largest integer not above x. Its gradient is zero everywhere.
 * @example floor(device.tensor([1.5, -1.5])) // [1, -2]
 */
export function floor(x: Tensor): Tensor {
  return unary(floorOp, x)
}
