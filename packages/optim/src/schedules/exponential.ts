// Exponential decay.

import { checkNumber, checkOptions } from '../check.ts'
import { defineSchedule, type Schedule } from './schedule.ts'

export interface ExponentialOptions {
  /** Value at step 0. */
  from: number
  /** Factor for every `steps` steps: above 0, at most 1. */
  rate: number
  /** Steps in which the value is multiplied by `rate` once. Default 1. */
  steps?: number
  /** Lower bound of the value. Default 0. */
  final?: number
}

/**
 * Exponential decay: from * rate^(step / steps), not below `final`. With steps = 1 as
 * torch.optim.lr_scheduler.ExponentialLR with gamma = rate.
 * @throws RangeError if an argument is out of range
 * @example
 * ```ts
 * import { exponential } from '@kumiki/optim'
 *
 * console.log([0, 1000, 2000].map(exponential({ from: 1, rate: 0.5, steps: 1000 }))) // [1, 0.5, 0.25]
 * ```
 */
export function exponential(options: ExponentialOptions): Schedule {
  checkOptions('exponential: options', options, 'from and rate')
  const { from, rate, steps = 1, final = 0 } = options
  checkNumber('exponential: from', from, 0)
  checkNumber('exponential: rate', rate, Number.MIN_VALUE, 1)
  checkNumber('exponential: steps', steps, Number.MIN_VALUE)
  checkNumber('exponential: final', final, 0, from)
  return defineSchedule({ kind: 'exponential', from, rate, steps, final }, (step) =>
    Math.max(final, from * rate ** (step / steps)),
  )
}
