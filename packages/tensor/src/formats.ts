// Encodes and decodes arrays of packed dtypes with numerics. Loaded when a packed dtype is first used.

import { decodeArray as decode, encodeArray as encode } from '@kumiki/numerics'
import type { PackedDType } from './dtype.ts'

export function encodeArray(dtype: PackedDType, values: Float32Array): Uint16Array | Uint8Array {
  return encode(dtype, values)
}

export function decodeArray(dtype: PackedDType, codes: Uint16Array | Uint8Array): Float32Array {
  return decode(dtype, codes)
}
