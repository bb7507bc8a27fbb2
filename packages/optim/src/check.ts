// Checks of arguments at the border.

/** @throws RangeError unless min <= value <= max and value is finite; TypeError where it is no number */
export function checkNumber(what: string, value: number, min: number, max = Number.MAX_VALUE): void {
  if (typeof value !== 'number') throw new TypeError(`${what} must be a number, got ${describeValue(value)}`)
  if (value >= min && value <= max) return
  const bounds = max >= Number.MAX_SAFE_INTEGER ? `finite and at least ${min}` : `from ${min} to ${max}`
  throw new RangeError(`${what} must be ${bounds}, got ${value}`)
}

/** @throws RangeError unless value is an integer and min <= value <= max; TypeError where it is no number */
export function checkInteger(what: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): void {
  checkNumber(what, value, min, max)
  if (!Number.isInteger(value)) throw new RangeError(`${what} must be an integer, got ${value}`)
}

/** @throws RangeError unless min <= value < 1 */
export function checkDecayRate(what: string, value: number): void {
  checkNumber(what, value, 0, 1)
  if (value === 1) throw new RangeError(`${what} must be at least 0 and below 1, got 1`)
}

export function describeValue(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value === 'string' ? `'${value}'` : String(value)
  return Object.getPrototypeOf(value)?.constructor?.name ?? 'an object'
}
