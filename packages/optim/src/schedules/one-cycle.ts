// The one-cycle schedule.

import { checkInteger, checkNumber, checkOptions, describeValue } from '../check.ts'
import { defineSchedule, type Schedule } from './schedule.ts'

export interface OneCycleOptions {
  /** Largest value. */
  peak: number
  /** Length in steps; the last one is step `steps - 1`. */
  steps: number
  /** Fraction of the steps in which the value rises: above 0 and below 1 (below 1/2 with three phases). Default 0.3. */
  warmupFraction?: number
  /** The first value is peak / initialDivisor. Default 25. */
  initialDivisor?: number
  /** The last value is the first one / finalDivisor. Default 10,000. */
  finalDivisor?: number
  /** Default `cosine`. */
  anneal?: 'cosine' | 'linear'
  /** Rise, fall to the first value in as many steps, then fall to the last one. Default false: one fall. */
  threePhase?: boolean
}

/**
 * The one-cycle policy of "super-convergence": a rise and a fall, then the last value. As
 * torch.optim.lr_scheduler.OneCycleLR without its cycling of momentum.
 * @throws RangeError if an argument is out of range
 * @see arXiv:1708.07120
 * @example
 * ```ts
 * import { oneCycle } from '@kumiki/optim'
 *
 * const schedule = oneCycle({ peak: 1, steps: 100, warmupFraction: 0.3 })
 * console.log([0, 29, 99].map((step) => schedule(step).toFixed(6))) // ['0.040000', '1.000000', '0.000004']
 * ```
 */
export function oneCycle(options: OneCycleOptions): Schedule {
  checkOptions('oneCycle: options', options, 'peak and steps')
  const { peak, steps, warmupFraction = 0.3, initialDivisor = 25, finalDivisor = 1e4 } = options
  const { anneal = 'cosine', threePhase = false } = options
  checkNumber('oneCycle: peak', peak, 0)
  checkInteger('oneCycle: steps', steps, 2)
  const limit = threePhase ? 0.5 : 1
  checkNumber('oneCycle: warmupFraction', warmupFraction, 0, limit)
  if (warmupFraction === limit)
    throw new RangeError(`oneCycle: warmupFraction must be below ${limit}, got ${warmupFraction}`)
  if (warmupFraction * steps <= 1)
    throw new RangeError(
      `oneCycle: warmupFraction * steps must be above 1, got ${warmupFraction} * ${steps} = ${warmupFraction * steps}`,
    )
  checkNumber('oneCycle: initialDivisor', initialDivisor, 1)
  checkNumber('oneCycle: finalDivisor', finalDivisor, 1)
  if (anneal !== 'cosine' && anneal !== 'linear')
    throw new RangeError(`oneCycle: anneal must be cosine or linear, got ${describeValue(anneal)}`)
  const first = peak / initialDivisor
  const last = first / finalDivisor
  const rise = warmupFraction * steps - 1
  const phases: [end: number, from: number, to: number][] = threePhase
    ? [
        [rise, first, peak],
        [2 * warmupFraction * steps - 2, peak, first],
        [steps - 1, first, last],
      ]
    : [
        [rise, first, peak],
        [steps - 1, peak, last],
      ]
  const between = (from: number, to: number, share: number) =>
    anneal === 'linear' ? from + (to - from) * share : to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share))
  const description = {
    kind: 'oneCycle',
    peak,
    steps,
    warmupFraction,
    initialDivisor,
    finalDivisor,
    anneal,
    threePhase,
  }
  return defineSchedule(description, (step) => {
    let start = 0
    for (const [end, from, to] of phases) {
      if (step <= end) return between(from, to, (step - start) / (end - start))
      start = end
    }
    return last
  })
}
