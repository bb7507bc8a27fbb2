/** Splits a stream of bytes into lines, with checks of encoding and length. */
import { isIso2022Jp, likelyEncoding } from './encoding.ts'

/**
 * A line without its terminator, and its offset in the uncompressed text: in bytes, or in UTF-16 units with an
 * encoding.
 */
export interface TextLine {
  readonly text: string
  readonly at: number
}

export interface LineOptions {
  /** Name of the file in errors. */
  readonly path: string
  /** Offset of the stream in the file, in bytes. */
  readonly begin?: number
  /**
   * U+FEFF is a byte order mark at the start of the file alone, and text elsewhere. Default: lines may begin with one.
   */
  readonly keepMarks?: boolean
  /** An encoding label of `TextDecoder`; default UTF-8. */
  readonly encoding?: string
  /** Skips the first line, since the stream begins within it; UTF-8 only. */
  readonly skipFirst?: boolean
  /** Limit of the length of a line in bytes; default 64 MiB. */
  readonly maxLineBytes?: number
  /** Yields only the first of consecutive empty lines; default false. UTF-8 only. */
  readonly foldEmpty?: boolean
}

const defaultMost = 64 * 2 ** 20

const encodings = ['utf-8', 'shift_jis', 'euc-jp', 'iso-2022-jp', 'utf-16le', 'utf-16be']

/** @throws RangeError for an encoding that `TextDecoder` does not support */
export function checkEncoding(encoding: string): void {
  try {
    new TextDecoder(encoding)
  } catch {
    throw Object.assign(
      new RangeError(
        `encoding ${JSON.stringify(encoding)} is not known; known are ${encodings.join(', ')} and others of the Encoding Standard`,
      ),
      { given: String(encoding), known: encodings },
    )
  }
}

/**
 * Splits a stream at line feeds; a carriage return before one is dropped.
 * @throws Error that names file and offset, for a line that is too long, zero bytes, or text that is invalid in the
 * encoding
 */
export async function* lineStream(source: AsyncIterable<Uint8Array>, options: LineOptions): AsyncGenerator<TextLine> {
  const { encoding } = options
  if (encoding === undefined || /^utf-?8$/i.test(encoding)) yield* utf8Lines(source, options)
  else yield* decodedLines(source, options, encoding)
}

async function* utf8Lines(source: AsyncIterable<Uint8Array>, options: LineOptions): AsyncGenerator<TextLine> {
  const { path, begin = 0, maxLineBytes = defaultMost, foldEmpty = false, keepMarks = false } = options
  let empty = false
  const first = new TextDecoder('utf-8', { fatal: true })
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: keepMarks })
  let parts: Uint8Array[] = []
  let held = 0
  let at = begin
  let skip = options.skipFirst === true
  /** Whether there were letters past ASCII. */
  let isUtf8 = false
  const line = (last: Uint8Array): TextLine => {
    let bytes = last
    if (parts.length > 0) {
      bytes = new Uint8Array(held + last.length)
      let filled = 0
      for (const part of parts) {
        bytes.set(part, filled)
        filled += part.length
      }
      bytes.set(last, filled)
      parts = []
      held = 0
    }
    if (at === 0) refuseOther(path, bytes)
    if (bytes.includes(0))
      throw new Error(`${path}: byte ${at + bytes.indexOf(0)} is 0, so the file is binary, not text; leave it out`)
    if (isIso2022Jp(bytes))
      throw new Error(
        `${path}: the line at byte ${at} is not UTF-8; it looks like ISO-2022-JP: give --encoding iso-2022-jp`,
      )
    const end = bytes[bytes.length - 1] === 13 ? bytes.length - 1 : bytes.length
    let text: string
    try {
      text = (at === 0 ? first : decoder).decode(bytes.subarray(0, end))
    } catch {
      // A file with letters past ASCII that are UTF-8 has no other encoding.
      throw new Error(
        `${path}: the line at byte ${at} is not UTF-8${isUtf8 ? ', though text before it is; repair it, or leave the file out' : `; it looks like ${likelyEncoding(bytes)}: give --encoding ${likelyEncoding(bytes).toLowerCase()}`}`,
      )
    }
    isUtf8 ||= text.length < end
    return { text, at }
  }
  for await (const chunk of source) {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      const length = held + end - from
      if (length === 0 && empty && foldEmpty && !skip) {
        at++
        from = end + 1
        continue
      }
      empty = length === 0
      if (skip) {
        skip = false
        parts = []
        held = 0
      } else yield line(chunk.subarray(from, end))
      at += length + 1
      from = end + 1
    }
    if (from === chunk.length) continue
    parts.push(chunk.slice(from))
    held += chunk.length - from
    if (held > maxLineBytes) throw tooLong(path, at, maxLineBytes)
  }
  if (held > 0 && !skip) yield line(new Uint8Array(0))
}

