import { elementwiseOp, unaryOperation, unarySamples } from './elementwise.ts'
import { mul } from './mul.ts'

export const squareOp = elementwiseOp({
  name: 'square',
  accepts: 'float',
  js: ([x]) => x * x,
  wgsl: ([x]) => `(${x} * ${x})`,
  simd: { f32: ['square'] },
  gradient: ({ inputs: [x], grads: [g] }) => [g && mul(mul(g, 2), x)],
  samples: unarySamples(),
})

/** x * x. */
export const square = unaryOperation(squareOp)
