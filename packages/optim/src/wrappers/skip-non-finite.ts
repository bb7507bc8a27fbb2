// Skips updates whose gradients are not finite.

import { zipTrees } from '../arrays/tree.ts'
import { checkOptions, describeValue } from '../check.ts'
import { globalNorm } from '../gradients/clip.ts'
import { checkOptimizer, delegated, type Optimizer, type OptimizerState } from '../optimizers/optimizer.ts'

export interface SkipNonFiniteOptions {
  /**
   * Required for array objects, whose values are not read: elements of a if the 0-d condition is not 0, else of b.
   * `where` of @kumiki/tensor or of any NumPy-like library.
   */
  where?(condition: any, a: any, b: any): any
}

/** Just below the largest float32: a norm that is not less is taken as infinite or NaN. */
const largest = 3.4028234e38

/**
 * An optimizer that changes neither parameters nor state if a gradient is NaN or infinite, or if the sum of squares
 * overflows. Make it the outermost wrapper: `skipNonFinite(chain(clipGlobalNorm(1), adamw()), { where })`. Metrics:
 * those of the optimizer, `gradNorm` and `skipped` (0 or 1). A skipped step counts: the next one uses the scalars of
 * step + 1.
 *
 * For typed arrays the host decides before anything is computed. For array objects both outcomes are computed and
 * `where` selects one; they need the method `less`.
 * @throws TypeError (from update) for array objects without `where` or without `less`
 * @example
 * ```ts
 * import { sgd, skipNonFinite } from '@kumiki/optim'
 *
 * const optimizer = skipNonFinite(sgd())
 * const params = { w: Float32Array.of(1) }
 * const result = optimizer.update({ w: Float32Array.of(Number.NaN) }, {}, params, optimizer.scalars(1, 0.1))
 * console.log(result.params.w[0], result.metrics.skipped) // 1 1
 * ```
 */
export function skipNonFinite(optimizer: Optimizer, options: SkipNonFiniteOptions = {}): Optimizer {
  checkOptimizer('skipNonFinite: optimizer', optimizer)
  checkOptions('skipNonFinite: options', options)
  const { where } = options
  return {
    ...delegated(optimizer, (inside) => skipNonFinite(inside, { where })),
    name: `skipNonFinite(${optimizer.name})`,
    update(grads, state, params, scalars, options) {
      const norm = globalNorm(grads)
      if (typeof norm === 'number') {
        if (!Number.isFinite(norm)) return { params, state, metrics: { gradNorm: norm, skipped: 1 } }
        const result = optimizer.update(grads, state, params, scalars, options)
        return { ...result, metrics: { gradNorm: norm, ...result.metrics, skipped: 0 } }
      }
      if (where === undefined)
        throw new TypeError(
          "skipNonFinite: gradients are array objects; give { where }, their library's choice between two arrays by a condition",
        )
      if (typeof norm.less !== 'function')
        throw new TypeError(`skipNonFinite: ${describeValue(norm)} lacks the method less, which gives the condition`)
      const finite = norm.less(largest)
      const result = optimizer.update(grads, state, params, scalars, options)
      const choose = <T>(what: string, after: T, before: T): T =>
        zipTrees(
          'skipNonFinite',
          [
            [what, after],
            [`old ${what}`, before],
          ],
          ([a, b]) => [where(finite, a, b)],
        )[0] as T
      return {
        params: choose('params', result.params, params),
        state: choose<OptimizerState<typeof params>>('state', result.state, state),
        metrics: {
          gradNorm: norm,
          ...result.metrics,
          skipped: where(finite, norm.zerosLike(), norm.zerosLike().add(1)),
        },
      }
    },
  }
}
