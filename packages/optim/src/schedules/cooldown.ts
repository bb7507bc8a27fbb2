// Decays that branch off a running schedule.

import { checkInteger, checkNumber } from '../check.ts'
import { type DecayOptions, makeDecay } from './decay.ts'
import { checkSchedule, composeSchedule, type Schedule, scheduleToJSON } from './schedule.ts'

export interface CooldownOptions extends DecayOptions {
  /** The step from which the rate falls; up to it the schedule is followed. */
  start: number
  /** Length of the fall, at least 1. */
  steps: number
  /** Value at `start + steps` and after. Default 0. */
  final?: number
}

/**
 * A decay branched off a running schedule: `schedule` until `start`, then from its value there down to `final` in `steps` steps. Several
 * branches can leave one stable run, as LLM-jp-4's do at 0.9, 1.9 and 2.9 million steps. Resume the stable run's checkpoint at `start`
 * (weights, moments, place in the data) with the branch in place of the schedule.
 * @throws RangeError where an argument is out of range, or the schedule is below `final` at `start`; TypeError where schedule is no function
 * @see arXiv:2405.18392
 * @example
 * ```ts
 * import { cooldown, wsd } from '@kumiki/optim'
 *
 * const stable = wsd({ peak: 3e-4, warmupSteps: 2000, steps: 12_000_000, decaySteps: 1 })
 * const branches = [900_000, 1_900_000].map((start) => cooldown(stable, { start, steps: 100_000 }))
 * console.log(branches.map((rate) => rate(1_000_000))) // [0, 0.0003]
 * ```
 */
export function cooldown(schedule: Schedule, options: CooldownOptions): Schedule {
  checkSchedule('cooldown: schedule', schedule)
  const { start, steps, final = 0, shape = 'minus_sqrt', halfLife } = options
  checkInteger('cooldown: start', start, 0)
  checkInteger('cooldown: steps', steps, 1)
  const from = schedule(start)
  checkNumber('cooldown: final', final, 0, from)
  const decayed = makeDecay('cooldown', { shape, halfLife }, from, final, steps)
  return composeSchedule(
    [schedule],
    () => ({
      kind: 'cooldown',
      schedule: scheduleToJSON(schedule),
      start,
      steps,
      final,
      shape,
      ...(halfLife === undefined ? {} : { halfLife }),
    }),
    (step) => (step <= start ? schedule(step) : decayed(Math.min(step - start, steps))),
  )
}
