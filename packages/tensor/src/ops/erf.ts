// The error function.

import type { Tensor } from '../tensor.ts'
import { abs } from './abs.ts'
import { less } from './compare.ts'
import { div } from './div.ts'
import { elementFunction, polynomial } from './element-function.ts'
import { unarySamples } from './elementwise.ts'
import { exp } from './exp.ts'
import { minimum } from './minimum.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { unary } from './operation.ts'
import { sign } from './sign.ts'
import { square } from './square.ts'
import { sub } from './sub.ts'
import { where } from './where.ts'

/**
 * Coefficients of erf(x) / x in x^2 on [0, 1], and of erfc(x) exp(x^2) in 1 / (1 + x / 2) on [1, 4], fitted at
 * Chebyshev nodes to an error of 4e-11.
 */
const near = [
  1.128379167062361, -0.3761263847599066, 0.11283782622053236, -0.02686543831002, 0.005221053411187171,
  -0.000848439653129711, 0.00011268253755413467, -9.673590415627437e-6,
]
const far = [
  -0.00012040256183737386, 0.28432578104886125, 0.2641076738604824, 0.32894630725166146, -0.05379356093126873,
  0.479816348744963, -0.38464609418757284, 0.06853045295999434, 0.012932913911300322,
]

/** erf in doubles, by the series 2 x / sqrt(pi) exp(-x^2) (1 + 2 x^2 / 3 + (2 x^2)^2 / 15 + ...). */
function exact(x: number): number {
  if (Number.isNaN(x)) return x
  if (Math.abs(x) > 6) return Math.sign(x)
  let term = x
  let total = x
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(total); n++) {
    term *= (2 * x * x) / (2 * n + 1)
    total += term
  }
  return ((2 * Math.exp(-x * x)) / Math.sqrt(Math.PI)) * total
}

export const erfOp = elementFunction({
  name: 'erf',
  js: exact,
  compose(x) {
    const a = minimum(abs(x), 4)
    const inner = mul(x, polynomial(square(minimum(a, 1)), near))
    const outer = sub(1, mul(exp(neg(square(a))), polynomial(div(1, polynomial(a, [1, 0.5])), far)))
    return where(less(a, 1), inner, mul(sign(x), outer))
  },
  gradient: ({ inputs: [x], grads: [g] }) => [g && mul(g, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI)))],
  samples: [...unarySamples([-1.2, 1.2]), ...unarySamples([-6, 6])],
})

/**
 * The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.
 * @example erf(device.tensor([0, 1])) // [0, 0.843]
 */
export function erf(x: Tensor): Tensor {
  return unary(erfOp, x)
}
