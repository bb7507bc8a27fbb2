/**
 * safetensors: weights in one file, readable by Hugging Face tools.
 * Layout: 8 bytes little-endian header length, a JSON header, then the bytes of the tensors without gaps.
 * @see https://huggingface.co/docs/safetensors
 */
import {
  elementBits,
  headerLength,
  maxHeaderBytes,
  parseHeader,
  type SafetensorsDtype,
  type SafetensorsHeader,
  type SafetensorsInfo,
  tensorBytes,
} from './format.ts'

export type { SafetensorsDtype, SafetensorsHeader, SafetensorsInfo } from './format.ts'

/**
 * A tensor to write. `data` holds little-endian elements, or is a function that returns them when the tensor is
 * written.
 */
export interface SafetensorsTensor {
  readonly name: string
  readonly dtype: SafetensorsDtype
  readonly shape: readonly number[]
  readonly data: Uint8Array | (() => Uint8Array | Promise<Uint8Array>)
}

/** A tensor read: its bytes are little-endian elements in row-major order. */
export interface DecodedTensor {
  readonly name: string
  readonly dtype: SafetensorsDtype
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

/** Something byte ranges can be read from: a file handle, an HTTP range request, a Blob. */
export interface RangeSource {
  /** Size of the whole file in bytes. */
  readonly size: number
  read(byteOffset: number, byteLength: number): Uint8Array | Promise<Uint8Array>
}

/**
 * Lays out the file: tensors with wider elements first, so that each starts aligned to its element size, otherwise in
 * the given order.
 */
function layoutOf(tensors: readonly SafetensorsTensor[], metadata: Readonly<Record<string, string>>) {
  const seen = new Set<string>()
  const sized = tensors.map((tensor) => {
    const owner = `encodeSafetensors: tensor ${JSON.stringify(tensor.name)}`
    if (tensor.name === '__metadata__') throw new RangeError(`${owner}: the name is reserved for metadata`)
    if (seen.has(tensor.name)) throw new RangeError(`${owner}: the name is given twice`)
    seen.add(tensor.name)
    const bytes = tensorBytes(owner, tensor.dtype, tensor.shape)
    if (typeof tensor.data !== 'function') checkLength(tensor, tensor.data, bytes)
    return { tensor, bytes, width: elementBits(owner, tensor.dtype) }
  })
  sized.sort((a, b) => b.width - a.width)
  const header: [string, unknown][] = []
  if (Object.keys(metadata).length > 0) header.push(['__metadata__', metadata])
  let offset = 0
  for (const { tensor, bytes } of sized) {
    const { dtype, shape } = tensor
    header.push([tensor.name, { dtype, shape, data_offsets: [offset, offset + bytes] }])
    offset += bytes
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)))
  const padded = Math.ceil(json.length / 8) * 8
  if (padded > maxHeaderBytes) {
    throw new RangeError(
      `encodeSafetensors: the header takes ${padded} bytes, over the format's limit of ${maxHeaderBytes}`,
    )
  }
  const head = new Uint8Array(8 + padded).fill(0x20)
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true)
  head.set(json, 8)
  return { head, sized, byteLength: head.length + offset }
}

function checkLength(tensor: SafetensorsTensor, data: Uint8Array, bytes: number): Uint8Array {
  // Values of another type would be cut to bytes one by one.
  if (!(data instanceof Uint8Array))
    throw new TypeError(
      `encodeSafetensors: tensor ${JSON.stringify(tensor.name)}: data must be the bytes as a Uint8Array, got ${Object.prototype.toString.call(data).slice(8, -1)}; of a typed array: new Uint8Array(a.buffer, a.byteOffset, a.byteLength)`,
    )
  if (data.byteLength === bytes) return data
  throw new RangeError(
    `encodeSafetensors: tensor ${JSON.stringify(tensor.name)}: ${tensor.dtype} [${tensor.shape.join(', ')}] takes ${bytes} bytes, got ${data.byteLength}`,
  )
}

/**
 * Encodes a whole file in memory. Every `data` must be bytes (for functions use `safetensorsChunks`).
 * @throws RangeError for a name given twice, an unknown dtype, or data that does not fill its shape
 * @example
 * const file = encodeSafetensors([{ name: 'w', shape: [2], dtype: 'F32', data: new Uint8Array(8) }])
 * decodeSafetensors(file).tensors.get('w').shape // [2]
 */
