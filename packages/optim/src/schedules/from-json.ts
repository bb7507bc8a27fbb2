// Builds a schedule from its JSON description: the inverse of `scheduleToJSON`.

import { describeValue } from '../check.ts'
import { builderOf, type JsonKinds, knownOptions } from '../json-kinds.ts'
import { join, scale, warmup } from './combine.ts'
import { constant } from './constant.ts'
import { cooldown } from './cooldown.ts'
import { cosine } from './cosine.ts'
import { cosineRestarts } from './cosine-restarts.ts'
import { exponential } from './exponential.ts'
import { inverseSqrt } from './inverse-sqrt.ts'
import { linear } from './linear.ts'
import { oneCycle } from './one-cycle.ts'
import { polynomial } from './polynomial.ts'
import type { Schedule } from './schedule.ts'
import { wsd } from './wsd.ts'

/** Builds a schedule of one kind; `parse` builds the schedules nested in its description. */
export type ScheduleBuilder = (description: any, parse: (description: unknown) => Schedule) => Schedule

const ramp = ['from', 'to', 'steps']
const decay = ['final', 'shape', 'halfLife']

/** The kinds that `scheduleFromJSON` knows; each refuses options it does not have. */
export const scheduleKinds: Readonly<Record<string, ScheduleBuilder>> = /* @__PURE__ */ makeKinds()

/** A function, so that bundlers can drop the table: they keep what a module computes at its top level. */
function makeKinds(): JsonKinds<ScheduleBuilder> {
  return knownOptions<ScheduleBuilder>('scheduleFromJSON', {
    constant: [['value'], (d) => constant(d.value)],
    linear: [ramp, linear],
    polynomial: [[...ramp, 'power'], polynomial],
    cosine: [ramp, cosine],
    cosineRestarts: [[...ramp, 'growth'], cosineRestarts],
    exponential: [['from', 'rate', 'steps', 'final'], exponential],
    oneCycle: [['peak', 'steps', 'warmupFraction', 'initialDivisor', 'finalDivisor', 'anneal', 'threePhase'], oneCycle],
    wsd: [['peak', 'warmupSteps', 'steps', 'decaySteps', ...decay], wsd],
    inverseSqrt: [['peak', 'warmupSteps', 'timescale', 'final'], inverseSqrt],
    warmup: [['schedule', 'steps', 'from', 'shape'], (d, parse) => warmup(parse(d.schedule), d.steps, d.from, d.shape)],
    cooldown: [['schedule', 'start', 'steps', ...decay], (d, parse) => cooldown(parse(d.schedule), d)],
    scale: [['schedule', 'factor'], (d, parse) => scale(parse(d.schedule), d.factor)],
    join: [
      ['schedules', 'boundaries'],
      (d, parse) => {
        if (!Array.isArray(d.schedules))
          throw new TypeError(`scheduleFromJSON: join.schedules must be an array, got ${describeValue(d.schedules)}`)
        return join(d.schedules.map(parse), d.boundaries)
      },
    ],
  })
}

/**
 * A schedule from JSON: `kind` names the function that makes it, the other keys are its options, as `scheduleToJSON`
 * gives them.
 * @param description for instance `{ kind: 'cosine', from: 3e-4, to: 3e-5, steps: 1000 }`
 * @param kinds additional kinds by name, which take precedence over `scheduleKinds`
 * @throws TypeError if it is not a description; RangeError for an unknown kind or option, or one out of range
 * @example
 * ```ts
 * import { defineSchedule, scheduleFromJSON } from '@kumiki/optim'
 *
 * const cosine = '{ "kind": "cosine", "from": 3e-4, "to": 3e-5, "steps": 900 }'
 * const json = JSON.parse(`{ "kind": "warmup", "steps": 100, "schedule": ${cosine} }`)
 * console.log(scheduleFromJSON(json)(100)) // 0.0003
 * const harmonic = (d: { kind: string; peak: number }) => defineSchedule(d, (step) => d.peak / (step + 1))
 * console.log(scheduleFromJSON({ kind: 'harmonic', peak: 1 }, { harmonic })(3)) // 0.25
 * ```
 */
export function scheduleFromJSON(description: unknown, kinds: JsonKinds<ScheduleBuilder> = {}): Schedule {
  return parseAt(description, kinds, 0)
}

function parseAt(description: unknown, kinds: JsonKinds<ScheduleBuilder>, depth: number): Schedule {
  const builder = builderOf('scheduleFromJSON', 'a schedule', description, scheduleKinds, kinds, depth)
  return builder(description, (inner) => parseAt(inner, kinds, depth + 1))
}
