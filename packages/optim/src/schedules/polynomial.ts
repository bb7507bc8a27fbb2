// Polynomial decay.

import { checkNumber } from '../check.ts'
import { checkRamp, type RampOptions } from './linear.ts'
import { defineSchedule, type Schedule } from './schedule.ts'

export interface PolynomialOptions extends RampOptions {
  /** Exponent, above 0. 1 is linear, 2 falls faster at first. Default 1. */
  power?: number
}

/**
 * Polynomial decay: to + (from - to) * (1 - step / steps)^power, then `to`. As in Transformers, and as
 * torch.optim.lr_scheduler.PolynomialLR, which ends at 0.
 * @throws RangeError if an argument is out of range
 * @example
 * ```ts
 * import { polynomial } from '@kumiki/optim'
 *
 * console.log([0, 50, 100].map(polynomial({ from: 1, to: 0, steps: 100, power: 2 }))) // [1, 0.25, 0]
 * ```
 */
export function polynomial(options: PolynomialOptions): Schedule {
  const { from, to, steps } = checkRamp('polynomial', options)
  const { power = 1 } = options
  checkNumber('polynomial: power', power, Number.MIN_VALUE)
  return defineSchedule({ kind: 'polynomial', from, to, steps, power }, (step) =>
    step >= steps ? to : to + (from - to) * (1 - step / steps) ** power,
  )
}
