import { DTypeError } from './errors.ts'

/** How the elements of a tensor are stored. Arithmetic on every float format is done in float32. */
export type DType = 'float32' | 'float16' | 'bfloat16' | 'float8_e4m3fn' | 'float8_e5m2' | 'int32' | 'uint32'

/** Bytes one element takes in a buffer. */
export const bytesPerElement: Readonly<Record<DType, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float8_e4m3fn: 1,
  float8_e5m2: 1,
  int32: 4,
  uint32: 4,
}

/** The type an element has in registers: every float format computes as float32. */
export type ComputeType = 'f32' | 'i32' | 'u32'

export function computeType(dtype: DType): ComputeType {
  return dtype === 'int32' ? 'i32' : dtype === 'uint32' ? 'u32' : 'f32'
}

export function isFloat(dtype: DType): boolean {
  return computeType(dtype) === 'f32'
}

/** The dtype of an elementwise result: equal dtypes stay, a float beats an integer, two different floats give float32. */
export function promote(op: string, a: DType, b: DType): DType {
  if (a === b) return a
  if (isFloat(a) && isFloat(b)) return 'float32'
  if (isFloat(a)) return a
  if (isFloat(b)) return b
  throw new DTypeError(`${op}: int32 and uint32 do not mix; cast one with astype()`)
}

export type HostArray = Float32Array | Int32Array | Uint32Array | Uint16Array | Uint8Array

/** The typed array that holds a dtype's raw storage: codes for the 16- and 8-bit formats. */
export function storageArray(dtype: DType, length: number): HostArray
export function storageArray(dtype: DType, buffer: ArrayBufferLike, byteOffset: number, length: number): HostArray
export function storageArray(
  dtype: DType,
  a: number | ArrayBufferLike,
  byteOffset?: number,
  length?: number,
): HostArray {
  const make = {
    float32: Float32Array,
    float16: Uint16Array,
    bfloat16: Uint16Array,
    float8_e4m3fn: Uint8Array,
    float8_e5m2: Uint8Array,
    int32: Int32Array,
    uint32: Uint32Array,
  }[dtype]
  return typeof a === 'number' ? new make(a) : new make(a as ArrayBuffer, byteOffset, length)
}

/** Bytes of a buffer that holds `elements` of a dtype: rounded up to 16, so that vector loads never leave it. */
export function bufferBytes(dtype: DType, elements: number): number {
  return Math.max(16, Math.ceil((elements * bytesPerElement[dtype]) / 16) * 16)
}
