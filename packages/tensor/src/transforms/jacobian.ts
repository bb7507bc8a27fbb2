// Matrices of derivatives: jacobian and hessian.

import { requireTensor, shown } from '../arguments.ts'
import { isFloat } from '../dtype.ts'
import { DTypeError, ShapeError } from '../errors.ts'
import { eye } from '../ops/matrices.ts'
import { reshape } from '../ops/reshape.ts'
import { formatShape } from '../shape.ts'
import { Tensor } from '../tensor.ts'
import { grad } from './grad.ts'
import { vjp } from './jvp.ts'
import { vmap } from './vmap.ts'

/**
 * The Jacobian of a function of one tensor: the derivatives of each element of the result with respect to each element
 * of x. One reverse pass for all elements of the result (`vmap` of `vjp`), whose work grows with their number.
 * @param f from a float tensor to a float tensor
 * @returns a function whose result is float32 [...shape of f(x), ...shape of x]
 * @throws DTypeError for integers
 * @example jacobian((x) => x.square())(device.tensor([1, 2])) // [[2, 0], [0, 4]]
 */
export function jacobian(f: (x: Tensor) => Tensor): (x: Tensor) => Tensor {
  if (typeof f !== 'function') throw new TypeError(`jacobian: expected a function, got ${shown(f)}`)
  return (x) => {
    requireTensor('jacobian', x)
    const { value, pull } = vjp(f, x)
    requireTensor('jacobian', value, 'the result')
    if (!isFloat(x.dtype) || !isFloat(value.dtype))
      throw new DTypeError(`jacobian: needs a float argument and result, got ${x.dtype} and ${value.dtype}`)
    // On the argument's device, so that the result is too, even if the derivative does not read the argument.
    const directions = new Tensor(reshape(eye(value.size), [value.size, ...value.shape]).value, x.owner)
    return reshape(vmap(pull)(directions), [...value.shape, ...x.shape])
  }
}

/**
 * The Hessian of a scalar function of one tensor: the Jacobian of its gradient.
 * @returns a function whose result is float32 [...shape of x, ...shape of x]
 * @throws ShapeError if the result is not a scalar
 * @example hessian((x) => x.square().square().sum())(device.tensor([1, 2])) // [[12, 0], [0, 48]]
 */
export function hessian(f: (x: Tensor) => Tensor): (x: Tensor) => Tensor {
  if (typeof f !== 'function') throw new TypeError(`hessian: expected a function, got ${shown(f)}`)
  return jacobian((x) =>
    grad((y: Tensor) => {
      const value = f(y)
      if (value.ndim > 0) throw new ShapeError(`hessian: the result must be a scalar, got ${formatShape(value.shape)}`)
      return value
    })(x),
  )
}
