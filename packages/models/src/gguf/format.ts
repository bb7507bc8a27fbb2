/**
 * The GGUF file format: reads metadata and tensor infos of untrusted files, and writes files.
 * @see ggml/docs/gguf.md (version 3)
 */
import type { RangeSource } from '../safetensors/safetensors.ts'

export type GgufValue = number | bigint | boolean | string | readonly GgufValue[]

/** Tensor types: elements per block, and bytes per block. @see ggml.h `ggml_type` */
export const ggufTypes = {
  F32: { code: 0, block: 1, bytes: 4 },
  F16: { code: 1, block: 1, bytes: 2 },
  /** Blocks of a float16 scale and 32 signed bytes. */
  Q8_0: { code: 8, block: 32, bytes: 34 },
  BF16: { code: 30, block: 1, bytes: 2 },
} as const

export type GgufType = keyof typeof ggufTypes

/** One tensor of a file. */
export interface GgufInfo {
  readonly name: string
  readonly type: GgufType
  /** Outermost first, as in other packages; the file has the reverse order. */
  readonly shape: readonly number[]
  /** First byte, counted from the start of the file. */
  readonly byteOffset: number
  readonly byteLength: number
}

export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: ReadonlyMap<string, GgufInfo>
}

/** Type codes of metadata values. */
export const kinds = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9, uint64: 10 } as const

export const magic = 0x46554747 // GGUF, little-endian
/** Limit of the metadata's size; a vocabulary of 256k with its merges takes 20 MB. */
const maxHeaderBytes = 2 ** 27
const maxTensors = 1 << 20
const maxDepth = 2

/** Signals that more bytes of the header are needed than were read. */
class IncompleteHeader extends Error {}

class Cursor {
  at = 0
  private readonly bytes: Uint8Array
  private readonly view: DataView
  /** Size of the whole file, which bounds every length in it. */
  private readonly fileBytes: number
  constructor(bytes: Uint8Array, fileBytes: number) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.fileBytes = fileBytes
  }
  private take(length: number): number {
    const start = this.at
    if (start + length > this.fileBytes)
      throw new RangeError(`GGUF: the file ends at byte ${this.fileBytes}, within its metadata`)
    if (start + length > this.bytes.length) throw new IncompleteHeader()
    this.at += length
    return start
  }
  u32 = () => this.view.getUint32(this.take(4), true)
  u64(): bigint {
    return this.view.getBigUint64(this.take(8), true)
  }
  /** Reads a count of items that take at least `bytes` each. */
  count(what: string, bytes: number, most = Number.MAX_SAFE_INTEGER): number {
    const n = this.u64()
    if (n > BigInt(most) || n * BigInt(bytes) > BigInt(this.fileBytes - this.at))
      throw new RangeError(`GGUF: ${n} ${what} do not fit into a file of ${this.fileBytes} bytes`)
    return Number(n)
  }
  text(): string {
    const length = this.count('bytes of a string', 1)
    const start = this.take(length)
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(this.bytes.subarray(start, start + length))
    } catch {
      throw new RangeError(`GGUF: the string at byte ${start} is not UTF-8`)
    }
  }
  value(kind: number, depth = 0): GgufValue {
    const { view } = this
    switch (kind) {
      case 0:
        return view.getUint8(this.take(1))
      case 1:
        return view.getInt8(this.take(1))
      case 2:
        return view.getUint16(this.take(2), true)
      case 3:
        return view.getInt16(this.take(2), true)
      case kinds.uint32:
        return this.u32()
      case kinds.int32:
        return view.getInt32(this.take(4), true)
      case kinds.float32:
        return view.getFloat32(this.take(4), true)
      case kinds.bool:
        return view.getUint8(this.take(1)) !== 0
      case kinds.string:
        return this.text()
      case kinds.array: {
        if (depth >= maxDepth) throw new RangeError(`GGUF: arrays in arrays more than ${maxDepth} deep`)
        const inner = this.u32()
        const length = this.count('elements of an array', 1)
        const items: GgufValue[] = []
        for (let i = 0; i < length; i++) items.push(this.value(inner, depth + 1))
        return items
      }
      case kinds.uint64:
        return this.u64()
      case 11:
        return view.getBigInt64(this.take(8), true)
      case 12:
        return view.getFloat64(this.take(8), true)
      default:
        throw new RangeError(`GGUF: unknown metadata type ${kind} at byte ${this.at - 4}`)
    }
  }
}

