/** Input validation: invalid numbers never reach a formula, and a misspelt field is an error instead of a default. */
import { distance } from 'fastest-levenshtein'

/** A value as error messages show it, at most 80 characters. */
export function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value)
  return text === undefined ? String(value) : text.length > 80 ? `${text.slice(0, 77)}...` : text
}

/** @throws RangeError naming `field`, its bounds and what was given, unless `value` is an integer within them */
export function integer(field: string, value: unknown, lower: number, upper: number): number {
  if (Number.isInteger(value) && (value as number) >= lower && (value as number) <= upper) return value as number
  throw new RangeError(`${field} must be an integer from ${lower} to ${upper}, got ${show(value)}`)
}

/** @throws RangeError naming `field`, unless `value` is a number above 0 and at most `upper` */
export function positive(field: string, value: unknown, upper = 1e30): number {
  if (typeof value === 'number' && value > 0 && value <= upper) return value
  throw new RangeError(`${field} must be a number above 0 and at most ${upper}, got ${show(value)}`)
}

/** @throws RangeError naming `field` and the choices, unless `value` is one of them */
export function oneOf<T extends string>(field: string, value: unknown, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T
  const message = `${field} must be one of ${choices.join(', ')}, got ${show(value)}`
  throw Object.assign(new RangeError(message), { given: String(value), known: choices })
}

/** @throws TypeError naming `field`, unless `value` is true, false or undefined (then `fallback`) */
export function flag(field: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback
  if (typeof value === 'boolean') return value
  throw new TypeError(`${field} must be true or false, got ${show(value)}`)
}

/** A table of all fields of an interface; a missing or unknown one does not compile. */
export type Fields<T> = { readonly [K in keyof Required<T>]: 1 }

/**
 * Checks that an object has no unknown fields.
 * @param others whether unknown fields that resemble no known one are rejected, or ignored (in objects that other
 * packages read too)
 * @returns the object
 * @throws TypeError for anything but an object; RangeError naming an unknown field and the nearest known one
 */
export function fields<T extends object>(
  field: string,
  value: unknown,
  known: Fields<T>,
  others: 'refused' | 'passed' = 'refused',
): Record<string, unknown> {
  const given = object(field, value)
  for (const name in given) {
    if (Object.hasOwn(known, name) || given[name] === undefined) continue
    const meant = nearest(
      name,
      Object.keys(known).filter((one) => others === 'passed' || !Object.hasOwn(given, one)),
    )
    if (others === 'passed' && meant === undefined) continue
    const hint = meant ? `did you mean ${meant}?` : `known fields are ${Object.keys(known).join(', ')}`
    throw new RangeError(`unknown field ${field}.${name}; ${hint}`)
  }
  return given
}

/** The known name with the smallest edit distance, if it is close enough to be a misspelling. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = (word: string) => word.toLowerCase().replace(/[^a-z0-9]/g, '')
  let best: string | undefined
  let least = Math.max(1, Math.floor(name.length / 3)) + 1
  for (const one of known) {
    const away = distance(plain(name), plain(one))
    if (away < least) [best, least] = [one, away]
  }
  return best
}

/** The object itself. @throws TypeError naming `field` for anything else */
export function object(field: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new TypeError(`${field} must be an object, got ${show(value)}`)
}
