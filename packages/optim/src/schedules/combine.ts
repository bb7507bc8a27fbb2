// Schedules composed of other schedules.

import { checkInteger, checkNumber, describeValue, unknownName } from '../check.ts'
import { checkSchedule, composeSchedule, type Schedule, scheduleToJSON } from './schedule.ts'

/**
 * Runs schedules one after another. `boundaries[i]` is the step at which `schedules[i + 1]` begins; each gets steps
 * counted from its own start.
 * @throws RangeError if there is not one boundary fewer than schedules, or boundaries are not increasing; TypeError if
 *   a schedule is not a function
 * @example
 * ```ts
 * import { constant, join, linear } from '@kumiki/optim'
 *
 * const schedule = join([linear({ from: 0, to: 1, steps: 10 }), constant(1)], [10])
 * console.log([0, 5, 10, 20].map(schedule)) // [0, 0.5, 1, 1]
 * ```
 */
export function join(schedules: readonly Schedule[], boundaries: readonly number[]): Schedule {
  if (!Array.isArray(schedules) || !Array.isArray(boundaries))
    throw new TypeError('join: schedules and boundaries must be arrays')
  if (schedules.length === 0 || boundaries.length !== schedules.length - 1)
    throw new RangeError(
      `join: needs at least one schedule and one boundary fewer, got ${schedules.length} schedules and ${boundaries.length} boundaries`,
    )
  schedules.forEach((s, i) => {
    checkSchedule(`join: schedules[${i}]`, s)
  })
  boundaries.forEach((b, i) => {
    checkInteger(`join: boundaries[${i}]`, b, i === 0 ? 1 : boundaries[i - 1] + 1)
  })
  const starts = [0, ...boundaries]
  return composeSchedule(
    schedules,
    () => ({ kind: 'join', schedules: schedules.map(scheduleToJSON), boundaries: [...boundaries] }),
    (step) => {
      let i = starts.length - 1
      while (step < starts[i]) i--
      return schedules[i](step - starts[i])
    },
  )
}

/** Shapes of a warm-up: with r from 0 to 1, the fraction of the rise. */
const warmupShapes = {
  /** r */
  linear: (r: number) => r,
  /** (1 - cos(pi r)) / 2 */
  cosine: (r: number) => 0.5 * (1 - Math.cos(Math.PI * r)),
} as const

export type WarmupShape = keyof typeof warmupShapes

/**
 * A rise from `from` to the first value of `schedule` over `steps` steps, then `schedule` from its own step 0.
 * @param from value at step 0. Default 0
 * @param shape Default linear
 * @throws RangeError if steps is below 1, from is negative or the shape is unknown
 * @example
 * ```ts
 * import { cosine, warmup } from '@kumiki/optim'
 *
 * const schedule = warmup(cosine({ from: 1, to: 0, steps: 90 }), 10)
 * console.log([0, 5, 10, 100].map(schedule)) // [0, 0.5, 1, 0]
 * ```
 */
export function warmup(schedule: Schedule, steps: number, from = 0, shape: WarmupShape = 'linear'): Schedule {
  checkSchedule('warmup: schedule', schedule)
  checkInteger('warmup: steps', steps, 1)
  checkNumber('warmup: from', from, 0)
  if (!Object.hasOwn(warmupShapes, shape))
    throw unknownName(
      `warmup: shape must be one of ${Object.keys(warmupShapes).join(', ')}, got ${describeValue(shape)}`,
      shape,
      Object.keys(warmupShapes),
    )
  const to = schedule(0)
  const share = warmupShapes[shape]
  return composeSchedule(
    [schedule],
    () => ({ kind: 'warmup', schedule: scheduleToJSON(schedule), steps, from, shape }),
    (step) => (step < steps ? from + (to - from) * share(step / steps) : schedule(step - steps)),
  )
}

/**
 * Every value of a schedule times `factor`.
 * @throws RangeError if factor is negative or not finite
 * @example
 * ```ts
 * import { constant, scale } from '@kumiki/optim'
 *
 * console.log(scale(constant(3), 2)(0)) // 6
 * ```
 */
export function scale(schedule: Schedule, factor: number): Schedule {
  checkSchedule('scale: schedule', schedule)
  checkNumber('scale: factor', factor, 0)
  return composeSchedule(
    [schedule],
    () => ({ kind: 'scale', schedule: scheduleToJSON(schedule), factor }),
    (step) => schedule(step) * factor,
  )
}
