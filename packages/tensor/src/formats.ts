import { decodeArray as decode, encodeArray as encode } from '@kumiki/numerics'
import { type DType, dtypeInfo, type PackedDType } from './dtype.ts'

export { isPacked, type PackedDType } from './dtype.ts'

export function encodeArray(dtype: PackedDType, values: Float32Array): Uint16Array | Uint8Array {
  return encode(dtype, values)
}

export function decodeArray(dtype: PackedDType, codes: Uint16Array | Uint8Array): Float32Array {
  return decode(dtype, codes)
}

/** The nearest value a dtype can hold, of a number in double precision. */
export function roundTo(dtype: DType, x: number): number {
  return dtypeInfo[dtype].round(x)
}
