// Storage dtypes: the properties of each, and type promotion.

import { encode, type Format, type FormatName, formatOf, round } from '@kumiki/numerics/value'
import { DTypeError } from './errors.ts'

/** The formats narrower than 32 bits that can be stored; numerics defines what their codes mean. */
export type PackedDType = 'float16' | 'bfloat16' | 'float8_e4m3fn' | 'float8_e5m2'

/** How the elements of a tensor are stored. Arithmetic on every float format is done in float32. */
export type DType = 'float32' | PackedDType | 'int32' | 'uint32'

/** The type an element has in registers: every float format computes as float32. */
export type ComputeType = 'f32' | 'i32' | 'u32'

/**
 * The properties of a dtype. A format of numerics becomes a dtype by an entry in `dtypeInfo`; functions in `wasm/` make
 * it fast on the CPU.
 */
interface DTypeInfo {
  readonly bytes: number
  readonly compute: ComputeType
  /** The typed array of raw storage: values, or codes of a narrow format. */
  readonly array: new (
    buffer: ArrayBuffer,
    byteOffset?: number,
    length?: number,
  ) => HostArray
  /** Rounds a number in double precision to the nearest value of the dtype. */
  round(x: number): number
  /** For floats narrower than 32 bits. */
  readonly format?: Format
  /**
   * WebAssembly functions that convert codes, one in each lane; bfloat16 is decoded by a shift. Without them the CPU
   * backend converts elements one by one.
   */
  readonly lanes?: { readonly decode?: LaneFunction; readonly encode: LaneFunction }
  /** The code of the dtype in the packing routines of the WebAssembly kernels (wasm/assembly/pack.ts). */
  readonly packCode?: number
}

type LaneFunction = 'decodeE4M3' | 'decodeE5M2' | 'decodeF16' | 'encodeBf16' | 'encodeE4M3' | 'encodeE5M2' | 'encodeF16'

function packed(name: FormatName & PackedDType, lanes?: DTypeInfo['lanes'], packCode?: number): DTypeInfo {
  const format = formatOf(name)
  const array = format.bits <= 8 ? Uint8Array : Uint16Array
  const info = { bytes: format.bits / 8, compute: 'f32', array, format, lanes, packCode } as const
  return { ...info, round: (x) => round(name, Math.fround(x)) }
}

export const dtypeInfo: Readonly<Record<DType, DTypeInfo>> = {
  float32: { bytes: 4, compute: 'f32', array: Float32Array, round: Math.fround, packCode: 0 },
  float16: packed('float16', { decode: 'decodeF16', encode: 'encodeF16' }, 2),
  bfloat16: packed('bfloat16', { encode: 'encodeBf16' }, 1),
  float8_e4m3fn: packed('float8_e4m3fn', { decode: 'decodeE4M3', encode: 'encodeE4M3' }, 3),
  float8_e5m2: packed('float8_e5m2', { decode: 'decodeE5M2', encode: 'encodeE5M2' }, 4),
  int32: { bytes: 4, compute: 'i32', array: Int32Array, round: (x) => x | 0 },
  uint32: { bytes: 4, compute: 'u32', array: Uint32Array, round: (x) => x >>> 0 },
}

/** Bytes per element in a buffer. */
export const bytesPerElement = Object.fromEntries(
  Object.entries(dtypeInfo).map(([dtype, { bytes }]) => [dtype, bytes]),
) as Readonly<Record<DType, number>>

/** The type that elements of a dtype have in registers. */
export function computeType(dtype: DType): ComputeType {
  return dtypeInfo[dtype].compute
}

/**
 * Whether a dtype is a floating-point format.
 * @example isFloat('bfloat16') // true
 */
export function isFloat(dtype: DType): boolean {
  return dtypeInfo[dtype].compute === 'f32'
}

/** Whether elements are stored as codes of a format narrower than 32 bits. */
export function isPacked(dtype: DType): dtype is PackedDType {
  return dtypeInfo[dtype].format !== undefined
}

/**
 * The dtype of an elementwise result: that of the operands if they agree, that of the float if the other is an integer,
 * float32 for two different floats.
 * @throws DTypeError for int32 with uint32
 */
export function promote(op: string, a: DType, b: DType): DType {
  if (a === b) return a
  if (isFloat(a) && isFloat(b)) return 'float32'
  if (isFloat(a)) return a
  if (isFloat(b)) return b
  throw new DTypeError(`${op}: int32 and uint32 do not mix; cast one with astype()`)
}

/** A typed array of raw storage. */
export type HostArray = Float32Array | Int32Array | Uint32Array | Uint16Array | Uint8Array

/** A number in double precision rounded to the nearest value of a dtype. */
export function roundTo(dtype: DType, x: number): number {
  return dtypeInfo[dtype].round(x)
}

/** One number as it is stored. */
export function storedNumber(dtype: DType, x: number): HostArray {
  const { format } = dtypeInfo[dtype]
  const data = storageArray(dtype, 1)
  data[0] = format ? encode(format, Math.fround(x)) : x
  return data
}

/** The typed array that holds a dtype's raw storage: codes for the 16- and 8-bit formats. */
export function storageArray(dtype: DType, length: number): HostArray
export function storageArray(dtype: DType, buffer: ArrayBufferLike, byteOffset: number, length: number): HostArray
export function storageArray(
  dtype: DType,
  a: number | ArrayBufferLike,
  byteOffset?: number,
  length?: number,
): HostArray {
  const make = dtypeInfo[dtype].array as Uint8ArrayConstructor
  return typeof a === 'number' ? new make(a) : new make(a as ArrayBuffer, byteOffset, length)
}

/** Bytes of a buffer that holds `elements` of a dtype: rounded up to 16, so that vector loads never leave it. */
export function bufferBytes(dtype: DType, elements: number): number {
  return Math.max(16, Math.ceil((elements * bytesPerElement[dtype]) / 16) * 16)
}