export function encodeSafetensors(
  tensors: readonly SafetensorsTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const { head, sized, byteLength } = layoutOf(tensors, metadata)
  const file = new Uint8Array(byteLength)
  file.set(head)
  let offset = head.length
  for (const { tensor, bytes } of sized) {
    if (typeof tensor.data === 'function') {
      throw new TypeError(
        `encodeSafetensors: tensor ${JSON.stringify(tensor.name)} has a function as data; use safetensorsChunks`,
      )
    }
    file.set(tensor.data, offset)
    offset += bytes
  }
  return file
}

/**
 * Encodes the same file in chunks: the header, then one chunk per tensor. If `data` is a function, only one tensor is
 * in memory at a time.
 * @example
 * const tensors = [{ name: 'w', shape: [2], dtype: 'F32', data: new Uint8Array(8) }]
 * let bytes = 0
 * for await (const chunk of safetensorsChunks(tensors)) bytes += chunk.length
 * bytes // 72
 */
export async function* safetensorsChunks(
  tensors: readonly SafetensorsTensor[],
  metadata: Readonly<Record<string, string>> = {},
): AsyncGenerator<Uint8Array> {
  const { head, sized } = layoutOf(tensors, metadata)
  yield head
  for (const { tensor, bytes } of sized) {
    const data = typeof tensor.data === 'function' ? await tensor.data() : tensor.data
    yield checkLength(tensor, data, bytes)
  }
}

/**
 * Reads a whole file from memory. The tensors' `data` are views of `bytes`, not copies (and may be unaligned).
 * @throws SyntaxError, TypeError or RangeError for a malformed file, before its data is used
 * @example
 * const file = encodeSafetensors([{ name: 'w', shape: [2], dtype: 'F32', data: new Uint8Array(8) }], { format: 'pt' })
 * decodeSafetensors(file).metadata // { format: 'pt' }
 */
export function decodeSafetensors(bytes: Uint8Array): {
  metadata: Readonly<Record<string, string>>
  tensors: Map<string, DecodedTensor>
} {
  const length = headerLength(bytes.subarray(0, 8), bytes.length)
  const header = parseHeader(bytes.subarray(8, 8 + length), bytes.length)
  const tensors = new Map<string, DecodedTensor>()
  for (const { name, dtype, shape, byteOffset, byteLength } of header.tensors.values()) {
    tensors.set(name, { name, dtype, shape, data: bytes.subarray(byteOffset, byteOffset + byteLength) })
  }
  return { metadata: header.metadata, tensors }
}

/** A file whose header has been read and whose tensors are fetched one by one. */
export interface SafetensorsReader extends SafetensorsHeader {
  /**
   * Bytes of one tensor.
   * @throws RangeError for a name the file does not have, or if the source returns too few bytes
   */
  read(name: string): Promise<Uint8Array>
}

/**
 * Opens a file through byte ranges. Only the header is read at first.
 * @example
 * const blob = new Blob([encodeSafetensors([{ name: 'w', shape: [2], dtype: 'F32', data: new Uint8Array(8) }])])
 * const read = async (at, n) => new Uint8Array(await blob.slice(at, at + n).arrayBuffer())
 * const file = await openSafetensors({ size: blob.size, read })
 * file.tensors.get('w').shape // [2]
 */
export async function openSafetensors(source: RangeSource): Promise<SafetensorsReader> {
  const exactly = async (byteOffset: number, byteLength: number) => {
    const bytes = await source.read(byteOffset, byteLength)
    if (bytes.length !== byteLength) {
      throw new RangeError(
        `safetensors: asked for ${byteLength} bytes at ${byteOffset}, the source gave ${bytes.length}`,
      )
    }
    return bytes
  }
  const length = headerLength(source.size < 8 ? new Uint8Array(0) : await exactly(0, 8), source.size)
  const header = parseHeader(await exactly(8, length), source.size)
  return {
    ...header,
    async read(name) {
      const info: SafetensorsInfo | undefined = header.tensors.get(name)
      if (!info) {
        const some = [...header.tensors.keys()].slice(0, 5).join(', ')
        throw new RangeError(
          `safetensors: no tensor is called ${JSON.stringify(name)}; the file has ${header.tensors.size}: ${some}${header.tensors.size > 5 ? ', ...' : ''}`,
        )
      }
      return exactly(info.byteOffset, info.byteLength)
    },
  }
}
