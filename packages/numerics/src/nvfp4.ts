// NVFP4: blocks of 16 values in float4_e2m1fn, a scale for each block in float8_e4m3fn, and one float32 scale for all
// of them. value = element * blockScale * tensorScale. arXiv:2509.25149, appendix on quantisation. All arithmetic is
// float32, as on a GPU.

import { decodeArray } from './decode.ts'
import { encodeArray } from './encode.ts'
import { float4_e2m1fn } from './formats/float4-e2m1fn.ts'
import { float8_e4m3fn } from './formats/float8-e4m3fn.ts'
import { decode, encode } from './one-number.ts'
import type { EncodeOptions } from './rounding.ts'
import { amax } from './scaling.ts'

/** Values that share a scale. */
export const nvfp4BlockSize = 16

/** Codes and scales of an array in NVFP4. */
export interface Nvfp4Array {
  /** One float4_e2m1fn code per value. */
  readonly codes: Uint8Array
  /** One float8_e4m3fn code per block. */
  readonly scales: Uint8Array
  /** The scale of the whole tensor, a float32 that multiplies every block's scale. */
  readonly tensorScale: number
}

const { fround } = Math
const greatestElement = decode(float4_e2m1fn, float4_e2m1fn.maxFiniteCode)
const greatestScale = decode(float8_e4m3fn, float8_e4m3fn.maxFiniteCode)
const greatestFloat32 = 3.4028234663852886e38

/**
 * The scale of a whole tensor: amax / (448 * 6), so that the largest block's scale is float8_e4m3fn's greatest value; 1
 * where amax is 0.
 * @param greatest the tensor's greatest magnitude
 * @throws RangeError if it is negative or not finite
 * @example nvfp4TensorScale(2688) // 1
 */
export function nvfp4TensorScale(greatest: number): number {
  if (!(greatest >= 0 && greatest <= greatestFloat32))
    throw new RangeError(`nvfp4TensorScale: amax must be finite and at least 0, got ${greatest}`)
  return fround(1 / inverseTensorScale(greatest))
}

function inverseTensorScale(greatest: number): number {
  if (fround(greatest) === 0) return 1
  return Math.min(fround(fround(greatestScale * greatestElement) / fround(greatest)), greatestFloat32)
}

/**
 * An array in NVFP4. The scale of a block is amax / 6 / tensorScale in float8_e4m3fn; an element is
 * value / (blockScale * tensorScale), rounded as in `encodeArray`.
 * @param source its length is a multiple of 16
 * @param options `amax`: the greatest magnitude of the whole tensor, where `source` is a part of it
 * @throws RangeError if 16 does not divide the length, or a value is not finite (NVFP4 has neither infinity nor NaN);
 *   TypeError for another array
 * @example
 * const { codes, scales, tensorScale } = encodeNvfp4(new Float32Array(32).fill(2688))
 * console.log(codes.length, scales.length, tensorScale) // 32 2 1
 */
export function encodeNvfp4(source: Float32Array, options: EncodeOptions & { amax?: number } = {}): Nvfp4Array {
  if (!(source instanceof Float32Array)) throw new TypeError('encodeNvfp4: source must be a Float32Array')
  if (source.length % nvfp4BlockSize !== 0)
    throw new RangeError(
      `encodeNvfp4: block size ${nvfp4BlockSize} does not divide the length of source, ${source.length}`,
    )
  const { amax: given, ...encoding } = options
  const greatest = given ?? amax(source)
  if (!(greatest >= 0 && greatest <= greatestFloat32))
    throw new RangeError(`encodeNvfp4: the greatest magnitude is ${greatest}; finite values are needed`)
  const inverse = inverseTensorScale(greatest)
  const tensorScale = fround(1 / inverse)
  const scales = new Uint8Array(source.length / nvfp4BlockSize)
  const scaled = new Float32Array(source.length)
  for (let b = 0; b < scales.length; b++) {
    const from = b * nvfp4BlockSize
    const block = source.subarray(from, from + nvfp4BlockSize)
    const largest = amax(block)
    if (!(largest <= greatestFloat32)) throw new RangeError(`encodeNvfp4: block ${b} has a value that is not finite`)
    scales[b] = encode(float8_e4m3fn, fround(fround(largest / greatestElement) * inverse))
    const decoded = fround(decode(float8_e4m3fn, scales[b]) * tensorScale)
    const factor = decoded === 0 ? 0 : Math.min(fround(1 / decoded), greatestFloat32)
    for (let k = 0; k < nvfp4BlockSize; k++) scaled[from + k] = block[k] * factor
  }
  return { codes: encodeArray(float4_e2m1fn, scaled, undefined, encoding) as Uint8Array, scales, tensorScale }
}

/**
 * The values of an NVFP4 array: element * float32(blockScale * tensorScale).
 * @param out as long as the codes; allocated if not given
 * @returns `out`
 * @throws RangeError if lengths do not fit; TypeError for an array of the wrong kind
 * @example decodeNvfp4(encodeNvfp4(new Float32Array(16).fill(2688)))[0] // 2688
 */
export function decodeNvfp4({ codes, scales, tensorScale }: Nvfp4Array, out?: Float32Array): Float32Array {
  if (!(scales instanceof Uint8Array)) throw new TypeError('decodeNvfp4: scales must be a Uint8Array')
  if (codes.length !== scales.length * nvfp4BlockSize)
    throw new RangeError(
      `decodeNvfp4: ${codes.length} codes need ${codes.length / nvfp4BlockSize} scales, there are ${scales.length}`,
    )
  const values = decodeArray(float4_e2m1fn, codes, out)
  for (let b = 0; b < scales.length; b++) {
    const scale = fround(decode(float8_e4m3fn, scales[b]) * tensorScale)
    for (let i = b * nvfp4BlockSize; i < (b + 1) * nvfp4BlockSize; i++) values[i] *= scale
  }
  return values
}
