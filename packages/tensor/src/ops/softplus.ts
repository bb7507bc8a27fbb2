// log(1 + exp(x)) and log(sigmoid(x)).

import { requireTensor } from '../arguments.ts'
import type { Tensor } from '../tensor.ts'
import { abs } from './abs.ts'
import { add } from './add.ts'
import { elementFunction } from './element-function.ts'
import { unarySamples } from './elementwise.ts'
import { exp } from './exp.ts'
import { log1p } from './log1p.ts'
import { maximum } from './maximum.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { unary } from './operation.ts'
import { sigmoid } from './sigmoid.ts'

export const softplusOp = elementFunction({
  name: 'softplus',
  js: (x) => (x > 0 ? x : 0) + Math.log1p(Math.exp(-Math.abs(x))),
  compose: (x) => add(maximum(x, 0), log1p(exp(neg(abs(x))))),
  gradient: ({ inputs: [x], grads: [g] }) => [g && mul(g, sigmoid(x))],
  samples: unarySamples([-8, 8]),
})

/**
 * log(1 + exp(x)), without overflow.
 * @example softplus(device.tensor([0, 100])) // [0.693, 100]
 */
export function softplus(x: Tensor): Tensor {
  return unary(softplusOp, x)
}

/**
 * log(sigmoid(x)), without underflow: -softplus(-x).
 * @example logSigmoid(device.tensor([0, -100])) // [-0.693, -100]
 */
export function logSigmoid(x: Tensor): Tensor {
  requireTensor('logSigmoid', x)
  return neg(softplus(neg(x)))
}
