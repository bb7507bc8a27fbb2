// Division.

import { requireTensor } from '../arguments.ts'
import type { Tensor } from '../tensor.ts'
import { binarySamples, elementwiseOp } from './elementwise.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { binary, type Operand } from './operation.ts'

export const divOp = elementwiseOp({
  name: 'div',
  accepts: 'float',
  js: ([a, b]) => a / b,
  wgsl: ([a, b]) => `(${a} / ${b})`,
  simd: { f32: ['f32x4.div'] },
  neutral: () => [undefined, 1],
  gradient: ({ inputs: [, b], outputs: [y], grads: [g] }) => [g && div(g, b), g && neg(mul(g, div(y, b)))],
  samples: binarySamples([0.5, 2]),
})

/**
 * a / b elementwise, broadcast; floats only.
 * @example div(device.tensor([1, 2]), 4) // [0.25, 0.5]
 */
export function div(a: Operand, b: Operand): Tensor {
  return binary(divOp, a, b)
}

/**
 * 1 / x.
 * @example reciprocal(device.tensor([2, 4])) // [0.5, 0.25]
 */
export function reciprocal(x: Tensor): Tensor {
  requireTensor('reciprocal', x)
  return div(1, x)
}
