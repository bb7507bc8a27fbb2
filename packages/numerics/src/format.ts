// A number format, described by numbers alone: everything else in this package is derived from these fields.

import type { formats } from './registry.ts'

/** Names as in NumPy and ml_dtypes. */
export type FormatName = keyof typeof formats

/**
 * A binary floating-point format of at most 16 bits: a sign bit (where `signed`), `exponentBits`, `mantissaBits`, most
 * significant first.
 *
 * A code with exponent field `e` and mantissa field `m` means `(-1)^s * 2^(e - bias) * (1 + m / 2^mantissaBits)`, or,
 * where `e` is 0, `(-1)^s * 2^(1 - bias) * m / 2^mantissaBits` (zero and the subnormals). Magnitudes above
 * `maxFiniteCode` are infinity or NaN.
 *
 * A format that is not `signed` holds powers of two only (no mantissa, no zero, no subnormals): its code means
 * 2^(code - bias).
 */
export interface Format {
  readonly name: string
  /** Width in bits: exponentBits + mantissaBits, and 1 for the sign. */
  readonly bits: number
  /** Whether there is a sign bit. False only for powers of two, as float8_e8m0fnu. */
  readonly signed: boolean
  readonly exponentBits: number
  readonly mantissaBits: number
  readonly bias: number
  /** The greatest finite magnitude, as a code without its sign bit. */
  readonly maxFiniteCode: number
  readonly hasInfinity: boolean
  /** The code of +infinity (without sign), or -1 where the format has none. */
  readonly infinityCode: number
  /** The code written for a NaN (without sign), or -1 where the format has none. */
  readonly nanCode: number
  /**
   * Whether an out-of-range value becomes the greatest finite one unless the caller says otherwise: true for the signed
   * formats of 8 bits and fewer, as in training.
   */
  readonly saturates: boolean
  /** True: the code of negative zero is the NaN, and every other code is finite (the `fnuz` formats). Default false. */
  readonly negativeZeroIsNaN?: boolean
}

/** The sign bit of a format's codes; 0 where it has none. */
export function signBit(format: Format): number {
  return format.signed ? 1 << (format.bits - 1) : 0
}

/** The typed array that holds codes, one per element, in its low bits: Uint8Array up to 8 bits, Uint16Array above. */
export type CodeArray = Uint8Array | Uint16Array

/**
 * An array of zeros for `length` codes of a format.
 * @example codeArray(formatOf('bfloat16'), 3) // [0, 0, 0]
 */
export function codeArray(format: Format, length: number): CodeArray {
  return format.bits <= 8 ? new Uint8Array(length) : new Uint16Array(length)
}

/** Throws unless `codes` is the kind of array that holds this format's codes. */
export function checkCodes(what: string, f: Format, codes: CodeArray): void {
  if (f.bits <= 8 ? codes instanceof Uint8Array : codes instanceof Uint16Array) return
  throw new TypeError(`${what} must be a ${f.bits <= 8 ? 'Uint8Array' : 'Uint16Array'} for ${f.name}`)
}

/** The code of an out-of-range value that does not saturate: infinity, else NaN, else the greatest finite value. */
export function overflowCode(f: Format): number {
  return f.hasInfinity ? f.infinityCode : nanCodeOf(f)
}

/** The canonical NaN; a format without one gives its greatest finite value. */
export function nanCodeOf(f: Format): number {
  return f.nanCode >= 0 ? f.nanCode : f.maxFiniteCode
}
