// Cooldowns: decays that branch off another schedule.

import { checkInteger, checkNumber, checkOptions } from '../check.ts'
import { type DecayOptions, makeDecay } from './decay.ts'
import { checkSchedule, composeSchedule, type Schedule, scheduleToJSON } from './schedule.ts'

export interface CooldownOptions extends DecayOptions {
  /** The step at which the decay begins; until then the schedule is unchanged. */
  start: number
  /** Length of the decay, at least 1. */
  steps: number
  /** Value at `start + steps` and after. Default 0. */
  final?: number
}

/**
 * A decay that branches off another schedule: `schedule` until `start`, then from its value there down to `final` in
 * `steps` steps. One stable run can have several branches, as LLM-jp-4 has at 0.9, 1.9 and 2.9 million steps. Resume
 * the stable run's checkpoint at `start` (weights, moments, position in the data) with the branch instead of the
 * schedule.
 * @throws RangeError if an argument is out of range, or the schedule is below `final` at `start`; TypeError if schedule
 *   is not a function
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
  checkOptions('cooldown: options', options, 'start and steps')
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
