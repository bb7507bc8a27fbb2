import { elementwiseOp, unaryOperation, unarySamples } from './elementwise.ts'
import { div } from './div.ts'
import { mul } from './mul.ts'

export const sqrtOp = elementwiseOp({
  name: 'sqrt',
  accepts: 'float',
  js: ([x]) => Math.sqrt(x),
  wgsl: ([x]) => `sqrt(${x})`,
  simd: { f32: ['f32x4.sqrt'] },
  gradient: ({ outputs: [y], grads: [g] }) => [g && div(mul(g, 0.5), y)],
  samples: unarySamples([0.2, 4]),
})

/** Square root. */
export const sqrt = unaryOperation(sqrtOp)
