/** Border checks: a number that is no number never reaches a formula. */

/** Text of a value for an error message, at most 80 characters. */
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
  throw new RangeError(`${field} must be one of ${choices.join(', ')}, got ${show(value)}`)
}

/** @throws TypeError naming `field`, unless `value` is true, false or undefined (then `fallback`) */
export function flag(field: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback
  if (typeof value === 'boolean') return value
  throw new TypeError(`${field} must be true or false, got ${show(value)}`)
}

/** The object itself. @throws TypeError naming `field` for anything else */
export function object(field: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new TypeError(`${field} must be an object, got ${show(value)}`)
}
