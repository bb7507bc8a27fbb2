/** Validation of lists and options as arguments. */

const given = (value: unknown): string =>
  typeof value === 'string'
    ? `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value)}`
    : typeof value === 'object' && value !== null
      ? 'an object'
      : String(value)

/**
 * Requires a list. A text is none, although it can be iterated.
 * @param what function and argument
 * @param like a list as an example
 * @throws TypeError
 */
export function checkList(what: string, value: unknown, like: string): void {
  if (!Array.isArray(value)) throw new TypeError(`${what} must be a list such as ${like}, got ${given(value)}`)
}

/**
 * Requires what can be iterated, a text excepted: its characters are not what it is made of.
 * @throws TypeError
 */
export function checkIterable(what: string, value: unknown, like: string): void {
  const { [Symbol.iterator]: each, [Symbol.asyncIterator]: eachAsync } = Object((value ?? {}) as object) as {
    [Symbol.iterator]?: unknown
    [Symbol.asyncIterator]?: unknown
  }
  if (typeof value === 'string' || (typeof each !== 'function' && typeof eachAsync !== 'function'))
    throw new TypeError(`${what} must be a list or a stream such as ${like}, got ${given(value)}`)
}

/**
 * Requires an object of options.
 * @param needed the options without a default
 * @throws TypeError
 */
export function checkOptions(what: string, value: unknown, needed: string): void {
  if (typeof value !== 'object' || value === null)
    throw new TypeError(`${what}: options must be an object with ${needed}, got ${given(value)}`)
}
