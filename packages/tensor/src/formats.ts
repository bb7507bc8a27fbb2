// Whole arrays of packed formats, by the encoder and decoder of numerics. Loaded when a packed dtype first needs them.

import { decodeArray as decode, encodeArray as encode } from '@kumiki/numerics'
import type { PackedDType } from './dtype.ts'

export function encodeArray(dtype: PackedDType, values: Float32Array): Uint16Array | Uint8Array {
  return encode(dtype, values)
}

export function decodeArray(dtype: PackedDType, codes: Uint16Array | Uint8Array): Float32Array {
  return decode(dtype, codes)
}
