// Tangent, inverse and hyperbolic functions.

import { requireTensor } from '../arguments.ts'
import type { Tensor } from '../tensor.ts'
import { apply1 } from '../tensor.ts'
import { abs } from './abs.ts'
import { add } from './add.ts'
import { bitcast } from './bitcast.ts'
import { equal, less } from './compare.ts'
import { div } from './div.ts'
import { elementFunction, polynomial } from './element-function.ts'
import { unarySamples } from './elementwise.ts'
import { exp } from './exp.ts'
import { expm1 } from './expm1.ts'
import { maximum } from './maximum.ts'
import { minimum } from './minimum.ts'
import { mul } from './mul.ts'
import { neg } from './neg.ts'
import { align, type Operand, unary } from './operation.ts'
import { rsqrt } from './rsqrt.ts'
import { sign } from './sign.ts'
import { cos, sin } from './sin-cos.ts'
import { sqrt } from './sqrt.ts'
import { square } from './square.ts'
import { sub } from './sub.ts'
import { where } from './where.ts'

/** Coefficients of atan(x) / x in x^2 on [0, 1], fitted to 2.5e-9. */
const series = [
  0.9999999975460201, -0.33333282295510885, 0.19998230640360679, -0.14261573680139644, 0.10940198964371045,
  -0.08372063945817174, 0.057463557807200256, -0.030717508861835746, 0.010680719422539797, -0.0017437011383732673,
]
const within1 = (x: Tensor) => mul(x, polynomial(square(x), series))

function arctangent(x: Tensor): Tensor {
  const a = abs(x)
  const y = within1(where(less(1, a), div(1, a), a))
  return mul(sign(x), where(less(1, a), sub(Math.PI / 2, y), y))
}

export const atanOp = elementFunction({
  name: 'atan',
  js: Math.atan,
  compose: arctangent,
  gradient: ({ inputs: [x], grads: [g] }) => [g && div(g, add(square(x), 1))],
  samples: unarySamples([-4, 4]),
})

export const asinOp = elementFunction({
  name: 'asin',
  js: Math.asin,
  compose: (x) => arctangent(div(x, sqrt(mul(sub(1, x), add(x, 1))))),
  gradient: ({ inputs: [x], grads: [g] }) => [g && mul(g, rsqrt(mul(sub(1, x), add(x, 1))))],
  samples: unarySamples([-0.95, 0.95]),
})

export const acosOp = elementFunction({
  name: 'acos',
  js: Math.acos,
  compose: (x) => mul(arctangent(sqrt(div(sub(1, x), add(x, 1)))), 2),
  gradient: ({ inputs: [x], grads: [g] }) => [g && neg(mul(g, rsqrt(mul(sub(1, x), add(x, 1)))))],
  samples: unarySamples([-0.95, 0.95]),
})

export const atan2Op = elementFunction({
  name: 'atan2',
  js: Math.atan2,
  compose(y, x) {
    const [a, b] = [abs(y), abs(x)]
    const large = maximum(a, b)
    const ratio = where(equal(a, b), where(equal(large, 0), 0, 1), div(minimum(a, b), large))
    const near = within1(ratio)
    const right = where(less(b, a), sub(Math.PI / 2, near), near)
    // By the sign bits: -0 counts as negative.
    const half = where(less(bitcast(x, 'int32'), 0), sub(Math.PI, right), right)
    const angle = where(less(bitcast(y, 'int32'), 0), neg(half), half)
    return where(equal(large, large), angle, NaN)
  },
  gradient({ inputs: [y, x], grads: [g] }) {
    if (!g) return [undefined, undefined]
    const scale = div(g, add(square(y), square(x)))
    return [mul(scale, x), neg(mul(scale, y))]
  },
  samples: [
    { inputs: [{ shape: [33] }, { shape: [33] }] },
    {
      inputs: [
        { shape: [], range: [0.5, 2] },
        { shape: [], range: [-2, -0.5] },
      ],
    },
    { inputs: [{ shape: [0, 3] }, { shape: [0, 3] }] },
  ],
})

export const sinhOp = elementFunction({
  name: 'sinh',
  js: Math.sinh,
  compose(x) {
    const a = abs(x)
    const u = expm1(minimum(a, 1))
    const e = exp(a)
    const h = exp(mul(a, 0.5))
    const large = where(less(80, a), mul(mul(h, 0.5), h), mul(sub(e, div(1, e)), 0.5))
    return mul(sign(x), where(less(a, 1), mul(add(u, div(u, add(u, 1))), 0.5), large))
  },
  gradient: ({ inputs: [x], grads: [g] }) => [g && mul(g, cosh(x))],
  samples: unarySamples([-3, 3]),
})

export const coshOp = elementFunction({
  name: 'cosh',
  js: Math.cosh,
  compose(x) {
    const a = abs(x)
    const e = exp(a)
    const h = exp(mul(a, 0.5))
    return where(less(80, a), mul(mul(h, 0.5), h), mul(add(e, div(1, e)), 0.5))
  },
  gradient: ({ inputs: [x], grads: [g] }) => [g && mul(g, sinh(x))],
  samples: unarySamples([-3, 3]),
})

/**
 * Tangent of x in radians.
 * @example tan(device.tensor([0, Math.PI / 4])) // [0, 1]
 */
export function tan(x: Tensor): Tensor {
  requireTensor('tan', x)
  return div(sin(x), cos(x))
}

/**
 * Arc tangent, in (-pi / 2, pi / 2).
 * @example atan(device.tensor([0, 1])) // [0, 0.785]
 */
export function atan(x: Tensor): Tensor {
  return unary(atanOp, x)
}

/**
 * Arc sine, in [-pi / 2, pi / 2]; NaN outside [-1, 1].
 * @example asin(device.tensor([0, 1])) // [0, 1.571]
 */
export function asin(x: Tensor): Tensor {
  return unary(asinOp, x)
}

/**
 * Arc cosine, in [0, pi]; NaN outside [-1, 1].
 * @example acos(device.tensor([1, 0])) // [0, 1.571]
 */
export function acos(x: Tensor): Tensor {
  return unary(acosOp, x)
}

/**
 * The angle of the point (x, y), in [-pi, pi]; broadcast.
 * @example atan2(device.tensor([1, -1]), -1) // [2.356, -2.356]
 */
export function atan2(y: Operand, x: Operand): Tensor {
  return apply1(atan2Op, align('atan2', y, x), {})
}

/**
 * Hyperbolic sine.
 * @example sinh(device.tensor([0, 1])) // [0, 1.175]
 */
export function sinh(x: Tensor): Tensor {
  return unary(sinhOp, x)
}

/**
 * Hyperbolic cosine.
 * @example cosh(device.tensor([0, 1])) // [1, 1.543]
 */
export function cosh(x: Tensor): Tensor {
  return unary(coshOp, x)
}
