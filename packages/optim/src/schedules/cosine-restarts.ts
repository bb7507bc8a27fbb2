// Cosine annealing with warm restarts.

import { checkInteger, checkNumber, checkOptions } from '../check.ts'
import { defineSchedule, type Schedule } from './schedule.ts'

export interface CosineRestartsOptions {
  /** Value at the beginning of each cycle. */
  from: number
  /** Value that each cycle decays towards. Default 0. */
  to?: number
  /** Steps of the first cycle, at least 1. */
  steps: number
  /** Ratio of the lengths of a cycle and the one before: an integer of at least 1. Default 1. */
  growth?: number
}

/**
 * Cosine annealing with warm restarts (SGDR): half a cosine from `from` towards `to` in each cycle. At the first step
 * of a cycle the value is `from`.
 * As torch.optim.lr_scheduler.CosineAnnealingWarmRestarts with T_0 = steps, T_mult = growth, eta_min = to.
 * @throws RangeError if an argument is out of range
 * @see arXiv:1608.03983, equation 5
 * @example
 * ```ts
 * import { cosineRestarts } from '@kumiki/optim'
 *
 * const schedule = cosineRestarts({ from: 1, steps: 10, growth: 2 })
 * console.log([0, 5, 10, 20, 30].map((step) => schedule(step).toFixed(2))) // ['1.00', '0.50', '1.00', '0.50', '1.00']
 * ```
 */
export function cosineRestarts(options: CosineRestartsOptions): Schedule {
  checkOptions('cosineRestarts: options', options, 'from and steps')
  const { from, to = 0, steps, growth = 1 } = options
  checkNumber('cosineRestarts: from', from, 0)
  checkNumber('cosineRestarts: to', to, 0)
  checkInteger('cosineRestarts: steps', steps, 1)
  checkInteger('cosineRestarts: growth', growth, 1)
  return defineSchedule({ kind: 'cosineRestarts', from, to, steps, growth }, (step) => {
    let length = steps
    let at = step
    if (growth === 1) at = step % steps
    else
      while (at >= length) {
        at -= length
        length *= growth
      }
    return to + (from - to) * 0.5 * (1 + Math.cos((Math.PI * at) / length))
  })
}
