/** Streaming reader of documents from files of any size. Node only. */
import { byteStream } from './byte-stream.ts'
import { findFiles } from './find-files.ts'
import { beginsArray, jsonArrayTexts } from './json-array.ts'
import { checkEncoding, lineStream } from './line-stream.ts'
import { parquetTexts } from './parquet.ts'

export interface DocumentStreamOptions {
  /** Field (JSON Lines) or column (Parquet) with the text; default `text`. */
  readonly field?: string
  /** Encoding of text and JSON Lines files; default UTF-8. */
  readonly encoding?: string
  /** Limit of a document in UTF-16 units, and of a line in bytes; default 64 Mi. */
  readonly maxDocument?: number
  /** Range of bytes of an uncompressed JSON Lines file: reads the lines that begin in it. */
  readonly range?: { readonly begin: number; readonly end: number }
  /** Called with the number of bytes read since the last call. */
  readonly onBytes?: (bytes: number) => void
}

/** The format of a file. */
export type TextFormat = 'txt' | 'md' | 'jsonl' | 'parquet'

const endings: readonly (readonly [RegExp, TextFormat])[] = [
  [/\.md(\.gz|\.zst)?$/i, 'md'],
  [/\.(jsonl|ndjson)(\.gz|\.zst)?$/i, 'jsonl'],
  [/\.txt(\.gz|\.zst)?$/i, 'txt'],
  [/\.parquet$/i, 'parquet'],
]

/** The format by the file's extension; undefined for unknown ones. */
export function textFormat(path: string): TextFormat | undefined {
  return endings.find(([pattern]) => pattern.test(path))?.[1]
}

/** The given files, and those in folders with a known extension. @throws Error that names a path without such files */
export function findTextFiles(paths: readonly string[]): Promise<string[]> {
  return findFiles(paths, (name) => textFormat(name) !== undefined)
}

const defaultMost = 64 * 2 ** 20

/**
 * Reads the documents of a file: `.txt`, its paragraphs (or its lines, if it has no blank lines); `.md`, the whole
 * file; `.jsonl`, a field of each line; `.json`, the same, or one array of strings or of objects with the field;
 * `.parquet`, a column. All but the last may be compressed (`.gz`, `.zst`). Memory is bounded by one document, one JSON
 * array, or one row group of Parquet.
 * @throws Error that names the file and position of a fault
 * @example
 * let count = 0
 * for await (const text of documentStream('texts/a.txt')) count += text.length > 0 ? 1 : 0
 * count // 1
 */
export async function* documentStream(path: string, options: DocumentStreamOptions = {}): AsyncGenerator<string> {
  const { field = 'text', encoding, maxDocument = defaultMost, range, onBytes } = options
  if (encoding !== undefined) checkEncoding(encoding)
  // A `.json` file given by its path has JSON lines (as C4's) or one array; in folders such files are skipped.
  const isJson = /\.json(\.gz|\.zst)?$/i.test(path)
  const format = textFormat(path) ?? (isJson ? 'jsonl' : 'txt')
  if (format === 'parquet') {
    yield* parquetTexts(path, field, maxDocument, onBytes)
    return
  }
  const lines = (begin = 0, skipFirst = false, tells = true) =>
    lineStream(byteStream(path, { ...(range && { range: { begin } }), ...(tells && onBytes && { onBytes }) }), {
      path,
      begin,
      skipFirst,
      maxLineBytes: maxDocument,
      foldEmpty: format !== 'md',
      keepMarks: format !== 'jsonl',
      ...(encoding !== undefined && { encoding }),
    })
  const tooLarge = (at: number) =>
    new Error(`${path}: the document at byte ${at} is longer than ${maxDocument} characters; split it, or leave it out`)
  if (isJson && (await isArray(lines(0, false, false)))) {
    const parts: string[] = []
    let length = 0
    for await (const { text } of lines()) {
      parts.push(text)
      length += text.length + 1
      if (length > maxDocument)
        throw new Error(
          `${path}: an array is held whole, and this one is longer than ${maxDocument} characters; make lines of it (jq -c '.[]')`,
        )
    }
    yield* jsonArrayTexts(path, parts.join('\n'), field)
    return
  }
  if (format === 'jsonl') {
    // A line belongs to the range of its first byte. Reading from the byte before shows whether a line begins at the
    // range.
    const begin = range?.begin ?? 0
    for await (const { text, at } of lines(Math.max(0, begin - 1), begin > 0)) {
      if (range && at >= range.end) return
      if (text.trim() !== '') yield textField(path, text, at, field)
    }
    return
  }
  if (format === 'md') {
    const parts: string[] = []
    let length = 0
    for await (const { text } of lines()) {
      parts.push(text)
      length += text.length + 1
      if (length > maxDocument) throw tooLarge(0)
    }
    const text = parts.join('\n')
    if (text.trim() !== '') yield text
    return
  }
  const paragraphs = await hasParagraphs(lines(0, false, false))
  let parts: string[] = []
  let length = 0
  let from = 0
  for await (const { text, at } of lines()) {
    if (text.trim() !== '') {
      if (!paragraphs) {
        yield text
        continue
      }
      if (parts.length === 0) from = at
      parts.push(text)
      length += text.length + 1
      if (length > maxDocument) throw tooLarge(from)
    } else if (parts.length > 0) {
      yield parts.join('\n').replace(/\s+$/, '')
      parts = []
      length = 0
    }
  }
  if (parts.length > 0) yield parts.join('\n').replace(/\s+$/, '')
}

/** Whether the first non-empty line begins an array. */
async function isArray(lines: AsyncIterable<{ text: string }>): Promise<boolean> {
  for await (const { text } of lines) if (text.trim() !== '') return beginsArray(text)
  return false
}

/** Whether blank lines separate paragraphs; reads up to the first such line. */
async function hasParagraphs(lines: AsyncIterable<{ text: string }>): Promise<boolean> {
  let state: 'before' | 'text' | 'blank' = 'before'
  for await (const { text } of lines) {
    if (text.trim() !== '') {
      if (state === 'blank') return true
      state = 'text'
    } else if (state === 'text') state = 'blank'
  }
  return false
}

function textField(path: string, line: string, at: number, field: string): string {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch (error) {
    throw new Error(
      `${path}: the line at byte ${at} is not JSON (${(error as Error).message.slice(0, 120)}); every line is an object of its own`,
    )
  }
  if (Array.isArray(json))
    throw new Error(
      `${path}: the line at byte ${at} is an array; every line must be one object (convert with jq -c '.[]')`,
    )
  const isObject = typeof json === 'object' && json !== null && Object.hasOwn(json, field)
  const value = isObject ? (json as Record<string, unknown>)[field] : undefined
  if (typeof value !== 'string' && isObject)
    throw new Error(
      `${path}: the line at byte ${at}: field ${JSON.stringify(field)} must be a text, got ${value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value}`,
    )
  if (typeof value !== 'string') {
    const names = typeof json === 'object' && json !== null ? Object.keys(json).slice(0, 8).join(', ') : ''
    throw new Error(
      `${path}: the line at byte ${at} has no text in a field ${JSON.stringify(field)}${names ? `; it has ${names}` : ''} (--field names it)`,
    )
  }
  return value
}
