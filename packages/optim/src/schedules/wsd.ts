// The warmup-stable-decay schedule.

import { checkInteger, checkNumber, checkOptions } from '../check.ts'
import { type DecayOptions, makeDecay } from './decay.ts'
import { defineSchedule, type Schedule } from './schedule.ts'

export interface WsdOptions extends DecayOptions {
  /** Value of the stable phase. */
  peak: number
  /** Value at the end and after. Default 0. */
  final?: number
  /** Steps of the linear rise from 0. Default 0. */
  warmupSteps?: number
  /** Length in steps, warm-up and decay included. */
  steps: number
  /** Steps of the decay at the end, at least 1. */
  decaySteps: number
}

/**
 * Warmup-stable-decay (WSD): a linear rise from 0 to `peak`, `peak` until `steps - decaySteps`, then a decay to
 * `final`. Megatron-LM and the papers differ in the shape of the decay: see `decayShapes` and `DecayShape`. With shape
 * `halving` the last value is max(final, peak * 0.5^(decaySteps / halfLife)).
 * @throws RangeError if an argument is out of range, or warmup and decay do not fit into steps
 * @see arXiv:2404.06395, section 4
 * @example
 * ```ts
 * import { wsd } from '@kumiki/optim'
 *
 * const schedule = wsd({ peak: 1, warmupSteps: 10, steps: 100, decaySteps: 20 })
 * console.log([5, 10, 80, 85, 100].map(schedule)) // [0.5, 1, 1, 0.5, 0]
 * ```
 */
export function wsd(options: WsdOptions): Schedule {
  checkOptions('wsd: options', options, 'peak, steps and decaySteps')
  const { peak, final = 0, warmupSteps = 0, steps, decaySteps, shape = 'minus_sqrt', halfLife } = options
  checkNumber('wsd: peak', peak, 0)
  checkNumber('wsd: final', final, 0, peak)
  checkInteger('wsd: steps', steps, 1)
  checkInteger('wsd: warmupSteps', warmupSteps, 0, steps - 1)
  checkInteger('wsd: decaySteps', decaySteps, 1, steps - warmupSteps)
  const decayed = makeDecay('wsd', { shape, halfLife }, peak, final, decaySteps)
  const start = steps - decaySteps
  const end = decayed(decaySteps)
  const description = {
    kind: 'wsd',
    peak,
    final,
    warmupSteps,
    steps,
    decaySteps,
    shape,
    ...(halfLife === undefined ? {} : { halfLife }),
  }
  return defineSchedule(description, (step) => {
    if (step < warmupSteps) return (peak * step) / warmupSteps
    if (step >= steps) return end
    if (step <= start) return peak
    return decayed(step - start)
  })
}
