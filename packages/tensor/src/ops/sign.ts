import type { Tensor } from '../tensor.ts'
import { elementwiseOp, unarySamples } from './elementwise.ts'
import { unary } from './operation.ts'

export const signOp = elementwiseOp({
  name: 'sign',
  accepts: 'float',
  js: ([x]) => Math.sign(x),
  wgsl: ([x]) => `sign(${x})`,
  simd: { f32: ['call sign'] },
  gradient: () => [undefined],
  samples: unarySamples(undefined, false),
})

/** -1, 0 or 1. Its gradient is zero everywhere. */
export function sign(x: Tensor): Tensor {
  return unary(signOp, x)
}
