// Validation of arguments.

/**
 * Requires a finite number from min to max. A min of Number.MIN_VALUE means: greater than 0.
 * @throws RangeError if it is out of range; TypeError if it is not a number
 */
export function checkNumber(what: string, value: number, min: number, max = Number.MAX_VALUE): void {
  if (typeof value !== 'number') throw new TypeError(`${what} must be a number, got ${describeValue(value)}`)
  if (value >= min && value <= max) return
  const positive = min === Number.MIN_VALUE
  const bounds =
    max >= Number.MAX_SAFE_INTEGER
      ? `finite and ${positive ? 'greater than 0' : `at least ${min}`}`
      : positive
        ? `greater than 0 and at most ${max}`
        : `from ${min} to ${max}`
  throw new RangeError(`${what} must be ${bounds}, got ${value}`)
}

/**
 * Requires an integer from min to max.
 * @throws RangeError if it is another number; TypeError if it is not a number
 */
export function checkInteger(what: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): void {
  checkNumber(what, value, min, max)
  if (!Number.isInteger(value)) throw new RangeError(`${what} must be an integer, got ${value}`)
}

/**
 * Requires 0 <= value < 1.
 * @throws RangeError if it is out of range; TypeError if it is not a number
 */
export function checkDecayRate(what: string, value: number): void {
  checkNumber(what, value, 0, 1)
  if (value === 1) throw new RangeError(`${what} must be at least 0 and below 1, got 1`)
}

/**
 * Requires an object of options.
 * @param needed what it must have
 * @throws TypeError
 */
export function checkOptions(what: string, options: unknown, needed?: string): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`${what} must be an object${needed ? ` with ${needed}` : ''}, got ${describeValue(options)}`)
}

/** Requires a function. @throws TypeError */
export function checkFunction(what: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(`${what} must be a function, got ${describeValue(value)}`)
}

/** A value for an error message: the name of its class if it is an object. */
export function describeValue(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value === 'string' ? `'${value}'` : String(value)
  return Object.getPrototypeOf(value)?.constructor?.name ?? 'an object'
}

/** A RangeError for a name that is not one of `known`. Both are its fields, from which the nearest can be suggested. */
export function unknownName(message: string, given: string, known: readonly string[]): RangeError {
  return Object.assign(new RangeError(message), { given, known })
}
