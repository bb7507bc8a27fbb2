// Training dynamics: how large updates are relative to the weights, and how much epsilon shortens Adam's steps.

import type { Arithmetic } from '../arrays/arithmetic.ts'
import { arithmeticOf } from '../arrays/arithmetic-of.ts'
import { leavesOf, mapTree, zipTrees } from '../arrays/tree.ts'
import { checkNumber, checkOptions } from '../check.ts'
import { globalNorm } from '../gradients/clip.ts'
import { checkOptimizer, delegated, type Optimizer } from '../optimizers/optimizer.ts'

export interface DynamicsOptions {
  /** Whether to report each metric per parameter too, as `updateRatio.PATH` and so on. Default false. */
  perParameter?: boolean
  /** Compared with the root of the second moment. Default: the optimizer's own epsilon. */
  epsilon?: number
}

/**
 * The norm of an update divided by the norm of the weights before it: |after - before| / |before|. A common rule of
 * thumb is about 1e-3.
 * @returns a number for typed arrays, a 0-d array for array objects
 * @throws TypeError if the trees differ
 * @example
 * ```ts
 * import { updateToWeightRatio } from '@kumiki/optim'
 *
 * console.log(updateToWeightRatio({ w: Float32Array.of(3, 4) }, { w: Float32Array.of(3, 3.5) })) // 0.1
 * ```
 */
export function updateToWeightRatio(before: unknown, after: unknown): any {
  const difference = zipTrees(
    'updateToWeightRatio',
    [
      ['before', before],
      ['after', after],
    ],
    ([a, b], path) => [arithmeticOf(a, path).elementwise([b, a], [a], false, (ops, [x, y]) => [ops.sub(x, y)])[0]],
  )[0]
  const [{ leaf }] = leavesOf(before)
  const { scalar } = arithmeticOf(leaf)
  return scalar.div(globalNorm(difference), scalar.maximum(globalNorm(before), 1e-30))
}

/** How epsilon affects Adam's steps. Numbers, or 0-d arrays for array objects. */
export interface EpsilonShare {
  /** Root mean square of r, the root of the bias-corrected second moment: the typical magnitude of gradients. */
  secondMomentRoot: any
  /**
   * Mean of r / (r + epsilon), the factor by which epsilon shortens steps: near 1 it has no effect, at 1/2 r equals
   * epsilon.
   */
  effectiveStep: any
  /** Fraction of elements with r below epsilon, whose steps are less than half as long. */
  belowEpsilon: any
}

/**
 * How much epsilon dominates Adam's denominator sqrt(v) / secondMomentCorrection + epsilon, over a tree of second
 * moments.
 * @param expAvgSq second moments
 * @param secondMomentCorrection sqrt(1 - beta2^step), one of adam's scalars
 * @throws RangeError if epsilon is negative or the tree has no arrays
 * @example
 * ```ts
 * import { epsilonShare } from '@kumiki/optim'
 *
 * // Gradients as small as epsilon: half of every step is lost.
 * const { effectiveStep } = epsilonShare({ w: Float64Array.of(1e-10, 1e-10) }, 1, 1e-5)
 * console.log(effectiveStep) // 0.5
 * ```
 */
