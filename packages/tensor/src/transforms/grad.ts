// Gradients of scalar functions.

import { shown } from '../arguments.ts'
import { isFloat } from '../dtype.ts'
import { DTypeError, ShapeError } from '../errors.ts'
import { flatten } from '../graph/tree.ts'
import { copyOp } from '../ops/copy.ts'
import { zeros } from '../ops/full.ts'
import { constant } from '../ops/leaf.ts'
import { formatShape } from '../shape.ts'
import { apply1, isTensor, Tensor } from '../tensor.ts'
import { pullBack } from './vjp.ts'

/**
 * Refuses functions that return a promise: tracing is synchronous.
 * @throws TypeError for a promise, which is marked as handled so that its rejection does not end the process
 */
export function refusePromise(what: string, result: unknown): void {
  if (typeof (result as PromiseLike<unknown> | undefined)?.then !== 'function') return
  ;(result as PromiseLike<unknown>).then(undefined, () => {})
  throw new TypeError(
    `${what}: the function is async, or it returned the promise of a compiled function; it must build its graph synchronously. Take the gradient inside: compile((w) => grad(loss)(w))`,
  )
}

/**
 * A function that returns the value of a scalar function and the gradient of its first argument (a tensor or a tree of
 * tensors). `f` may return `[loss, aux]`: the result is then `{ value, grads, aux }` with aux unchanged.
 *
 * Gradients have the argument's shape. They are float32 for narrower parameters too, so that they are not rounded
 * before the optimizer uses them. Integer leaves get zeros.
 *
 * @throws ShapeError if the loss is not a scalar
 * @example const { value, grads } = valueAndGrad((w) => w.square().sum())(device.tensor([3]))
 * ;[value, grads] // [9, [6]]
 */
export function valueAndGrad<P, Rest extends unknown[], Aux = undefined>(
  f: (params: P, ...rest: Rest) => Tensor | readonly [Tensor, Aux],
): (params: P, ...rest: Rest) => { value: Tensor; grads: P; aux: Aux } {
  return (params, ...rest) => {
    const flat = flatten(params)
    // A separate node for every parameter, at which gradients stop; a tensor given twice counts as two parameters.
    const marked = flat.leaves.map((leaf) => (isTensor(leaf) ? apply1(copyOp, [leaf], {}) : leaf))
    const result = f(flat.rebuild(marked) as P, ...rest)
    refusePromise('grad', result)
    const [value, aux] = isTensor(result) || !Array.isArray(result) ? [result as Tensor, undefined as Aux] : result
    refusePromise('grad', value)
    if (!isTensor(value))
      throw new TypeError(
        `grad: the function must return a scalar tensor, or [scalar tensor, aux], got ${shown(result)}`,
      )
    if (value.ndim !== 0)
      throw new ShapeError(
        `grad: the function must return a scalar, got shape ${formatShape(value.shape)}; reduce it with sum() or mean()`,
      )
    if (!isFloat(value.dtype)) throw new DTypeError(`grad: the function must return a float, got ${value.dtype}`)
    const inputs = marked.filter(isTensor)
    const device = inputs.find((t) => t.device)?.device ?? value.device
    const pulled = pullBack([value], [constant(1)], inputs, device)
    let k = 0
    const grads = marked.map((leaf) => {
      if (!isTensor(leaf)) return leaf
      const g = pulled[k++] ?? zeros(leaf.shape)
      return new Tensor(g.value, g.device ?? device)
    })
    return { value, grads: flat.rebuild(grads) as P, aux }
  }
}

/**
 * The gradient of a scalar function; see valueAndGrad.
 * @example grad((x) => x.square().sum())(device.tensor([1, 2])) // [2, 4]
 */
export function grad<P, Rest extends unknown[]>(
  f: (params: P, ...rest: Rest) => Tensor,
): (params: P, ...rest: Rest) => P {
  const both = valueAndGrad(f)
  return (params, ...rest) => both(params, ...rest).grads
}