/** Signatures of archives and documents, which would otherwise be reported as text in a wrong encoding. */
const otherFiles: readonly (readonly [begins: readonly number[], what: string])[] = [
  [[0x1f, 0x8b], 'a gzip archive; name it .gz'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'a Zstandard archive; name it .zst'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'an xz archive; decompress it, or compress it as .gz or .zst'],
  [[0x42, 0x5a, 0x68], 'a bzip2 archive; decompress it, or compress it as .gz or .zst'],
  [[0x50, 0x4b, 0x03, 0x04], 'a zip archive (or an office document); unpack it'],
  [[0x37, 0x7a, 0xbc, 0xaf], 'a 7z archive; unpack it'],
  [[0x25, 0x50, 0x44, 0x46, 0x2d], 'a PDF document; extract its text first'],
  [[0x50, 0x41, 0x52, 0x31], 'a Parquet file; name it .parquet'],
]

function refuseOther(path: string, bytes: Uint8Array): void {
  const other = otherFiles.find(([begins]) => begins.every((byte, i) => bytes[i] === byte))
  // Only with binary bytes is it an archive: a text may begin with BZh or PAR1.
  if (other && (bytes[0] === 0x25 || bytes.some((byte) => byte < 9 || byte > 126)))
    throw new Error(`${path}: the file is ${other[1]}`)
  refuseUtf16(path, bytes)
}

function refuseUtf16(path: string, bytes: Uint8Array): void {
  const name =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : null
  if (name) throw new Error(`${path}: the file is UTF-16, not UTF-8; give --encoding ${name}`)
}

const tooLong = (path: string, at: number, most: number) =>
  new Error(`${path}: the line at byte ${at} is longer than ${most} bytes; split it, or leave the file out`)

async function* decodedLines(
  source: AsyncIterable<Uint8Array>,
  { path, maxLineBytes = defaultMost }: LineOptions,
  encoding: string,
): AsyncGenerator<TextLine> {
  checkEncoding(encoding)
  const decoder = new TextDecoder(encoding, { fatal: true })
  let pending = ''
  let at = 0
  const decode = (bytes: Uint8Array, stream: boolean): string => {
    try {
      return decoder.decode(bytes, { stream })
    } catch {
      throw new Error(`${path}: text after character ${at} is not ${encoding}; give the --encoding it has`)
    }
  }
  const strip = (text: string) => (text.endsWith('\r') ? text.slice(0, -1) : text)
  for await (const chunk of source) {
    const text = decode(chunk, true)
    const lines = text.split('\n')
    lines[0] = pending + lines[0]
    pending = lines.pop() as string
    if (pending.length > maxLineBytes) throw tooLong(path, at, maxLineBytes)
    for (const one of lines) {
      yield { text: strip(one), at }
      at += one.length + 1
    }
  }
  pending += decode(new Uint8Array(0), false)
  if (pending !== '') yield { text: strip(pending), at }
}
