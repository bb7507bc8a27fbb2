import { decodeArray as decode, encodeArray as encode, round } from '@kumiki/numerics'
import type { DType } from './dtype.ts'

/** The formats narrower than 32 bits; numerics defines what their codes mean. */
export type PackedDType = 'float16' | 'bfloat16' | 'float8_e4m3fn' | 'float8_e5m2'

export function isPacked(dtype: DType): dtype is PackedDType {
  return dtype === 'float16' || dtype === 'bfloat16' || dtype === 'float8_e4m3fn' || dtype === 'float8_e5m2'
}

export function encodeArray(dtype: PackedDType, values: Float32Array): Uint16Array | Uint8Array {
  return encode(dtype, values)
}

export function decodeArray(dtype: PackedDType, codes: Uint16Array | Uint8Array): Float32Array {
  return decode(dtype, codes)
}

/** The nearest value a dtype can hold, of a number in double precision. */
export function roundTo(dtype: DType, x: number): number {
  if (dtype === 'float32') return Math.fround(x)
  if (dtype === 'int32') return x | 0
  if (dtype === 'uint32') return x >>> 0
  return round(dtype, Math.fround(x))
}