export function epsilonShare(expAvgSq: unknown, secondMomentCorrection: any, epsilon: number): EpsilonShare {
  checkNumber('epsilonShare: epsilon', epsilon, 0)
  const leaves = leavesOf(expAvgSq)
  if (leaves.length === 0) throw new RangeError('epsilonShare: the tree has no arrays')
  let count = 0
  let sums: any[] | undefined
  let arithmetic!: Arithmetic<any, any>
  for (const { leaf: stored, path } of leaves) {
    const leaf = stored instanceof Uint16Array ? widenCodes(stored) : stored
    arithmetic = arithmeticOf(leaf, `epsilonShare: ${path}`)
    const { scalar } = arithmetic
    count += arithmetic.size(leaf)
    const [root, share, below] = arithmetic.elementwise([leaf], [leaf, leaf, leaf], false, (ops, [v]) => {
      const r = ops.div(ops.sqrt(v), secondMomentCorrection)
      return [r, ops.div(r, ops.maximum(ops.add(r, epsilon), 1e-38)), ops.minimum(ops.sign(ops.sub(r, epsilon)), 0)]
    })
    const here = [arithmetic.sumOfSquares(root), arithmetic.sum(share), scalar.mul(arithmetic.sum(below), -1)]
    sums = sums?.map((sum, i) => scalar.add(sum, here[i])) ?? here
  }
  const { scalar } = arithmetic
  const means = sums!.map((sum) => scalar.mul(sum, 1 / count))
  return { secondMomentRoot: scalar.sqrt(means[0]), effectiveStep: means[1], belowEpsilon: means[2] }
}

/**
 * An optimizer that reports its training dynamics as metrics: `updateRatio` (see updateToWeightRatio) and, if it has a
 * second moment, `secondMomentRoot`, `effectiveStep` and `belowEpsilon` (see epsilonShare). With array objects nothing
 * is read back. With typed arrays an update takes about twice the time and, in place, a copy of the parameters: to
 * measure only some steps, use the wrapped optimizer itself for the others; state and scalars are the same.
 * @throws RangeError if epsilon is negative
 * @example
 * ```ts
 * import { adamw, withDynamics } from '@kumiki/optim'
 *
 * const optimizer = withDynamics(adamw())
 * const params = { w: Float32Array.of(1, 2) }
 * const { metrics } = optimizer.update(
 *   { w: Float32Array.of(0.1, 0.2) },
 *   optimizer.init(params),
 *   params,
 *   optimizer.scalars(1, 1e-3),
 * )
 * console.log(Object.keys(metrics)) // ['updateRatio', 'secondMomentRoot', 'effectiveStep', 'belowEpsilon']
 * ```
 */
export function withDynamics(optimizer: Optimizer, options: DynamicsOptions = {}): Optimizer {
  checkOptimizer('withDynamics: optimizer', optimizer)
  checkOptions('withDynamics: options', options)
  const { perParameter = false, epsilon = optimizer.epsilon } = options
  if (epsilon !== undefined) checkNumber('withDynamics: epsilon', epsilon, 0)
  return {
    ...delegated(optimizer, (inside) => withDynamics(inside, options)),
    name: `withDynamics(${optimizer.name})`,
    update(grads, state, params, scalars, updateOptions) {
      const before = updateOptions?.inPlace ? mapTree(params, (a) => (ArrayBuffer.isView(a) ? copy(a) : a)) : params
      const result = optimizer.update(grads, state, params, scalars, updateOptions)
      const metrics: Record<string, any> = {
        ...result.metrics,
        updateRatio: updateToWeightRatio(before, result.params),
      }
      if (perParameter) {
        const after = new Map(leavesOf(result.params).map(({ path, leaf }) => [path, leaf]))
        for (const { path, leaf } of leavesOf(before))
          metrics[`updateRatio.${path}`] = updateToWeightRatio(leaf, after.get(path))
      }
      const { expAvgSq } = result.state
      if (expAvgSq !== undefined && epsilon !== undefined && scalars.secondMomentCorrection !== undefined) {
        Object.assign(metrics, epsilonShare(expAvgSq, scalars.secondMomentCorrection, epsilon))
        if (perParameter)
          for (const { path, leaf } of leavesOf(expAvgSq))
            for (const [name, value] of Object.entries(epsilonShare(leaf, scalars.secondMomentCorrection, epsilon)))
              metrics[`${name}.${path}`] = value
      }
      return { ...result, metrics }
    },
  }
}

const copy = (a: ArrayBufferView) => (a as Float32Array).slice()

function widenCodes(codes: Uint16Array): Float32Array {
  const bits = Uint32Array.from(codes, (c) => c << 16)
  return new Float32Array(bits.buffer)
}
