// SGD with momentum.

import type { MomentDtype } from '../arrays/arithmetic.ts'
import { checkDecayRate, checkNumber, checkOptions } from '../check.ts'
import { elementwiseOptimizer, type Mask, type Optimizer } from './optimizer.ts'

export interface SgdOptions {
  /** Default 0: no momentum and no state. */
  momentum?: number
  /** Nesterov momentum. Needs momentum above 0. Default false. */
  nesterov?: boolean
  /** Added to the gradient as weightDecay * param. Default 0. */
  weightDecay?: number
  /** Which parameters decay. Default: matrices; typed arrays all. */
  mask?: Mask
  /** How moments are stored. Default float32 (float64 for Float64Array). bfloat16 halves their memory. */
  momentDtype?: MomentDtype
}

/**
 * Stochastic gradient descent.
 *
 *     g <- g + weightDecay * p
 *     b <- momentum * b + g
 *     p <- p - learningRate * (g + momentum * b if nesterov, else b)
 *
 * b starts at 0. As torch.optim.SGD with dampening 0. Scalars: `learningRate`. State: `momentum` (b), if momentum is
 * above 0.
 * @throws RangeError if an option is out of range
 * @see http://www.cs.toronto.edu/~hinton/absps/momentum.pdf
 * @example
 * ```ts
 * import { sgd } from '@kumiki/optim'
 *
 * const optimizer = sgd({ momentum: 0.9 })
 * let params = { w: Float32Array.of(3, -2) } // minimise |w|^2 / 2
 * let state = optimizer.init(params)
 * for (let step = 1; step <= 400; step++)
 *   ({ params, state } = optimizer.update({ w: params.w.slice() }, state, params, optimizer.scalars(step, 0.01)))
 * console.log(params.w.every((x) => Math.abs(x) < 0.2)) // true
 * ```
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  checkOptions('sgd: options', options)
  const { momentum = 0, nesterov = false, weightDecay = 0, mask, momentDtype } = options
  checkDecayRate('sgd: momentum', momentum)
  checkNumber('sgd: weightDecay', weightDecay, 0)
  if (nesterov && momentum === 0) throw new RangeError('sgd: nesterov needs momentum above 0, got 0')
  return elementwiseOptimizer(
    {
      name: 'sgd',
      moments: momentum > 0 ? ['momentum'] : [],
      momentDtype,
      scalars: (_, learningRate) => ({ learningRate }),
      update(ops, param, grad, [buffer], { learningRate }, decays) {
        const g = decays && weightDecay > 0 ? ops.addScaled(grad, 1, param, weightDecay) : grad
        if (momentum === 0) return [ops.subScaled(param, 1, g, learningRate)]
        const b = ops.addScaled(buffer, momentum, g, 1)
        const direction = nesterov ? ops.addScaled(g, 1, b, momentum) : b
        return [ops.subScaled(param, 1, direction, learningRate), b]
      },
    },
    mask,
  )
}
