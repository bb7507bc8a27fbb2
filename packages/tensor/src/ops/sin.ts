import { sincosWgsl } from './sincos.wgsl.ts'
import { elementwiseOp, unaryOperation, unarySamples } from './elementwise.ts'
import { cos } from './cos.ts'
import { mul } from './mul.ts'

export const sinOp = elementwiseOp({
  name: 'sin',
  accepts: 'float',
  js: ([x]) => Math.sin(x),
  wgsl: ([x]) => `sincos(${x}, 0u)`,
  wgslFunctions: sincosWgsl,
  simd: { f32: ['call sin'] },
  gradient: ({ inputs: [x], grads: [g] }) => [g && mul(g, cos(x))],
  samples: unarySamples([-3, 3], true, 1e-4),
})

/** Sine of x in radians. */
export const sin = unaryOperation(sinOp)
