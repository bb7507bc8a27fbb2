// Builds objects from JSON descriptions with a `kind`: shared by schedules and optimizers.

import { describeValue, unknownName } from './check.ts'

/** Builders by kind. */
export type JsonKinds<B> = Readonly<Record<string, B>>

/** How deeply descriptions may be nested. */
const maximumDepth = 32

/** Builders that refuse unknown options, from { kind: [options, builder] }. */
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
          throw unknownName(
            `${what}: ${kind} has no option ${describeValue(unknown)}; it has ${options.join(', ') || 'none'}`,
            unknown,
            options,
          )
        return build(description, parse)
      }) as B,
    ]),
  )
}

/**
 * The builder for a description.
 * @param noun what is built, for error messages
 * @param own the caller's own kinds, which take precedence over the known ones
 * @param depth how many descriptions this one is nested in
 * @throws TypeError if it is not an object with a kind; RangeError for an unknown kind, or deeper nesting than 32
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
  if (depth > maximumDepth) throw new RangeError(`${what}: descriptions are nested deeper than ${maximumDepth}`)
  for (const kinds of [own, known]) if (Object.hasOwn(kinds, kind)) return kinds[kind]
  const names = [...Object.keys(known), ...Object.keys(own)]
  throw unknownName(`${what}: unknown kind '${kind}'; known are ${names.join(', ')}`, kind, names)
}
