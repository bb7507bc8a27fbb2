import type { Tensor } from '../tensor.ts'
import { elementwiseOp, unarySamples } from './elementwise.ts'
import { mul } from './mul.ts'
import { unary } from './operation.ts'
import { sub } from './sub.ts'

export const tanhOp = elementwiseOp({
  name: 'tanh',
  accepts: 'float',
  js: ([x]) => Math.tanh(x),
  wgsl: ([x]) => `tanh(clamp(${x}, vec4<f32>(-10.0), vec4<f32>(10.0)))`,
  simd: { f32: ['call tanh'] },
  gradient: ({ outputs: [y], grads: [g] }) => [g && sub(g, mul(g, mul(y, y)))],
  samples: unarySamples([-12, 12], true, 2e-5),
})

/** Hyperbolic tangent. The argument is clamped in WGSL: exp overflows there from 89 on and would give NaN. */
export function tanh(x: Tensor): Tensor {
  return unary(tanhOp, x)
}
