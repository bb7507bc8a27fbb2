// Things made from JSON by their kind: what schedules and optimizers share.

import { describeValue } from './check.ts'

/** Makers by kind. */
export type JsonKinds<B> = Readonly<Record<string, B>>

/** Descriptions inside descriptions. */
const deepest = 32

/** Makers that refuse options they do not have: { kind: [options, maker] }. */
export function knownOptions<B extends (description: any, parse: any) => any>(
  what: string,
  table: Readonly<Record<string, readonly [options: readonly string[], build: B]>>,
): JsonKinds<B> {
  return Object.fromEntries(
    Object.entries(table).map(([kind, [options, build]]) => [
      kind,
      ((description, parse) => {
        const unknown = Object.keys(description).find((key) => key !== 'kind' && !options.includes(key))
        if (unknown !== undefined)
          throw new RangeError(
            `${what}: ${kind} has no option ${describeValue(unknown)}; it has ${options.join(', ') || 'none'}`,
          )
        return build(description, parse)
      }) as B,
    ]),
  )
}

/**
 * What makes a description.
 * @param own kinds of the caller's, which come before the known ones
 * @throws TypeError where it is no object with a kind; RangeError for an unknown kind, or deeper nesting than 32
 */
export function builderOf<B>(
  what: string,
  noun: string,
  description: unknown,
  known: JsonKinds<B>,
  own: JsonKinds<B>,
  depth: number,
): B {
  const kind = (description as { kind?: unknown } | null | undefined)?.kind
  if (typeof description !== 'object' || typeof kind !== 'string')
    throw new TypeError(`${what}: ${noun} must be an object with a kind, got ${describeValue(description)}`)
  if (depth > deepest) throw new RangeError(`${what}: descriptions are nested deeper than ${deepest}`)
  for (const kinds of [own, known]) if (Object.hasOwn(kinds, kind)) return kinds[kind]
  throw new RangeError(
    `${what}: unknown kind '${kind}'; known are ${[...Object.keys(known), ...Object.keys(own)].join(', ')}`,
  )
}