/**
 * Reads metadata and tensor infos, but no tensor data.
 * @throws RangeError for files that are not GGUF version 2 or 3, and for counts, shapes and offsets beyond the end of
 * the file
 */
export async function readGgufHeader(source: RangeSource): Promise<GgufHeader> {
  for (let wanted = 2 ** 20; ; wanted *= 4) {
    const length = Math.min(wanted, source.size)
    const bytes = await source.read(0, length)
    if (bytes.length !== length)
      throw new RangeError(`GGUF: asked for ${length} bytes, the source gave ${bytes.length}`)
    try {
      return parse(new Cursor(bytes, source.size), source.size)
    } catch (error) {
      if (!(error instanceof IncompleteHeader)) throw error
      if (wanted >= maxHeaderBytes) throw new RangeError(`GGUF: metadata takes more than ${maxHeaderBytes} bytes`)
    }
  }
}

function parse(cursor: Cursor, fileBytes: number): GgufHeader {
  if (cursor.u32() !== magic) throw new RangeError('GGUF: the file does not begin with GGUF')
  const version = cursor.u32()
  if (version !== 2 && version !== 3) throw new RangeError(`GGUF: version ${version} is not supported; 2 and 3 are`)
  const tensorCount = cursor.count('tensors', 24, maxTensors)
  const pairs = cursor.count('pairs of metadata', 13)
  const metadata = new Map<string, GgufValue>()
  for (let i = 0; i < pairs; i++) {
    const key = cursor.text()
    if (metadata.has(key)) throw new RangeError(`GGUF: metadata has ${JSON.stringify(key)} twice`)
    metadata.set(key, cursor.value(cursor.u32()))
  }
  const alignment = metadata.get('general.alignment') ?? 32
  if (typeof alignment !== 'number' || alignment < 8 || alignment > 65536 || (alignment & (alignment - 1)) !== 0)
    throw new RangeError(`GGUF: general.alignment must be a power of two from 8 to 65536, got ${alignment}`)
  const infos = Array.from({ length: tensorCount }, () => tensorInfo(cursor))
  const dataStart = Math.ceil(cursor.at / alignment) * alignment
  const tensors = new Map<string, GgufInfo>()
  let end = dataStart
  for (const info of infos.sort((a, b) => Number(a.offset - b.offset))) {
    const { name, type, shape, offset, byteLength } = info
    if (tensors.has(name)) throw new RangeError(`GGUF: tensor ${quote(name)} is listed twice`)
    if (offset % BigInt(alignment) !== 0n)
      throw new RangeError(`GGUF: tensor ${quote(name)} begins at ${offset}, which is not a multiple of ${alignment}`)
    if (offset > BigInt(fileBytes - dataStart) || Number(offset) + dataStart + byteLength > fileBytes)
      throw new RangeError(`GGUF: tensor ${quote(name)} goes past the end of a file of ${fileBytes} bytes`)
    const byteOffset = dataStart + Number(offset)
    if (byteOffset < end && byteLength > 0)
      throw new RangeError(`GGUF: tensor ${quote(name)} overlaps the previous tensor`)
    end = byteOffset + byteLength
    tensors.set(name, { name, type, shape, byteOffset, byteLength })
  }
  return { metadata, tensors }
}

