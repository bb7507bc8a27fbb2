// Linear interpolation, and the validation of options that schedules from one value to another share.

import { checkInteger, checkNumber, checkOptions } from '../check.ts'
import { defineSchedule, type Schedule } from './schedule.ts'

/** Options of schedules that go from one value to another. */
export interface RampOptions {
  /** Value at step 0. */
  from: number
  /** Value at step `steps` and after. */
  to: number
  /** Length in steps, at least 1. */
  steps: number
}

/**
 * Linear interpolation: from + (to - from) * step / steps, then `to`.
 * @throws RangeError if an argument is out of range
 * @example
 * ```ts
 * import { linear } from '@kumiki/optim'
 *
 * console.log([0, 50, 100, 200].map(linear({ from: 1, to: 0, steps: 100 }))) // [1, 0.5, 0, 0]
 * ```
 */
export function linear(options: RampOptions): Schedule {
  const { from, to, steps } = checkRamp('linear', options)
  return defineSchedule({ kind: 'linear', from, to, steps }, (step) =>
    step >= steps ? to : from + ((to - from) * step) / steps,
  )
}

export function checkRamp(name: string, options: RampOptions): RampOptions {
  checkOptions(`${name}: options`, options, 'from, to and steps')
  const { from, to, steps } = options
  checkNumber(`${name}: from`, from, 0)
  checkNumber(`${name}: to`, to, 0)
  checkInteger(`${name}: steps`, steps, 1)
  return { from, to, steps }
}
