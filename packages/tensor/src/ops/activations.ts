// Activation functions, defined by other operations.

import { requireNumber, requireTensor, shown } from '../arguments.ts'
import type { Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { cast } from './cast.ts'
import { greaterEqual, lessEqual } from './compare.ts'
import { erf } from './erf.ts'
import { expm1 } from './expm1.ts'
import { mul } from './mul.ts'
import { requireFloat } from './require.ts'
import { square } from './square.ts'
import { tanh } from './tanh.ts'
import { where } from './where.ts'

/**
 * max(x, 0), NaN for NaN; the gradient at 0 is 0.
 * @example relu(device.tensor([-1, 2])) // [0, 2]
 */
export function relu(x: Tensor): Tensor {
  requireTensor('relu', x)
  return where(lessEqual(x, 0), 0, x)
}

/**
 * x if x > 0, else slope * x.
 * @example leakyRelu(device.tensor([-1, 2]), 0.1) // [-0.1, 2]
 */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  requireTensor('leakyRelu', x)
  requireFloat('leakyRelu', x)
  requireNumber('leakyRelu', 'slope', slope)
  return where(lessEqual(x, 0), mul(x, slope), x)
}

/**
 * x if x > 0, else alpha (exp(x) - 1).
 * @see arXiv:1511.07289
 * @example elu(device.tensor([-1, 2])) // [-0.632, 2]
 */
export function elu(x: Tensor, alpha = 1): Tensor {
  requireTensor('elu', x)
  requireFloat('elu', x)
  requireNumber('elu', 'alpha', alpha)
  return where(lessEqual(x, 0), mul(expm1(where(lessEqual(x, 0), x, 0)), alpha), where(lessEqual(x, 0), 0, x))
}

/**
 * x Φ(x), where Φ is the cumulative distribution function of the standard normal distribution. Computed in float32 for
 * every dtype.
 * @param approximate 'none': by erf; 'tanh': GPT-2's approximation, 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
 * @see arXiv:1606.08415
 * @example
 * gelu(device.tensor([-1, 0, 1])) // [-0.159, 0, 0.841]
 * gelu(device.tensor([1]), 'tanh') // [0.841]
 */
export function gelu(x: Tensor, approximate: 'none' | 'tanh' = 'none'): Tensor {
  requireTensor('gelu', x)
  requireFloat('gelu', x)
  if (approximate !== 'none' && approximate !== 'tanh')
    throw new TypeError(`gelu: approximate must be 'none' or 'tanh', got ${shown(approximate)}`)
  const f = cast(x, 'float32')
  const inner =
    approximate === 'none'
      ? erf(mul(f, Math.SQRT1_2))
      : tanh(mul(mul(f, add(mul(square(f), 0.044715), 1)), Math.sqrt(2 / Math.PI)))
  return cast(mul(mul(f, 0.5), add(inner, 1)), x.dtype)
}

/**
 * x / 6 + 1 / 2, limited to [0, 1].
 * @example hardSigmoid(device.tensor([-4, 0, 1.5])) // [0, 0.5, 0.75]
 */
export function hardSigmoid(x: Tensor): Tensor {
  requireTensor('hardSigmoid', x)
  requireFloat('hardSigmoid', x)
  return where(lessEqual(x, -3), 0, where(greaterEqual(x, 3), 1, add(mul(x, 1 / 6), 0.5)))
}

/**
 * x hardSigmoid(x).
 * @see arXiv:1905.02244
 * @example hardSwish(device.tensor([-4, 1.5, 4])) // [0, 1.125, 4]
 */
export function hardSwish(x: Tensor): Tensor {
  requireTensor('hardSwish', x)
  return mul(x, hardSigmoid(x))
}
