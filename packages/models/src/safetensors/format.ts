/** The safetensors file format: dtypes, limits, and a strict parser of untrusted headers. */

/** Bits per element of each dtype of the format. @see safetensors/src/tensor.rs `Dtype` (0.8.0) */
const dtypeBits = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const

export type SafetensorsDtype = keyof typeof dtypeBits

/** One tensor of a file: its dtype, shape and byte range. */
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

/** Bits of one element. @throws RangeError for an unknown dtype */
export function elementBits(owner: string, dtype: string): number {
  if (!Object.hasOwn(dtypeBits, dtype)) {
    throw new RangeError(
      `${owner}: dtype ${JSON.stringify(dtype)} is unknown; known dtypes are ${Object.keys(dtypeBits).join(', ')}`,
    )
  }
  return dtypeBits[dtype as SafetensorsDtype]
}

/** Bytes of a tensor. @throws RangeError for an unknown dtype or an impossible shape */
export function tensorBytes(owner: string, dtype: string, shape: readonly number[]): number {
  const bits = elementBits(owner, dtype)
  let elements = 1n
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new RangeError(`${owner}: shape must hold integers of at least 0, got [${shape.join(', ')}]`)
    }
    // Multiplied from the left within 64 bits, like the reference implementation: a later 0 does not undo an overflow.
    elements *= BigInt(size)
    if (elements >= 2n ** 64n)
      throw new RangeError(`${owner}: shape [${shape.join(', ')}] has more bytes than can be counted`)
  }
  const all = elements * BigInt(bits)
  if (all % 8n !== 0n)
    throw new RangeError(
      `${owner}: ${dtype} [${shape.join(', ')}] takes ${all} bits, which is not a whole number of bytes`,
    )
  const bytes = Number(all / 8n)
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
 * Parses the JSON header. It accepts and rejects the same headers as Python's safetensors, except for duplicate keys:
 * Python's (0.8.0) accepts two tensors with the same name and byte range, and keeps the last. The format disallows
 * duplicate keys, and they are rejected here, because readers that keep the first and readers that keep the last would
 * load different tensors from the same file.
 * @param header the header's bytes (after the 8-byte length)
 * @param fileBytes size of the whole file
 * @throws SyntaxError for what is not JSON, TypeError and RangeError for what is JSON but not a header: wrong types, a
 * dtype and shape that do not match the range, ranges that overlap, leave gaps or exceed the file, duplicates
 */
export function parseHeader(header: Uint8Array, fileBytes: number): SafetensorsHeader {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header)
  } catch {
    throw new SyntaxError('safetensors: the header is not UTF-8')
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new SyntaxError(`safetensors: the header is not JSON: ${(error as Error).message.slice(0, 200)}`)
  }
  if (!isObject(json)) throw new SyntaxError('safetensors: the header does not start with "{"')
  const dataStart = 8 + header.length
  const dataBytes = fileBytes - dataStart
  let metadata: Record<string, string> = {}
  const infos: SafetensorsInfo[] = []
  for (const [name, entry] of Object.entries(json)) {
    if (name === '__metadata__') metadata = parseMetadata(entry)
    else infos.push(parseEntry(name, entry, dataStart, dataBytes))
  }
  checkStrictly(text)
  infos.sort((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength)
  let end = dataStart
  for (const info of infos) {
    if (info.byteOffset !== end) {
      const fault = info.byteOffset < end ? 'overlaps the previous tensor' : 'leaves a gap before it'
      throw new RangeError(
        `safetensors: tensor ${quote(info.name)} starts at data byte ${info.byteOffset - dataStart} and ${fault} (expected ${end - dataStart})`,
      )
    }
    end += info.byteLength
  }
  if (end !== fileBytes) {
    throw new RangeError(
      `safetensors: tensors fill ${end - dataStart} of ${dataBytes} data bytes; they must fill all of them`,
    )
  }
  return { metadata, tensors: new Map(infos.map((info) => [info.name, info])) }
}

