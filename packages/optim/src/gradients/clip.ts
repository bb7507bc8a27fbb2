// Gradient clipping by norm and by value. Nothing is read back to the host: for array objects the norm and the factor
// are array objects too.

import type { Arithmetic } from '../arrays/arithmetic.ts'
import { arithmeticOf } from '../arrays/arithmetic-of.ts'
import { leavesOf, mapTree } from '../arrays/tree.ts'
import { checkNumber } from '../check.ts'
import type { UpdateOptions } from '../optimizers/optimizer.ts'

/**
 * The L2 norm over all elements of all leaves.
 * @param tree of typed arrays: a number (summed in float64); of array objects: a 0-d array (squares and sums in
 *   float32)
 * @throws RangeError if the tree has no leaves; TypeError if leaves are of different kinds
 * @example
 * ```ts
 * import { globalNorm } from '@kumiki/optim'
 *
 * console.log(globalNorm({ w: Float32Array.of(3), layers: [Float32Array.of(4)] })) // 5
 * ```
 */
export function globalNorm(tree: unknown): any {
  return normOf('globalNorm', tree).norm
}

/**
 * Scales all gradients by min(1, maxNorm / (norm + 1e-6)), like torch.nn.utils.clip_grad_norm_. As there, a norm of NaN
 * makes every gradient NaN, and an infinite norm makes finite gradients 0; see `skipNonFinite`.
 * @returns the scaled gradients and the norm before scaling
 * @throws RangeError if maxNorm is not above 0
 * @example
 * ```ts
 * import { clipGradNorm } from '@kumiki/optim'
 *
 * const { grads, norm } = clipGradNorm({ w: Float64Array.of(3, 4) }, 1)
 * console.log(norm, grads.w.map((g) => Number(g.toFixed(3)))) // 5 Float64Array [0.6, 0.8]
 * ```
 */
export function clipGradNorm<P>(grads: P, maxNorm: number, { inPlace = false }: UpdateOptions = {}) {
  checkNumber('clipGradNorm: maxNorm', maxNorm, Number.MIN_VALUE)
  const { norm, arithmetic } = normOf('clipGradNorm', grads)
  const { scalar } = arithmetic
  const factor = scalar.minimum(scalar.divide(maxNorm, scalar.add(norm, 1e-6)), 1)
  return { grads: factor === 1 ? grads : scaleTree(grads, factor, inPlace), norm }
}

/**
 * Limits every element to [-limit, limit].
 * @throws RangeError if limit is not above 0
 * @example
 * ```ts
 * import { clipGradValue } from '@kumiki/optim'
 *
 * console.log(clipGradValue({ w: Float32Array.of(3, -0.5) }, 1).w) // Float32Array [1, -0.5]
 * ```
 */
export function clipGradValue<P>(grads: P, limit: number, { inPlace = false }: UpdateOptions = {}): P {
  checkNumber('clipGradValue: limit', limit, Number.MIN_VALUE)
  return mapTree(
    grads,
    (leaf, path) =>
      arithmeticOf(leaf, `clipGradValue: ${path}`).elementwise([leaf], [leaf], inPlace, (ops, [g]) => [
        ops.minimum(ops.maximum(g, -limit), limit),
      ])[0],
  )
}

/** Every leaf times a scalar. */
export function scaleTree<P>(tree: P, factor: any, inPlace: boolean): P {
  return mapTree(
    tree,
    (leaf, path) =>
      arithmeticOf(leaf, path).elementwise([leaf], [leaf], inPlace, (ops, [g]) => [ops.mul(g, factor)])[0],
  )
}

function normOf(what: string, tree: unknown): { norm: any; arithmetic: Arithmetic<any, any> } {
  const leaves = leavesOf(tree)
  if (leaves.length === 0) throw new RangeError(`${what}: the tree has no arrays`)
  const arithmetic = arithmeticOf(leaves[0].leaf, `${what}: ${leaves[0].path}`)
  let sum: any
  for (const { leaf, path } of leaves) {
    if (arithmeticOf(leaf, `${what}: ${path}`) !== arithmetic)
      throw new TypeError(`${what}: ${path} is of another kind than ${leaves[0].path} (${arithmetic.name})`)
    const part = arithmetic.sumOfSquares(leaf)
    sum = sum === undefined ? part : arithmetic.scalar.add(sum, part)
  }
  return { norm: arithmetic.scalar.sqrt(sum), arithmetic }
}
