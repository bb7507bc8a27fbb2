// Gradient transforms that run before an optimizer.

import { checkNumber, describeValue } from '../check.ts'
import { clipGradNorm, clipGradValue } from '../gradients/clip.ts'
import { delegated, type Optimizer, type OptimizerState, type UpdateOptions } from '../optimizers/optimizer.ts'

/** The state of a transform: trees of arrays by name. */
export type TransformState = Record<string, any>

/** A transform of the gradients that an optimizer gets. */
export interface GradientTransform {
  readonly name: string
  /** Its initial state: trees of arrays, under names that no other transform of the chain uses. Default: none. */
  init?(params: unknown): TransformState
  /** See Optimizer.scalars; under names that no other transform of the chain uses. */
  scalars?(step: number): Record<string, number>
  /**
   * `metrics` are numbers, or 0-d arrays if gradients are array objects; `state` is the next state, with the names of
   * `init`.
   */
  apply<P>(
    grads: P,
    options: UpdateOptions,
    state: TransformState,
    scalars: Record<string, any>,
  ): { grads: P; metrics: Record<string, any>; state?: TransformState }
}

/**
 * `clipGradNorm` as a gradient transform; its metric is `gradNorm`, the norm before clipping.
 * @throws RangeError if maxNorm is not above 0
 * @example
 * ```ts
 * import { chain, clipGlobalNorm, sgd } from '@kumiki/optim'
 *
 * console.log(chain(clipGlobalNorm(1), sgd()).name) // clipGlobalNorm(1) > sgd
 * ```
 */
export function clipGlobalNorm(maxNorm: number): GradientTransform {
  checkNumber('clipGlobalNorm: maxNorm', maxNorm, Number.MIN_VALUE)
  return {
    name: `clipGlobalNorm(${maxNorm})`,
    apply(grads, options) {
      const clipped = clipGradNorm(grads, maxNorm, options)
      return { grads: clipped.grads, metrics: { gradNorm: clipped.norm } }
    },
  }
}

/**
 * `clipGradValue` as a gradient transform.
 * @throws RangeError if limit is not above 0
 * @example
 * ```ts
 * import { chain, clipValue, sgd } from '@kumiki/optim'
 *
 * const optimizer = chain(clipValue(1), sgd())
 * const params = { w: Float32Array.of(0, 0) }
 * const { params: next } = optimizer.update({ w: Float32Array.of(5, -0.5) }, {}, params, optimizer.scalars(1, 1))
 * console.log(next.w) // Float32Array [-1, 0.5]
 * ```
 */
export function clipValue(limit: number): GradientTransform {
  checkNumber('clipValue: limit', limit, Number.MIN_VALUE)
  return {
    name: `clipValue(${limit})`,
    apply: (grads, options) => ({ grads: clipGradValue(grads, limit, options), metrics: {} }),
  }
}

/**
 * An optimizer whose gradients pass through transforms first: `chain(clipGlobalNorm(1), adamw())`.
 * State, scalars and metrics of all are merged; of two metrics with the same name the first is kept (`gradNorm` is the
 * norm before the chain).
 * @throws TypeError if the last argument is not an optimizer; (from init) RangeError if two transforms have a state of
 *   the same name
 * @example
 * ```ts
 * import { adamw, chain, clipGlobalNorm } from '@kumiki/optim'
 *
 * const optimizer = chain(clipGlobalNorm(1), adamw({ beta2: 0.95 }))
 * const params = { w: Float32Array.of(1, 1) }
 * const grads = { w: Float32Array.of(30, 40) }
 * const { metrics } = optimizer.update(grads, optimizer.init(params), params, optimizer.scalars(1, 0.1))
 * console.log(metrics.gradNorm) // 50
 * ```
 */
export function chain(...steps: readonly [...GradientTransform[], Optimizer]): Optimizer {
  const optimizer = steps[steps.length - 1] as Optimizer
  const transforms = steps.slice(0, -1) as GradientTransform[]
  if (typeof optimizer?.update !== 'function' || transforms.some((t) => typeof t?.apply !== 'function'))
    throw new TypeError('chain: expected gradient transforms followed by one optimizer')
  return {
    ...delegated(optimizer, (inside) => chain(...transforms, inside)),
    name: steps.map((s) => s.name).join(' > '),
    init(params) {
      const state: Record<string, any> = {}
      for (const part of [...transforms.map((t) => t.init?.(params) ?? {}), optimizer.init(params)])
        for (const [name, tree] of Object.entries(part)) {
          if (Object.hasOwn(state, name))
            throw new RangeError(
              `chain: two transforms have a state called ${describeValue(name)}; use each transform once, or give its state another name`,
            )
          state[name] = tree
        }
      return state
    },
    scalars: (step, learningRate) => ({
      ...Object.assign({}, ...transforms.map((t) => t.scalars?.(step) ?? {})),
      ...optimizer.scalars(step, learningRate),
    }),
    update(grads, state, params, scalars, options = {}) {
      const metrics: Record<string, any> = {}
      const kept: Record<string, any> = {}
      for (const transform of transforms) {
        const result = transform.apply(grads, options, state, scalars)
        grads = result.grads
        addMissing(metrics, result.metrics)
        Object.assign(kept, result.state)
      }
      const result = optimizer.update(grads, state, params, scalars, options)
      addMissing(metrics, result.metrics)
      return { ...result, state: { ...kept, ...result.state } as OptimizerState<typeof params>, metrics }
    },
  }
}

function addMissing(metrics: Record<string, any>, more: Record<string, any>): void {
  for (const [name, value] of Object.entries(more)) if (!Object.hasOwn(metrics, name)) metrics[name] = value
}
