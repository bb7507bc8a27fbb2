// A schedule from its description: the inverse of `describe`.

import { describeValue } from '../check.ts'
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
import type { Schedule, ScheduleDescription } from './schedule.ts'
import { wsd } from './wsd.ts'

/** Makes a schedule of one kind; `parse` makes the schedules inside it. */
export type ScheduleBuilder = (description: any, parse: (description: unknown) => Schedule) => Schedule

/** The kinds that `fromJSON` knows. */
export const scheduleKinds: Readonly<Record<string, ScheduleBuilder>> = {
  constant: (d) => constant(d.value),
  linear,
  polynomial,
  cosine,
  cosineRestarts,
  exponential,
  oneCycle,
  wsd,
  inverseSqrt,
  warmup: (d, parse) => warmup(parse(d.schedule), d.steps, d.from, d.shape),
  cooldown: (d, parse) => cooldown(parse(d.schedule), d),
  scale: (d, parse) => scale(parse(d.schedule), d.factor),
  join: (d, parse) => {
    if (!Array.isArray(d.schedules)) throw new TypeError('fromJSON: join.schedules must be an array')
    return join(d.schedules.map(parse), d.boundaries)
  },
}

const deepest = 32

/**
 * @param description what `describe` gave, after a trip through JSON or not
 * @param kinds kinds of one's own, besides `scheduleKinds`
 * @throws TypeError where it is no description; RangeError for an unknown kind or an argument out of range
 */
export function fromJSON(description: unknown, kinds: Readonly<Record<string, ScheduleBuilder>> = {}): Schedule {
  return parseAt(description, kinds, 0)
}

function parseAt(description: unknown, kinds: Readonly<Record<string, ScheduleBuilder>>, depth: number): Schedule {
  const kind = (description as ScheduleDescription | null | undefined)?.kind
  if (typeof description !== 'object' || typeof kind !== 'string')
    throw new TypeError(`fromJSON: a schedule must be an object with a kind, got ${describeValue(description)}`)
  if (depth > deepest) throw new RangeError(`fromJSON: schedules are nested deeper than ${deepest}`)
  const builder = Object.hasOwn(kinds, kind)
    ? kinds[kind]
    : Object.hasOwn(scheduleKinds, kind)
      ? scheduleKinds[kind]
      : undefined
  if (builder === undefined)
    throw new RangeError(
      `fromJSON: unknown kind '${kind}'; known are ${[...Object.keys(scheduleKinds), ...Object.keys(kinds)].join(', ')}`,
    )
  return builder(description, (inner) => parseAt(inner, kinds, depth + 1))
}
