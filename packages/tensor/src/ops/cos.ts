import { sincosWgsl } from './sincos.wgsl.ts'
import { elementwiseOp, unaryOperation, unarySamples } from './elementwise.ts'
import { sin } from './sin.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'

export const cosOp = elementwiseOp({
  name: 'cos',
  accepts: 'float',
  js: ([x]) => Math.cos(x),
  wgsl: ([x]) => `sincos(${x}, 2u)`,
  wgslFunctions: sincosWgsl,
  simd: { f32: ['call cos'] },
  gradient: ({ inputs: [x], grads: [g] }) => [g && neg(mul(g, sin(x)))],
  samples: unarySamples([-3, 3], true, 1e-4),
})

/** Cosine of x in radians. */
export const cos = unaryOperation(cosOp)
