// Lion.

import type { MomentDtype } from '../arrays/arithmetic.ts'
import { checkDecayRate, checkNumber, checkOptions } from '../check.ts'
import { elementwiseOptimizer, type Mask, type Optimizer } from './optimizer.ts'

export interface LionOptions {
  /** Weight of the momentum in the direction. Default 0.9. */
  beta1?: number
  /** Decay rate of the momentum. Default 0.99. */
  beta2?: number
  /**
   * Decoupled weight decay. Default 0. Lion needs about 3 to 10 times that of AdamW, with a learning rate smaller by
   * the same factor.
   */
  weightDecay?: number
  /** Which parameters decay. Default: matrices; typed arrays all. */
  mask?: Mask
  /** How moments are stored. Default float32 (float64 for Float64Array). bfloat16 halves their memory. */
  momentDtype?: MomentDtype
}

/**
 * Lion: the sign of an interpolated momentum; half of Adam's state.
 *
 *     p <- p * (1 - learningRate * weightDecay) - learningRate * sign(beta1 * m + (1 - beta1) * g)
 *     m <- beta2 * m + (1 - beta2) * g
 *
 * Scalars: `decay`, `learningRate`. State: `expAvg` (m).
 * @throws RangeError if an option is out of range
 * @see arXiv:2302.06675, algorithm 2
 * @example
 * ```ts
 * import { lion } from '@kumiki/optim'
 *
 * const optimizer = lion()
 * let params = { w: Float32Array.of(3, -2) } // minimise |w|^2 / 2
 * let state = optimizer.init(params)
 * for (let step = 1; step <= 100; step++)
 *   ({ params, state } = optimizer.update({ w: params.w.slice() }, state, params, optimizer.scalars(step, 0.1)))
 * console.log(params.w.every((x) => Math.abs(x) < 0.2)) // true
 * ```
 */
export function lion(options: LionOptions = {}): Optimizer {
  checkOptions('lion: options', options)
  const { beta1 = 0.9, beta2 = 0.99, weightDecay = 0, mask, momentDtype } = options
  checkDecayRate('lion: beta1', beta1)
  checkDecayRate('lion: beta2', beta2)
  checkNumber('lion: weightDecay', weightDecay, 0)
  return elementwiseOptimizer(
    {
      name: 'lion',
      moments: ['expAvg'],
      momentDtype,
      scalars: (_, learningRate) => ({ decay: 1 - learningRate * weightDecay, learningRate }),
      update(ops, param, grad, [m], { decay, learningRate }, decays) {
        const direction = ops.sign(ops.addScaled(m, beta1, grad, 1 - beta1))
        const kept = decays && weightDecay > 0 ? decay : 1
        return [ops.subScaled(param, kept, direction, learningRate), ops.addScaled(m, beta2, grad, 1 - beta2)]
      },
    },
    mask,
  )
}
