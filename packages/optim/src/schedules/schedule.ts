// Learning-rate schedules: plain functions of the step. Those of this package also have a JSON description, from which
// `scheduleFromJSON` rebuilds them.

import { checkNumber, describeValue } from '../check.ts'

/**
 * The learning rate for a step. `step` is the number of updates already made: 0 for the first one, as in Megatron-LM,
 * PyTorch and optax. Any function of this type is a schedule. Those of this package throw RangeError for a negative or
 * non-finite step and keep their last value beyond their end.
 */
export type Schedule = (step: number) => number

/** A schedule as JSON: its `kind` and its arguments. */
export interface ScheduleDescription {
  readonly kind: string
  readonly [argument: string]: unknown
}

const key: unique symbol = Symbol.for('kumiki.schedule') as never

/**
 * Makes a schedule that validates its step and has a JSON description.
 * @param f the value for a step, a finite number of at least 0
 * @example
 * ```ts
 * import { defineSchedule, scheduleToJSON } from '@kumiki/optim'
 *
 * const harmonic = (peak: number) => defineSchedule({ kind: 'harmonic', peak }, (step) => peak / (step + 1))
 * console.log(harmonic(1)(3), scheduleToJSON(harmonic(1))) // 0.25 { kind: 'harmonic', peak: 1 }
 * ```
 */
export function defineSchedule(description: ScheduleDescription, f: Schedule): Schedule {
  const schedule = (step: number) => {
    if (!(step >= 0 && step <= Number.MAX_VALUE)) checkNumber(`${description.kind}: step`, step, 0)
    return f(step)
  }
  return Object.assign(schedule, { [key]: description })
}

/**
 * The JSON description of a schedule made by this package.
 * @throws TypeError for a schedule without a description: a plain function, or one composed of such
 * @example
 * ```ts
 * import { linear, scheduleToJSON } from '@kumiki/optim'
 *
 * console.log(scheduleToJSON(linear({ from: 1, to: 0, steps: 10 }))) // { kind: 'linear', from: 1, to: 0, steps: 10 }
 * ```
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

/**
 * Whether a schedule, and those it is composed of, have a description for `scheduleToJSON`.
 * @example
 * ```ts
 * import { constant, isDescribed, warmup } from '@kumiki/optim'
 *
 * console.log(isDescribed(constant(1)), isDescribed(warmup((step) => 1 / (step + 1), 10))) // true false
 * ```
 */
export function isDescribed(schedule: Schedule): boolean {
  return typeof schedule === 'function' && key in schedule
}

/** @throws TypeError if the schedule is not a function */
export function checkSchedule(what: string, schedule: unknown): asserts schedule is Schedule {
  if (typeof schedule !== 'function')
    throw new TypeError(`${what} must be a function of the step, got ${describeValue(schedule)}`)
}

/** A schedule composed of others, with a description if all of them have one. */
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
