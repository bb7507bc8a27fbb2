// AdamW.

import { type AdamOptions, adamDirection, biasCorrections, checkAdam } from './adam.ts'
import { elementwiseOptimizer, type Optimizer } from './optimizer.ts'

/**
 * AdamW: Adam with decoupled weight decay. With t the step:
 *
 *     m <- beta1 * m + (1 - beta1) * g
 *     v <- beta2 * v + (1 - beta2) * g^2
 *     p <- p * (1 - learningRate * weightDecay)
 *            - learningRate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
 *
 * Parameters that the mask excludes have the factor 1 instead of the decay. As torch.optim.AdamW: the decay is
 * multiplied by the learning rate. Scalars: `decay` = 1 - learningRate * weightDecay, `stepSize`,
 * `secondMomentCorrection`. State: `expAvg` (m), `expAvgSq` (v).
 * @throws RangeError if an option is out of range
 * @see arXiv:1711.05101, algorithm 2
 * @example
 * ```ts
 * import { adamw } from '@kumiki/optim'
 *
 * const optimizer = adamw({ beta2: 0.95, weightDecay: 0.1 })
 * let params = { w: Float32Array.of(3, -2) } // minimise |w|^2 / 2
 * let state = optimizer.init(params)
 * for (let step = 1; step <= 100; step++)
 *   ({ params, state } = optimizer.update({ w: params.w.slice() }, state, params, optimizer.scalars(step, 0.1)))
 * console.log(params.w.every((x) => Math.abs(x) < 0.2)) // true
 * ```
 */
export function adamw(options: AdamOptions = {}): Optimizer {
  const { beta1, beta2, epsilon, weightDecay, mask, momentDtype } = checkAdam('adamw', options, 0.01)
  return elementwiseOptimizer(
    {
      name: 'adamw',
      moments: ['expAvg', 'expAvgSq'],
      momentDtype,
      epsilon,
      scalars: (step, learningRate) => ({
        decay: 1 - learningRate * weightDecay,
        ...biasCorrections(step, learningRate, beta1, beta2),
      }),
      update(ops, param, grad, [m, v], scalars, decays) {
        const next = adamDirection(ops, grad, m, v, scalars.secondMomentCorrection, beta1, beta2, epsilon)
        const kept = decays && weightDecay > 0 ? scalars.decay : 1
        return [ops.subScaled(param, kept, next.direction, scalars.stepSize), next.m, next.v]
      },
    },
    mask,
  )
}
