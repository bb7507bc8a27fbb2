/** Documents of a file of any size, one after the other. Node only. */
import { byteStream } from './byte-stream.ts'
import { findFiles } from './find-files.ts'
import { beginsArray, jsonArrayTexts } from './json-array.ts'
import { checkEncoding, lineStream } from './line-stream.ts'
import { parquetTexts } from './parquet.ts'

export interface DocumentStreamOptions {
  /** The field of JSON lines, or the column of parquet, that holds the text; default `text`. */
  readonly field?: string
  /** Of text files and JSON lines; default UTF-8. */
  readonly encoding?: string
  /** Longest document in UTF-16 units, and longest line in bytes; default 64 Mi. */
  readonly maxDocument?: number
  /** Part of a plain file of JSON lines: lines that begin in it. */
  readonly range?: { readonly begin: number; readonly end: number }
  /** Told as it goes on: bytes of the file that were read since the last call. */
  readonly onBytes?: (bytes: number) => void
}

/** What a file holds, by its name. */
export type TextFormat = 'txt' | 'md' | 'jsonl' | 'parquet'

const endings: readonly (readonly [RegExp, TextFormat])[] = [
  [/\.md(\.gz|\.zst)?$/i, 'md'],
  [/\.(jsonl|ndjson)(\.gz|\.zst)?$/i, 'jsonl'],
  [/\.txt(\.gz|\.zst)?$/i, 'txt'],
  [/\.parquet$/i, 'parquet'],
]

/** @returns undefined for a name that tells nothing */
export function textFormat(path: string): TextFormat | undefined {
  return endings.find(([pattern]) => pattern.test(path))?.[1]
}

/** Files as given, and those in folders that `documentStream` reads by their names. @throws Error naming a path without any */
export function findTextFiles(paths: readonly string[]): Promise<string[]> {
  return findFiles(paths, (name) => textFormat(name) !== undefined)
}

const defaultMost = 64 * 2 ** 20

/**
 * Reads a file document by document: paragraphs of `.txt` (lines, where there are no blank ones between), `.md` whole, the field of each
 * line of `.jsonl`, the column of `.parquet`; `.gz` and `.zst` of the first three. `.json` holds such lines, or one array of texts or of
 * objects with the field. A document and an array are held whole, other files never.
 * @throws Error naming file and place
 * @example
 * let count = 0
 * for await (const text of documentStream('texts/a.txt')) count += text.length > 0 ? 1 : 0
 * count // 1
 */
export async function* documentStream(path: string, options: DocumentStreamOptions = {}): AsyncGenerator<string> {
  const { field = 'text', encoding, maxDocument = defaultMost, range, onBytes } = options
  if (encoding !== undefined) checkEncoding(encoding)
  // A file of JSON that is named itself holds lines of it, as C4's, or one array; in folders such files are passed over.
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
    // A line belongs to the range that its first byte is in; the byte before the range tells whether one begins there.
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

/** Whether the first line with a text begins an array. */
async function isArray(lines: AsyncIterable<{ text: string }>): Promise<boolean> {
  for await (const { text } of lines) if (text.trim() !== '') return beginsArray(text)
  return false
}

/** Whether blank lines part the text; reads on until one does. */
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
      `${path}: the line at byte ${at} is an array; every line must be an object of its own (jq -c '.[]' makes such)`,
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
