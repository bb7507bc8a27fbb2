import { checkInteger, checkNumber } from '../check.ts'
import { defineSchedule, type Schedule } from '../schedule.ts'

export interface InverseSqrtOptions {
  /** Value at step `warmupSteps`. */
  peak: number
  /** Linear rise from 0; the fall is in units of it. At least 1. */
  warmupSteps: number
  /** Never below this after the warmup. Default 0. */
  final?: number
}

/**
 * A linear rise from 0 to `peak`, then peak * sqrt(warmupSteps / step), not below `final`.
 * @throws RangeError where an argument is out of range
 * @see arXiv:1706.03762, equation 3
 */
export function inverseSqrt({ peak, warmupSteps, final = 0 }: InverseSqrtOptions): Schedule {
  checkNumber('inverseSqrt: peak', peak, 0)
  checkInteger('inverseSqrt: warmupSteps', warmupSteps, 1)
  checkNumber('inverseSqrt: final', final, 0, peak)
  return defineSchedule({ kind: 'inverseSqrt', peak, warmupSteps, final }, (step) =>
    step <= warmupSteps ? (peak * step) / warmupSteps : Math.max(final, peak * Math.sqrt(warmupSteps / step)),
  )
}
