// Inverse square root decay after a warm-up.

import { checkInteger, checkNumber, checkOptions } from '../check.ts'
import { defineSchedule, type Schedule } from './schedule.ts'

export interface InverseSqrtOptions {
  /** Value at step `warmupSteps`. */
  peak: number
  /** Steps of the linear rise from 0, at least 1. */
  warmupSteps: number
  /** Steps after the warm-up in which the value falls to peak / sqrt(2). Default: warmupSteps. */
  timescale?: number
  /** Lower bound of the value after the warm-up. Default 0. */
  final?: number
}

/**
 * A linear rise from 0 to `peak`, then peak * sqrt(timescale / (step - warmupSteps + timescale)), not below `final`, as
 * in Transformers. With the default timescale this is peak * sqrt(warmupSteps / step), as in Megatron-LM.
 * @throws RangeError if an argument is out of range
 * @see arXiv:1706.03762, equation 3
 * @example
 * ```ts
 * import { inverseSqrt } from '@kumiki/optim'
 *
 * console.log([50, 100, 400].map(inverseSqrt({ peak: 1, warmupSteps: 100 }))) // [0.5, 1, 0.5]
 * ```
 */
export function inverseSqrt(options: InverseSqrtOptions): Schedule {
  checkOptions('inverseSqrt: options', options, 'peak and warmupSteps')
  const { peak, warmupSteps, timescale = warmupSteps, final = 0 } = options
  checkNumber('inverseSqrt: peak', peak, 0)
  checkInteger('inverseSqrt: warmupSteps', warmupSteps, 1)
  checkNumber('inverseSqrt: timescale', timescale, Number.MIN_VALUE)
  checkNumber('inverseSqrt: final', final, 0, peak)
  return defineSchedule({ kind: 'inverseSqrt', peak, warmupSteps, timescale, final }, (step) =>
    step <= warmupSteps
      ? (peak * step) / warmupSteps
      : Math.max(final, peak * Math.sqrt(timescale / (step - warmupSteps + timescale))),
  )
}
