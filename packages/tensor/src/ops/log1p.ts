// log(1 + x), accurate near 0.

import type { Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { less } from './compare.ts'
import { div } from './div.ts'
import { elementFunction, polynomial } from './element-function.ts'
import { unarySamples } from './elementwise.ts'
import { log } from './log.ts'
import { mul } from './mul.ts'
import { unary } from './operation.ts'
import { square } from './square.ts'
import { where } from './where.ts'

/** Coefficients of 2 atanh(s) / s in s^2 on [0, 1 / 15], fitted to 1e-9: log(1 + x) = 2 atanh(x / (2 + x)). */
const series = [2.0000000007760046, 0.6666661261582775, 0.4000600354210097, 0.2833959355953232, 0.25815573846816736]

export const log1pOp = elementFunction({
  name: 'log1p',
  js: Math.log1p,
  compose(x) {
    const s = div(x, add(x, 2))
    const small = mul(s, polynomial(square(s), series))
    return where(less(x, -0.4), log(add(x, 1)), where(less(x, 0.6), small, log(add(x, 1))))
  },
  gradient: ({ inputs: [x], grads: [g] }) => [g && div(g, add(x, 1))],
  samples: [...unarySamples([-0.9, 2]), ...unarySamples([-1e-3, 1e-3])],
})

/**
 * log(1 + x), accurate for small x too.
 * @example log1p(device.tensor([0, 1])) // [0, 0.693]
 */
export function log1p(x: Tensor): Tensor {
  return unary(log1pOp, x)
}