function tensorInfo(cursor: Cursor) {
  const name = cursor.text()
  const dimensions = cursor.u32()
  if (dimensions > 4)
    throw new RangeError(`GGUF: tensor ${quote(name)} has ${dimensions} dimensions, at most 4 are supported`)
  const shape = Array.from({ length: dimensions }, () => cursor.u64())
  const code = cursor.u32()
  const offset = cursor.u64()
  const found = Object.entries(ggufTypes).find(([, type]) => type.code === code)
  if (!found)
    throw new RangeError(
      `GGUF: tensor ${quote(name)} is stored as type ${code}; ${Object.keys(ggufTypes).join(', ')} can be read`,
    )
  const [type, { block, bytes }] = found
  const elements = shape.reduce((a, b) => a * b, 1n)
  if (shape.length === 0 || shape[0] % BigInt(block) !== 0n || elements > 2n ** 50n)
    throw new RangeError(`GGUF: tensor ${quote(name)} cannot be ${type} [${[...shape].reverse().join(', ')}]`)
  const byteLength = (Number(elements) / block) * bytes
  return { name, type: type as GgufType, shape: shape.map(Number).reverse(), offset, byteLength }
}

const quote = (name: string) => JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name)

/** Metadata entries with the types they are written as; `of` is the element type of an array. */
export type GgufMetadata = readonly (readonly [
  key: string,
  kind: keyof typeof kinds,
  value: GgufValue,
  of?: keyof typeof kinds,
])[]

/** A tensor to write; its bytes are requested when it is written. */
export interface GgufTensor {
  readonly name: string
  readonly type: GgufType
  readonly shape: readonly number[]
  readonly data: () => Promise<Uint8Array>
}

/** Size of a tensor in bytes. */
export const ggufBytes = ({ type, shape }: Pick<GgufTensor, 'type' | 'shape'>) =>
  (shape.reduce((a, b) => a * b, 1) / ggufTypes[type].block) * ggufTypes[type].bytes

const alignment = 32

/** A GGUF version 3 file in chunks. */
export async function* ggufChunks(metadata: GgufMetadata, tensors: readonly GgufTensor[]): AsyncGenerator<Uint8Array> {
  const parts: Uint8Array[] = []
  const scalar = (bytes: number, set: (view: DataView) => void) => {
    const part = new Uint8Array(bytes)
    set(new DataView(part.buffer))
    parts.push(part)
  }
  const u32 = (x: number) => scalar(4, (view) => view.setUint32(0, x, true))
  const u64 = (x: number | bigint) => scalar(8, (view) => view.setBigUint64(0, BigInt(x), true))
  const text = (s: string) => {
    const bytes = new TextEncoder().encode(s)
    u64(bytes.length)
    parts.push(bytes)
  }
  const value = (kind: keyof typeof kinds, x: GgufValue, of?: keyof typeof kinds) => {
    if (kind === 'uint32') u32(x as number)
    else if (kind === 'int32') scalar(4, (view) => view.setInt32(0, x as number, true))
    else if (kind === 'float32') scalar(4, (view) => view.setFloat32(0, x as number, true))
    else if (kind === 'bool') parts.push(Uint8Array.of(x ? 1 : 0))
    else if (kind === 'string') text(x as string)
    else if (kind === 'uint64') u64(x as number)
    else {
      u32(kinds[of!])
      u64((x as readonly GgufValue[]).length)
      for (const item of x as readonly GgufValue[]) value(of!, item)
    }
  }
  u32(magic)
  u32(3)
  u64(tensors.length)
  u64(metadata.length)
  for (const [key, kind, x, of] of metadata) {
    text(key)
    u32(kinds[kind])
    value(kind, x, of)
  }
  const padding = (length: number) => (alignment - (length % alignment)) % alignment
  let offset = 0
  for (const tensor of tensors) {
    text(tensor.name)
    u32(tensor.shape.length)
    for (const size of [...tensor.shape].reverse()) u64(size)
    u32(ggufTypes[tensor.type].code)
    u64(offset)
    offset += ggufBytes(tensor)
    offset += padding(offset)
  }
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const head = new Uint8Array(length + padding(length))
  let at = 0
  for (const part of parts) {
    head.set(part, at)
    at += part.length
  }
  yield head
  for (const tensor of tensors) {
    const data = await tensor.data()
    if (data.length !== ggufBytes(tensor))
      throw new RangeError(`GGUF: ${tensor.name} takes ${ggufBytes(tensor)} bytes, got ${data.length}`)
    yield data
    yield new Uint8Array(padding(data.length))
  }
}
