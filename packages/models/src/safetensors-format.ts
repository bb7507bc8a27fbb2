/** The safetensors file format: dtypes, limits, and a header parser that trusts nothing. */

/** Bits of one element of each dtype the format names. @see safetensors/src/tensor.rs `Dtype` */
const dtypeBits = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  F64: 64,
  I64: 64,
  U64: 64,
} as const

export type SafetensorsDtype = keyof typeof dtypeBits

/** One tensor of a file: what it is and where its bytes lie. */
export interface SafetensorsInfo {
  readonly name: string
  readonly dtype: SafetensorsDtype
  readonly shape: readonly number[]
  /** First byte, counted from the start of the file. */
  readonly byteOffset: number
  readonly byteLength: number
}

/** A parsed header. */
export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>
  /** In the order of their bytes. */
  readonly tensors: ReadonlyMap<string, SafetensorsInfo>
}

/** The format's own limit on the JSON header, in bytes. @see safetensors/src/tensor.rs MAX_HEADER_SIZE */
export const maxHeaderBytes = 100_000_000

/** Bytes of a tensor. @throws RangeError for an unknown dtype or an impossible shape */
export function tensorBytes(owner: string, dtype: string, shape: readonly number[]): number {
  if (!Object.hasOwn(dtypeBits, dtype)) {
    throw new RangeError(
      `${owner}: dtype ${JSON.stringify(dtype)} is not known; known are ${Object.keys(dtypeBits).join(', ')}`,
    )
  }
  let elements = 1
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new RangeError(`${owner}: shape must hold integers of at least 0, got [${shape.join(', ')}]`)
    }
    elements *= size
  }
  const bytes = (elements * dtypeBits[dtype as SafetensorsDtype]) / 8
  if (!Number.isSafeInteger(bytes)) {
    throw new RangeError(`${owner}: shape [${shape.join(', ')}] has more bytes than can be counted`)
  }
  return bytes
}

/** Length in bytes of the JSON header, from the first 8 bytes of a file of `fileBytes` bytes. */
export function headerLength(prefix: Uint8Array, fileBytes: number): number {
  if (fileBytes < 8 || prefix.length < 8) {
    throw new RangeError(`safetensors: a file starts with an 8-byte header length, but this one has ${fileBytes} bytes`)
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true)
  if (length > BigInt(maxHeaderBytes)) {
    throw new RangeError(`safetensors: header length ${length} is over the format's limit of ${maxHeaderBytes} bytes`)
  }
  if (Number(length) > fileBytes - 8) {
    throw new RangeError(`safetensors: header length ${length} goes past the end of a file of ${fileBytes} bytes`)
  }
  return Number(length)
}

/**
 * Parses the JSON header.
 * @param header the header's bytes (after the 8-byte length)
 * @param fileBytes size of the whole file
 * @throws SyntaxError for what is not JSON, TypeError and RangeError for what is JSON but not a header:
 *   wrong kinds, dtype and shape that do not fill the range, ranges that overlap, leave holes or pass the end, duplicates
 */
export function parseHeader(header: Uint8Array, fileBytes: number): SafetensorsHeader {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header)
  } catch {
    throw new SyntaxError('safetensors: the header is not UTF-8')
  }
  if (!text.startsWith('{')) throw new SyntaxError('safetensors: the header does not start with "{"')
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new SyntaxError(`safetensors: the header is not JSON: ${(error as Error).message.slice(0, 200)}`)
  }
  rejectDuplicateKeys(text)
  const dataStart = 8 + header.length
  const dataBytes = fileBytes - dataStart
  let metadata: Record<string, string> = {}
  const infos: SafetensorsInfo[] = []
  for (const [name, entry] of Object.entries(json as Record<string, unknown>)) {
    if (name === '__metadata__') metadata = parseMetadata(entry)
    else infos.push(parseEntry(name, entry, dataStart, dataBytes))
  }
  infos.sort((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength)
  let end = dataStart
  for (const info of infos) {
    if (info.byteOffset !== end) {
      const fault = info.byteOffset < end ? 'overlaps the tensor before it' : 'leaves a hole before it'
      throw new RangeError(
        `safetensors: tensor ${quote(info.name)} starts at data byte ${info.byteOffset - dataStart} and ${fault} (expected ${end - dataStart})`,
      )
    }
    end += info.byteLength
  }
  if (end !== fileBytes) {
    throw new RangeError(
      `safetensors: tensors fill ${end - dataStart} of ${dataBytes} data bytes; a file has no other bytes`,
    )
  }
  return { metadata, tensors: new Map(infos.map((info) => [info.name, info])) }
}

function parseMetadata(entry: unknown): Record<string, string> {
  if (!isObject(entry)) throw new TypeError('safetensors: __metadata__ must be an object of strings')
  const pairs = Object.entries(entry)
  for (const [key, value] of pairs) {
    if (typeof value !== 'string') {
      throw new TypeError(`safetensors: __metadata__ ${quote(key)} must be a string, got ${typeof value}`)
    }
  }
  return Object.fromEntries(pairs) as Record<string, string>
}

function parseEntry(name: string, entry: unknown, dataStart: number, dataBytes: number): SafetensorsInfo {
  const owner = `safetensors: tensor ${quote(name)}`
  if (!isObject(entry)) throw new TypeError(`${owner} must be an object with dtype, shape and data_offsets`)
  const { dtype, shape, data_offsets: offsets } = entry
  if (typeof dtype !== 'string') throw new TypeError(`${owner}: dtype must be a string`)
  if (!isNumbers(shape)) throw new TypeError(`${owner}: shape must be an array of numbers`)
  if (!isNumbers(offsets) || offsets.length !== 2) {
    throw new TypeError(`${owner}: data_offsets must be two numbers [begin, end]`)
  }
  const [begin, end] = offsets
  if (!Number.isSafeInteger(begin) || !Number.isSafeInteger(end) || begin < 0 || end < begin || end > dataBytes) {
    throw new RangeError(`${owner}: data_offsets [${begin}, ${end}] must lie in order within 0 to ${dataBytes}`)
  }
  const bytes = tensorBytes(owner, dtype, shape)
  if (bytes !== end - begin) {
    throw new RangeError(
      `${owner}: ${dtype} [${shape.join(', ')}] takes ${bytes} bytes, but data_offsets span ${end - begin}`,
    )
  }
  return { name, dtype: dtype as SafetensorsDtype, shape, byteOffset: dataStart + begin, byteLength: bytes }
}

/** JSON.parse keeps the last of two equal keys; the format forbids them. `text` is known to be valid JSON. */
function rejectDuplicateKeys(text: string): void {
  const open: (Set<string> | null)[] = []
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '{') open.push(new Set())
    else if (character === '[') open.push(null)
    else if (character === '}' || character === ']') open.pop()
    else if (character === '"') {
      const start = at
      for (at++; text[at] !== '"'; at++) if (text[at] === '\\') at++
      const keys = open[open.length - 1]
      if (!keys || !isKey(text, at + 1)) continue
      const key = JSON.parse(text.slice(start, at + 1)) as string
      if (keys.has(key)) throw new RangeError(`safetensors: the header has ${quote(key)} twice`)
      keys.add(key)
    }
  }
}

function isKey(text: string, at: number): boolean {
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++
  return text[at] === ':'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'number')
}

function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name)
}
