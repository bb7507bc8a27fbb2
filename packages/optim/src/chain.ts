// Putting steps before an optimizer.

import { clipByGlobalNorm, clipByValue, globalNorm } from './clip.ts'
import type { Optimizer, UpdateOptions } from './optimizer.ts'

/** A step that changes gradients before an optimizer sees them. */
export interface GradientTransform {
  readonly name: string
  apply<P>(grads: P, options: UpdateOptions): { grads: P; metrics: Record<string, any> }
}

/** `clipByGlobalNorm` as a step; its metric is `gradNorm`, the norm before clipping. */
export function clipGlobalNorm(maxNorm: number): GradientTransform {
  return {
    name: `clipGlobalNorm(${maxNorm})`,
    apply(grads, options) {
      const clipped = clipByGlobalNorm(grads, maxNorm, options)
      return { grads: clipped.grads, metrics: { gradNorm: clipped.norm } }
    },
  }
}

/** `clipByValue` as a step. */
export function clipValue(limit: number): GradientTransform {
  return {
    name: `clipValue(${limit})`,
    apply: (grads, options) => ({ grads: clipByValue(grads, limit, options), metrics: {} }),
  }
}

/**
 * An optimizer that sees the gradients as the steps before it leave them: `chain(clipGlobalNorm(1), adamw())`.
 * Its state and scalars are those of the optimizer; metrics of all are joined.
 * @throws TypeError where the last argument is no optimizer
 */
export function chain(...steps: readonly [...GradientTransform[], Optimizer]): Optimizer {
  const optimizer = steps[steps.length - 1] as Optimizer
  const transforms = steps.slice(0, -1) as GradientTransform[]
  if (typeof optimizer?.update !== 'function' || transforms.some((t) => typeof t?.apply !== 'function'))
    throw new TypeError('chain: expected gradient transforms followed by one optimizer')
  return {
    name: steps.map((s) => s.name).join(' > '),
    init: (params) => optimizer.init(params),
    scalars: (step, learningRate) => optimizer.scalars(step, learningRate),
    update(grads, state, params, scalars, options = {}) {
      const metrics: Record<string, any> = {}
      for (const transform of transforms) {
        const result = transform.apply(grads, options)
        grads = result.grads
        Object.assign(metrics, result.metrics)
      }
      const result = optimizer.update(grads, state, params, scalars, options)
      return { ...result, metrics: { ...metrics, ...result.metrics } }
    },
  }
}

/**
 * An optimizer that leaves parameters and state as they are where a gradient is NaN or infinite. Metrics: `skipped` (0 or 1).
 *
 * For typed arrays only, because the decision is made on the host. For array objects read the norm (metric `gradNorm`) and keep the old trees.
 * @throws TypeError (from update) where gradients are array objects
 */
export function skipNonFinite(optimizer: Optimizer): Optimizer {
  return {
    ...optimizer,
    name: `skipNonFinite(${optimizer.name})`,
    update(grads, state, params, scalars, options) {
      const norm = globalNorm(grads)
      if (typeof norm !== 'number')
        throw new TypeError(
          'skipNonFinite: decides on the host and needs Float32Array or Float64Array gradients; for array objects read metrics.gradNorm and keep the old params and state',
        )
      if (!Number.isFinite(norm)) return { params, state, metrics: { gradNorm: norm, skipped: 1 } }
      const result = optimizer.update(grads, state, params, scalars, options)
      return { ...result, metrics: { ...result.metrics, skipped: 0 } }
    },
  }
}