function parseMetadata(entry: unknown): Record<string, string> {
  if (entry === null) return {}
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
  // The reference implementation also accepts an array of the three fields, and a dtype as the only key of an object.
  const fields = Array.isArray(entry) && entry.length === 3 ? entry : undefined
  if (!fields && !isObject(entry)) throw new TypeError(`${owner} must be an object with dtype, shape and data_offsets`)
  const [given, shape, offsets] = fields ?? tensorFields(entry as Record<string, unknown>)
  const dtype =
    isObject(given) && Object.keys(given).length === 1 && Object.values(given)[0] === null
      ? Object.keys(given)[0]
      : given
  if (typeof dtype !== 'string') throw new TypeError(`${owner}: dtype must be a string`)
  if (!isNumbers(shape)) throw new TypeError(`${owner}: shape must be an array of numbers`)
  if (!isNumbers(offsets) || offsets.length !== 2) {
    throw new TypeError(`${owner}: data_offsets must be two numbers [begin, end]`)
  }
  const [begin, end] = offsets
  if (!Number.isSafeInteger(begin) || !Number.isSafeInteger(end) || begin < 0 || end < begin) {
    throw new RangeError(`${owner}: data_offsets [${begin}, ${end}] must lie in order within 0 to ${dataBytes}`)
  }
  if (end > dataBytes)
    throw new RangeError(
      `${owner}: data_offsets [${begin}, ${end}] go past the ${dataBytes} bytes of data in the file; the file is truncated, or its header is wrong`,
    )
  const bytes = tensorBytes(owner, dtype, shape)
  if (bytes !== end - begin) {
    throw new RangeError(
      `${owner}: ${dtype} [${shape.join(', ')}] takes ${bytes} bytes, but data_offsets span ${end - begin}`,
    )
  }
  return { name, dtype: dtype as SafetensorsDtype, shape, byteOffset: dataStart + begin, byteLength: bytes }
}

function tensorFields({ dtype, shape, data_offsets: offsets }: Record<string, unknown>): unknown[] {
  return [dtype, shape, offsets]
}

/** Maximum nesting depth of the reference implementation's JSON parser. */
const maxDepth = 127

/**
 * Rejects what JSON.parse accepts: duplicate keys (it keeps the last), lone surrogates, numbers out of range, 1.0 and
 * 1e0 as integers, and deep nesting. `text` is known to be valid JSON.
 */
function checkStrictly(text: string): void {
  /** Enclosing objects with their keys so far, and arrays, outermost first. */
  const open: { keys: Set<string> | undefined; key: string | undefined }[] = []
  const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]]|-?\d[\d.eE+-]*/g
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const [word] = match
    if (word === '{' || word === '[') {
      open.push({ keys: word === '{' ? new Set() : undefined, key: undefined })
      if (open.length > maxDepth) throw new RangeError(`safetensors: the header is nested more than ${maxDepth} deep`)
    } else if (word === '}' || word === ']') open.pop()
    else if (word.startsWith('"')) {
      const value = JSON.parse(word) as string
      if (/\p{Surrogate}/u.test(value))
        throw new SyntaxError(`safetensors: ${quote(value)} in the header has a lone surrogate`)
      const inner = open.at(-1)
      if (!inner?.keys || !isKey(text, token.lastIndex)) continue
      if (inner.keys.has(value)) throw new RangeError(`safetensors: the header has ${quote(value)} twice`)
      inner.keys.add(value)
      inner.key = value
    } else {
      if (!Number.isFinite(Number(word)))
        throw new RangeError(`safetensors: ${quote(word)} in the header is out of range`)
      // Only numbers of a tensor's fields are checked, not those of fields that are ignored.
      const field = open.length >= 3 && open[1].keys ? open[1].key : 'shape'
      if (open.length < 3 || (field !== 'shape' && field !== 'data_offsets') || /^\d+$/.test(word)) continue
      throw new TypeError(
        `safetensors: tensor ${quote(open[0].key ?? '')}: ${field} must hold integers of at least 0, got ${word}`,
      )
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
