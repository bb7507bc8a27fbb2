// Powers.

import { isFloat } from '../dtype.ts'
import { apply1, isTensor, type Tensor } from '../tensor.ts'
import { abs } from './abs.ts'
import { bitcast } from './bitcast.ts'
import { bitwiseAnd, bitwiseOr } from './bitwise.ts'
import { equal, less, lessEqual, notEqual } from './compare.ts'
import { div } from './div.ts'
import { elementFunction } from './element-function.ts'
import { exp } from './exp.ts'
import { floor } from './floor.ts'
import { log } from './log.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { align, type Operand } from './operation.ts'
import { rsqrt } from './rsqrt.ts'
import { sqrt } from './sqrt.ts'
import { square } from './square.ts'
import { sub } from './sub.ts'
import { where } from './where.ts'

export const powOp = elementFunction({
  name: 'pow',
  // As in C: 1 to any power is 1, and so is -1 to an infinite power.
  js: (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b),
  compose(a, b) {
    const size = exp(mul(b, log(abs(a))))
    const whole = equal(floor(b), b)
    const half = mul(b, 0.5)
    const odd = bitwiseAnd(whole, notEqual(floor(half), half))
    // By the sign bit, for -0.
    const negative = less(bitcast(a, 'int32'), 0)
    const signed = where(bitwiseAnd(negative, odd), neg(size), size)
    // Powers of negative finite numbers are defined only for integer exponents.
    const defined = where(bitwiseAnd(bitwiseAnd(less(a, 0), less(-Infinity, a)), equal(whole, 0)), NaN, signed)
    const ones = bitwiseAnd(equal(abs(a), 1), bitwiseOr(equal(abs(b), Infinity), equal(a, 1)))
    return where(bitwiseOr(equal(b, 0), ones), 1, defined)
  },
  gradient({ inputs: [a, b], outputs: [y], grads: [g] }) {
    if (!g) return [undefined, undefined]
    const slope = mul(b, pow(a, sub(b, 1)))
    // The derivative of 0^b with respect to b is 0 for b >= 0.
    const still = bitwiseAnd(equal(a, 0), lessEqual(0, b))
    return [mul(g, where(equal(b, 0), 0, slope)), where(still, 0, mul(g, mul(y, log(where(still, 1, a)))))]
  },
  samples: [
    { inputs: [{ shape: [33], range: [0.2, 3] }, { shape: [33] }] },
    {
      inputs: [
        { shape: [3, 5], range: [0.2, 3] },
        { shape: [3, 5], range: [-5, 5] },
      ],
    },
    { inputs: [{ shape: [], range: [0.2, 3] }, { shape: [] }] },
    { inputs: [{ shape: [0, 3] }, { shape: [0, 3] }] },
  ],
})

/**
 * a to the power of b, broadcast; floats only. The exponents 1 to 4, -1, -2, 0.5 and -0.5, given as numbers, are
 * computed by products, roots and quotients; others as exp(b log|a|), whose relative error grows with |b log a|. A
 * negative number to a power that is not an integer is NaN; x^0 and 1^x are 1.
 * @example
 * pow(device.tensor([2, 3]), 2) // [4, 9]
 * pow(2, device.tensor([3, 0.5])) // [8, 1.414]
 */
export function pow(a: Operand, b: Operand): Tensor {
  if (isTensor(a) && typeof b === 'number' && isFloat(a.dtype)) {
    if (b === 1) return a
    if (b === 2) return square(a)
    if (b === 3) return mul(square(a), a)
    if (b === 4) return square(square(a))
    if (b === -1) return div(1, a)
    if (b === -2) return div(1, square(a))
    if (b === 0.5) return where(equal(a, -Infinity), Infinity, sqrt(a))
    if (b === -0.5) return where(equal(a, -Infinity), 0, rsqrt(a))
  }
  return apply1(powOp, align('pow', a, b), {})
}
