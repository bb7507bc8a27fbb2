// Weight averaging: an exponential moving average of the parameters.

import { arithmeticOf } from '../arrays/arithmetic-of.ts'
import { mapTree } from '../arrays/tree.ts'
import { checkDecayRate, checkOptions } from '../check.ts'
import { ema } from '../gradients/accumulate.ts'
import { checkOptimizer, delegated, type Optimizer, type OptimizerState } from '../optimizers/optimizer.ts'

export interface AverageWeightsOptions {
  /** Weight of the previous average in a step: at least 0 and below 1. */
  decay: number
}

/**
 * An optimizer that keeps an exponential moving average of the weights in its state, as `average`: a copy of the
 * parameters after the first update, then average * decay + params * (1 - decay). As
 * torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn(decay). Evaluate with the average in place of the
 * parameters. Scalars: `averageDecay`.
 * @throws RangeError if decay is out of range
 * @example
 * ```ts
 * import { averageWeights, sgd } from '@kumiki/optim'
 *
 * const optimizer = averageWeights(sgd(), { decay: 0.5 })
 * let params = { w: Float32Array.of(4) }
 * let state = optimizer.init(params)
 * for (let step = 1; step <= 2; step++)
 *   ({ params, state } = optimizer.update({ w: Float32Array.of(2) }, state, params, optimizer.scalars(step, 1)))
 * console.log(params.w[0], state.average.w[0]) // 0 1
 * ```
 */
export function averageWeights(optimizer: Optimizer, options: AverageWeightsOptions): Optimizer {
  checkOptimizer('averageWeights: optimizer', optimizer)
  checkOptions('averageWeights: options', options, 'decay')
  const { decay } = options
  checkDecayRate('averageWeights: decay', decay)
  return {
    ...delegated(optimizer, (inside) => averageWeights(inside, { decay })),
    name: `averageWeights(${optimizer.name})`,
    init: (params) => ({
      ...optimizer.init(params),
      average: mapTree(params, (leaf, path) => arithmeticOf(leaf, `params.${path}`).zeros(leaf)),
    }),
    scalars: (step, learningRate) => {
      const averageDecay = step === 1 ? 0 : decay
      return { ...optimizer.scalars(step, learningRate), averageDecay, averageWeight: 1 - averageDecay }
    },
    update(grads, state, params, scalars, updateOptions) {
      const result = optimizer.update(grads, state, params, scalars, updateOptions)
      const average = ema(state.average, result.params, scalars.averageDecay, {
        ...updateOptions,
        weight: scalars.averageWeight,
      })
      return { ...result, state: { ...result.state, average } as OptimizerState<typeof params> }
    },
  }
}
