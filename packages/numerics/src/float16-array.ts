// float16 codes in a Uint16Array, as this package stores them, viewed as a Float16Array (of @petamoriken/float16, or
// the platform's own), and back. Both hold the same 16 bits, so nothing is converted or copied.

import { Float16Array, isTypedArray } from '@petamoriken/float16'
import { decodeArray } from './decode.ts'
import { encodeArray } from './encode.ts'
import type { EncodeOptions } from './rounding.ts'

/** What Float16Array of @petamoriken/float16 and of a platform have in common. */
export interface Float16ArrayLike {
  readonly buffer: ArrayBufferLike
  readonly byteOffset: number
  readonly length: number
  readonly BYTES_PER_ELEMENT: number
}

/**
 * float16 codes as a Float16Array of @petamoriken/float16, over the same memory.
 * @throws TypeError if codes is not a Uint16Array
 * @example float16ArrayOf(encodeArray('float16', Float32Array.of(1, 2)))[1] // 2
 */
export function float16ArrayOf(codes: Uint16Array): Float16Array {
  if (!(codes instanceof Uint16Array)) throw new TypeError('float16ArrayOf: codes must be a Uint16Array')
  return new Float16Array(codes.buffer as ArrayBuffer, codes.byteOffset, codes.length)
}

/**
 * The codes of a Float16Array (of @petamoriken/float16 or the platform's), over the same memory.
 * @throws TypeError if array is not a Float16Array
 * @example float16Codes(toFloat16Array(Float32Array.of(1, 2))) // [0x3c00, 0x4000]
 */
export function float16Codes(array: Float16ArrayLike): Uint16Array {
  checkFloat16('float16Codes: array', array)
  return new Uint16Array(array.buffer, array.byteOffset, array.length)
}

/**
 * Values of a Float16Array as float32, exactly. Much faster than reading them one by one.
 * @param out at least as long as `array`; allocated if not given
 * @returns `out`
 * @throws TypeError for an array of the wrong kind; RangeError if out is too short
 * @example fromFloat16Array(toFloat16Array(Float32Array.of(0.5, 2))) // [0.5, 2]
 */
export function fromFloat16Array(array: Float16ArrayLike, out?: Float32Array): Float32Array {
  return decodeArray('float16', float16Codes(array), out)
}

/**
 * Values as a Float16Array of @petamoriken/float16, rounded to nearest even (or as options say).
 * @param out at least as long as `source`, of either kind; allocated if not given
 * @returns `out`
 * @throws TypeError for an array of the wrong kind; RangeError if out is too short, or for an unknown rounding
 * @example toFloat16Array(Float32Array.of(65536))[0] // Infinity
 */
export function toFloat16Array(source: Float32Array): Float16Array
export function toFloat16Array<A extends Float16ArrayLike>(source: Float32Array, out: A, options?: EncodeOptions): A
export function toFloat16Array(
  source: Float32Array,
  out: Float16ArrayLike = new Float16Array(source.length),
  options: EncodeOptions = {},
): Float16ArrayLike {
  encodeArray('float16', source, float16Codes(out), options)
  return out
}

function checkFloat16(what: string, array: Float16ArrayLike): void {
  const name = typeof array === 'object' && array !== null ? Object.prototype.toString.call(array) : ''
  const float16 = name === '[object Float16Array]' || (isTypedArray(array) && array instanceof Float16Array)
  if (!float16) throw new TypeError(`${what} must be a Float16Array`)
}
