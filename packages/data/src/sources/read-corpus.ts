/** Reads text files into documents in memory. Node only. */
import { checkList } from '../check-argument.ts'
import { isIso2022Jp, likelyEncoding } from './encoding.ts'
import { filesBelow, statOf } from './find-files.ts'
import { beginsArray, jsonArrayTexts } from './json-array.ts'

/** A file and its documents. */
export interface CorpusFile {
  readonly path: string
  readonly documents: readonly string[]
}

/** Readers by extension. */
const readers: Readonly<Record<string, (path: string, text: string) => string[]>> = {
  '.txt': (_, text) => paragraphs(text),
  '.md': (_, text) => (text.trim() === '' ? [] : [text]),
  '.jsonl': jsonLines,
}

/** Readers by extension of files given by their paths. */
const named: typeof readers = {
  '.ndjson': jsonLines,
  '.json': (path, text) =>
    beginsArray(text)
      ? jsonArrayTexts(path, text, 'text').filter((document) => document !== '')
      : jsonLines(path, text, ', or the file one array of them'),
}

/** Extensions of formats that are not plain text, even where all of their bytes are printable. */
const notPlain = new Set(['.pdf', '.ps', '.rtf', '.docx', '.odt', '.epub', '.gz', '.zip', '.parquet'])

const known = Object.keys(readers).join(', ')

/** Limit of a file in bytes: V8's strings have at most about 2^29 UTF-16 units. */
const maxFileBytes = 2 ** 29 - 2 ** 16

/**
 * Reads files and directories into documents. Directories are read recursively in sorted order, without files of other
 * extensions, hidden files and symbolic links; a file given by its path may have any extension.
 *
 * - `.txt`: paragraphs separated by blank lines; in a file without blank lines, each line is a document
 * - `.md`: the whole file
 * - `.jsonl`, `.ndjson`: the field `text` of each line
 * - `.json` given by its path: such lines, or one array of strings or of objects with the field `text`
 * - any other file given by its path (`page.html`, `main.py`): like `.txt`, if it is text (UTF-8 without zero bytes)
 *
 * @throws Error that names file, line and remedy, for a path that does not exist, a file or directory without text,
 *   text that is binary or not UTF-8, a line that is not JSON or has no `text`
 * @example
 * const texts = await readCorpus(['texts'])
 * texts.length // 2
 */
export async function readCorpus(paths: readonly string[]): Promise<string[]> {
  const files = await readCorpusFiles(paths)
  return files.flatMap((file) => file.documents)
}

/** Like `readCorpus`, with the documents grouped by file. */
export async function readCorpusFiles(paths: readonly string[]): Promise<CorpusFile[]> {
  const { extname } = await import('node:path')
  const { readFile, stat } = await import('node:fs/promises')
  checkList('readCorpus: paths', paths, "['texts/', 'more.jsonl']")
  if (paths.length === 0) throw new Error('readCorpus: no path was given; name a file or a directory')
  const found = new Set<string>()
  for (const path of paths) for (const file of await filesAt(path)) found.add(file)
  const files: CorpusFile[] = []
  for (const path of found) {
    const { size } = await stat(path)
    if (size > maxFileBytes) {
      throw new Error(
        `${path}: ${size} bytes are more than one file may have (${maxFileBytes}); split it, e.g. with split -l`,
      )
    }
    const extension = extname(path).toLowerCase()
    // A file given by its path is read as text whatever its extension.
    const reader = Object.hasOwn(named, extension)
      ? named[extension]
      : Object.hasOwn(readers, extension)
        ? readers[extension]
        : readers['.txt']
    const documents = reader(path, decodeText(path, await readFile(path)))
    if (documents.length === 0) throw new Error(`${path}: the file has no text; remove it or fill it`)
    files.push({ path, documents })
  }
  return files
}

/** The readable files at a path, sorted. */
async function filesAt(path: string): Promise<string[]> {
  const { extname } = await import('node:path')
  const info = await statOf(path)
  if (info.isFile()) {
    if (notPlain.has(extname(path).toLowerCase()))
      throw new Error(
        `${path}: extension ${JSON.stringify(extname(path))} is not known; known are ${known}, and any other plain text`,
      )
    return [path]
  }
  if (!info.isDirectory()) throw new Error(`${path}: it is neither a file nor a directory`)
  const files = await filesBelow(path, (name) => Object.hasOwn(readers, extname(name).toLowerCase()))
  if (files.length === 0)
    throw new Error(`${path}: the directory holds no ${known} file; put text there or name another`)
  return files
}

/** UTF-8 text of a file, without byte order mark. */
function decodeText(path: string, bytes: Uint8Array): string {
  if (bytes.length === 0) throw new Error(`${path}: the file is empty; remove it or fill it`)
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    throw new Error(`${path}: the file is UTF-16, not UTF-8; convert it, e.g. with iconv -f UTF-16 -t UTF-8`)
  }
  const zero = bytes.indexOf(0)
  if (zero >= 0) throw new Error(`${path}: byte ${zero} is 0, so the file is binary, not text; leave it out`)
  if (isIso2022Jp(bytes))
    throw new Error(`${path}: the file is ISO-2022-JP, not UTF-8; convert it, e.g. with iconv -f ISO-2022-JP -t UTF-8`)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Error(
      `${path}: line ${firstBadLine(bytes)} is not UTF-8; convert the file, e.g. with iconv -f ${likelyEncoding(bytes)} -t UTF-8`,
    )
  }
}

function firstBadLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let line = 1
  for (let begin = 0; begin < bytes.length; line++) {
    const newline = bytes.indexOf(10, begin)
    const end = newline < 0 ? bytes.length : newline + 1
    try {
      decoder.decode(bytes.subarray(begin, end))
    } catch {
      return line
    }
    begin = end
  }
  return line
}

function paragraphs(text: string): string[] {
  const parts = text.split(/\r?\n(?:[ \t]*\r?\n)+/).filter((part) => part.trim() !== '')
  if (parts.length !== 1) return parts.map((part) => part.replace(/\s+$/, ''))
  return parts[0].split(/\r?\n/).filter((line) => line.trim() !== '')
}

function jsonLines(path: string, text: string, other = ''): string[] {
  const documents: string[] = []
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return
    const where = `${path}: line ${index + 1}`
    let json: unknown
    try {
      json = JSON.parse(line)
    } catch (error) {
      throw new Error(
        `${where} is not JSON (${(error as Error).message.slice(0, 120)}); each line is one {"text": "..."}${other}`,
      )
    }
    const field = typeof json === 'object' && json !== null ? (json as { text?: unknown }).text : undefined
    if (typeof field !== 'string')
      throw new Error(`${where} has no string field "text"; each line is one {"text": "..."}${other}`)
    if (field !== '') documents.push(field)
  })
  return documents
}
