// Validation of the arguments of public operations, and how errors describe values.

import { bytesPerElement, type DType } from './dtype.ts'
import { DTypeError } from './errors.ts'
import { isTensor } from './is-tensor.ts'
import type { Tensor } from './tensor.ts'

/** A short description of any value, for error messages. */
export function shown(x: unknown): string {
  if (isTensor(x)) return `a tensor ${x.dtype}[${x.shape.join(', ')}]`
  if (typeof x === 'string') return x.length > 40 ? `'${x.slice(0, 40)}...'` : `'${x}'`
  if (typeof x === 'bigint') return `the BigInt ${x}`
  if (typeof x === 'symbol') return 'a symbol'
  if (typeof x === 'function') return 'a function'
  if (Array.isArray(x)) {
    const items = x.slice(0, 8).map((item) => (Array.isArray(item) ? 'an array' : shown(item)))
    return `[${items.join(', ')}${x.length > 8 ? ', ...' : ''}]`
  }
  if (typeof x === 'object' && x !== null)
    return x instanceof Promise ? 'a promise' : `an object (${x.constructor?.name ?? 'without a class'})`
  return Object.is(x, -0) ? '-0' : String(x)
}

/**
 * Requires a tensor.
 * @throws TypeError naming the operation and, given its name, the argument
 */
export function requireTensor(op: string, x: unknown, name?: string): asserts x is Tensor {
  if (isTensor(x)) return
  const what = name ? `${name} must be a tensor` : 'expected a tensor'
  const kind = x === null ? 'null' : ArrayBuffer.isView(x) ? x.constructor.name : typeof x
  const help =
    x instanceof Promise
      ? '; await the promise first'
      : typeof x === 'number' || Array.isArray(x) || ArrayBuffer.isView(x)
        ? '; make one with device.tensor()'
        : ''
  throw new TypeError(
    `${op}: ${what}, got ${Array.isArray(x) ? 'an array' : x instanceof Promise ? 'a promise' : kind}${help}`,
  )
}

/**
 * Requires the name of a dtype.
 * @throws DTypeError for anything else
 */
export function requireDType(op: string, dtype: unknown): asserts dtype is DType {
  if (typeof dtype === 'string' && Object.hasOwn(bytesPerElement, dtype)) return
  throw new DTypeError(`${op}: unknown dtype ${shown(dtype)}; known are ${Object.keys(bytesPerElement).join(', ')}`)
}

/**
 * Requires a finite number of at least `least`.
 * @throws TypeError if it is not a number, RangeError if it is out of range
 */
export function requireNumber(op: string, name: string, x: unknown, least = -Infinity): asserts x is number {
  if (typeof x !== 'number') throw new TypeError(`${op}: ${name} must be a number, got ${shown(x)}`)
  if (Number.isFinite(x) && x >= least) return
  const rule = least === -Infinity ? 'a finite number' : `a finite number, ${least} or more`
  throw new RangeError(`${op}: ${name} must be ${rule}, got ${x}`)
}

/**
 * Requires an integer of at least `least`.
 * @throws RangeError for anything else
 */
export function requireWhole(op: string, name: string, x: unknown, least = 0): asserts x is number {
  if (typeof x === 'number' && Number.isSafeInteger(x) && x >= least) return
  throw new RangeError(`${op}: ${name} must be an integer, ${least} or more, got ${shown(x)}`)
}

/**
 * Bounds the size of what one call creates.
 * @throws RangeError if `n` is above `most`
 */
export function requireAtMost(op: string, what: string, n: number, most: number): void {
  if (n > most) throw new RangeError(`${op}: ${what} would be ${n}; at most ${most} can be made at once`)
}

/**
 * Requires a boolean or undefined.
 * @throws TypeError for anything else
 */
export function requireBoolean(op: string, name: string, x: unknown): asserts x is boolean | undefined {
  if (x === undefined || typeof x === 'boolean') return
  throw new TypeError(`${op}: ${name} must be true or false, got ${shown(x)}`)
}

/**
 * Requires an object without other keys than these.
 * @throws TypeError for anything else
 */
export function requireOptions(op: string, options: unknown, keys: readonly string[]): void {
  const known = `an object with ${keys.join(', ')}`
  if (typeof options !== 'object' || options === null || isTensor(options) || Array.isArray(options))
    throw new TypeError(`${op}: options must be ${known}, got ${shown(options)}`)
  for (const key of Object.keys(options))
    if (!keys.includes(key)) throw new TypeError(`${op}: there is no option '${key}'; options are ${known}`)
}
