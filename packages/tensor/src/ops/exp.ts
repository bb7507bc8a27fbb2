import { elementwiseOp, unaryOperation, unarySamples } from './elementwise.ts'
import { mul } from './mul.ts'

export const expOp = elementwiseOp({
  name: 'exp',
  accepts: 'float',
  js: ([x]) => Math.exp(x),
  wgsl: ([x]) => `exp(${x})`,
  simd: { f32: ['call exp'] },
  gradient: ({ outputs: [y], grads: [g] }) => [g && mul(g, y)],
  samples: unarySamples(),
})

/** e to the power of x. */
export const exp = unaryOperation(expOp)
