// Learning-rate schedules are plain functions of the step. Those made here also carry a description, from which they can be made again.

import { checkNumber, describeValue } from '../check.ts'

/**
 * The learning rate for a step. `step` counts the updates already made: 0 for the first one, as Megatron-LM, PyTorch and optax count.
 * Any function will do; ours throw RangeError for a negative or non-finite step and hold their last value beyond their end.
 */
export type Schedule = (step: number) => number

/** A schedule as JSON: `kind` and its arguments. */
export interface ScheduleDescription {
  readonly kind: string
  readonly [argument: string]: unknown
}

const key: unique symbol = Symbol.for('kumiki.schedule') as never

/** Makes a schedule that checks its step and can be described. */
export function defineSchedule(description: ScheduleDescription, f: Schedule): Schedule {
  const schedule = (step: number) => {
    if (!(step >= 0 && step <= Number.MAX_VALUE)) checkNumber(`${description.kind}: step`, step, 0)
    return f(step)
  }
  return Object.assign(schedule, { [key]: description })
}

/**
 * The JSON description of a schedule made by this package.
 * @throws TypeError for a schedule of one's own
 */
export function scheduleToJSON(schedule: Schedule): ScheduleDescription {
  checkSchedule('scheduleToJSON: schedule', schedule)
  const description = (schedule as { [key]?: ScheduleDescription })[key]
  if (description === undefined)
    throw new TypeError(
      'scheduleToJSON: this schedule is a function of your own and has no description; see isDescribed',
    )
  return description
}

/** Whether `scheduleToJSON` has an answer, for the schedule itself and those it is made of. */
export function isDescribed(schedule: Schedule): boolean {
  return typeof schedule === 'function' && key in schedule
}

export function checkSchedule(what: string, schedule: unknown): asserts schedule is Schedule {
  if (typeof schedule !== 'function')
    throw new TypeError(`${what} must be a function of the step, got ${describeValue(schedule)}`)
}

/** A schedule made of others: described only where all of them are. */
export function composeSchedule(
  parts: readonly Schedule[],
  describeIt: () => ScheduleDescription,
  f: Schedule,
): Schedule {
  if (parts.every(isDescribed)) return defineSchedule(describeIt(), f)
  return (step) => {
    checkNumber('schedule: step', step, 0)
    return f(step)
  }
}
