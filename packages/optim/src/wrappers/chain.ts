// Putting steps before an optimizer.

import { describeValue } from '../check.ts'
import { clipByGlobalNorm, clipByValue } from '../gradients/clip.ts'
import { delegated, type Optimizer, type OptimizerState, type UpdateOptions } from '../optimizers/optimizer.ts'

/** Trees of arrays by name: what a step remembers. */
export type TransformState = Record<string, any>

/** A step that changes gradients before an optimizer sees them. */
export interface GradientTransform {
  readonly name: string
  /** What it remembers from step to step: trees of arrays, named so that no other step of the chain has the name. Default: nothing. */
  init?(params: unknown): TransformState
  /** See Optimizer.scalars; named like its state. */
  scalars?(step: number): Record<string, number>
  /** `metrics` are numbers, or 0-d arrays where gradients are array objects; `state` like that of `init`. */
  apply<P>(
    grads: P,
    options: UpdateOptions,
    state: TransformState,
    scalars: Record<string, any>,
  ): { grads: P; metrics: Record<string, any>; state?: TransformState }
}

/**
 * `clipByGlobalNorm` as a step; its metric is `gradNorm`, the norm before clipping.
 * @example
 * ```ts
 * import { chain, clipGlobalNorm, sgd } from '@kumiki/optim'
 *
 * console.log(chain(clipGlobalNorm(1), sgd()).name) // clipGlobalNorm(1) > sgd
 * ```
 */
export function clipGlobalNorm(maxNorm: number): GradientTransform {
  return {
    name: `clipGlobalNorm(${maxNorm})`,
    apply(grads, options) {
      const clipped = clipByGlobalNorm(grads, maxNorm, options)
      return { grads: clipped.grads, metrics: { gradNorm: clipped.norm } }
    },
  }
}

/**
 * `clipByValue` as a step.
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
  return {
    name: `clipValue(${limit})`,
    apply: (grads, options) => ({ grads: clipByValue(grads, limit, options), metrics: {} }),
  }
}

/**
 * An optimizer that sees the gradients as the steps before it leave them: `chain(clipGlobalNorm(1), adamw())`.
 * State, scalars and metrics of all are joined; where two have a metric of one name, the first one's is kept (`gradNorm` is the norm of
 * what went into the chain).
 * @throws TypeError where the last argument is no optimizer; (from init) RangeError where two steps have a state of one name
 * @example
 * ```ts
 * import { adamw, chain, clipGlobalNorm } from '@kumiki/optim'
 *
 * const optimizer = chain(clipGlobalNorm(1), adamw({ beta2: 0.95 }))
 * const params = { w: Float32Array.of(1, 1) }
 * const grads = { w: Float32Array.of(30, 40) }
 * console.log(optimizer.update(grads, optimizer.init(params), params, optimizer.scalars(1, 0.1)).metrics.gradNorm) // 50
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
              `chain: two steps have a state called ${describeValue(name)}; give each a name of its own`,
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
