/** Conversion between tensors of a device and stored safetensors. */
import { bytesPerElement, cast, type Device, type DType, type HostArray, type Tensor } from '@kumiki/tensor'
import type { SafetensorsDtype, SafetensorsInfo, SafetensorsTensor } from '../safetensors/safetensors.ts'

/** Storage formats of weights, and the tensor formats they are read as. */
export const dtypes: Partial<Record<SafetensorsDtype, DType>> = {
  F32: 'float32',
  BF16: 'bfloat16',
  F16: 'float16',
  F8_E4M3: 'float8_e4m3fn',
  F8_E5M2: 'float8_e5m2',
}

/** A device tensor from stored bytes. @param info with a dtype of `dtypes` @param bytes little-endian elements */
export function tensorOf(device: Device, { dtype, shape }: SafetensorsInfo, bytes: Uint8Array): Tensor {
  const format = dtypes[dtype]!
  const Codes = { 4: Float32Array, 2: Uint16Array, 1: Uint8Array }[bytesPerElement[format]]!
  const codes = new Codes(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / Codes.BYTES_PER_ELEMENT)
  return device.tensorFromCodes(codes, shape, format)
}

/** A tensor to write; its bytes are read from the device when it is written. @throws TypeError for integer tensors */
export function codesOf(
  owner: string,
  name: string,
  given: Tensor,
  dtype?: DType,
): SafetensorsTensor & { bytes: number } {
  const t = dtype && dtype !== given.dtype ? cast(given, dtype) : given
  const stored = (Object.keys(dtypes) as SafetensorsDtype[]).find((k) => dtypes[k] === t.dtype)
  if (!stored) throw new TypeError(`${owner}: ${name} is ${t.dtype}; weights are ${Object.values(dtypes).join(', ')}`)
  const bytes = t.shape.reduce((a, b) => a * b, 1) * bytesPerElement[t.dtype]
  return { name, dtype: stored, shape: t.shape, bytes, data: async () => bytesOf(await t.codes()) }
}

function bytesOf(codes: HostArray): Uint8Array {
  return new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength)
}
