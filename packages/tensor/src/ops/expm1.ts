// exp(x) - 1, accurate near 0.

import type { Tensor } from '../tensor.ts'
import { abs } from './abs.ts'
import { add } from './add.ts'
import { less } from './compare.ts'
import { div } from './div.ts'
import { elementFunction } from './element-function.ts'
import { unarySamples } from './elementwise.ts'
import { exp } from './exp.ts'
import { mul } from './mul.ts'
import { unary } from './operation.ts'
import { sub } from './sub.ts'
import { tanh } from './tanh.ts'
import { where } from './where.ts'

export const expm1Op = elementFunction({
  name: 'expm1',
  js: Math.expm1,
  compose(x) {
    const t = tanh(mul(x, 0.5))
    return where(less(abs(x), 1), div(mul(t, 2), sub(1, t)), sub(exp(x), 1))
  },
  gradient: ({ outputs: [y], grads: [g] }) => [g && mul(g, add(y, 1))],
  samples: [...unarySamples([-3, 3]), ...unarySamples([-1e-3, 1e-3])],
})

/**
 * exp(x) - 1, accurate for small x too.
 * @example expm1(device.tensor([0, 1])) // [0, 1.718]
 */
export function expm1(x: Tensor): Tensor {
  return unary(expm1Op, x)
}
