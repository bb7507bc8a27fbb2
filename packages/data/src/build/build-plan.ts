/** A build cut into parts that depend on the input alone, so that any number of workers and shards gives the same bytes. Node only. */

import { textFormat } from '../sources/document-stream.ts'
import { eachFile } from '../sources/find-files.ts'
import type { TokenSubset } from '../tokens/subset-record.ts'

/** What one part reads: files one after the other, or a range of one. */
export interface BuildPart {
  readonly files: readonly string[]
  /** Size of each file when the plan was made. */
  readonly bytes: readonly number[]
  /** Lines that begin in these bytes; the whole file where left out. */
  readonly range?: { readonly begin: number; readonly end: number }
}

/** What decides the bytes; kept beside the parts, so that shards that differ are refused. */
export interface BuildPlan {
  readonly version: 2
  readonly parts: readonly BuildPart[]
  readonly settings: BuildSettings
}

export interface BuildSettings {
  readonly vocabSize: number
  readonly eosId: number | null
  readonly field: string
  readonly encoding: string
  readonly duplicates: 'keep' | 'exact' | 'near'
  /** Names what else decides the result: the tokenizer's hash, the filters with their limits. */
  readonly identity: string
  /** What is kept beside the token files, in PREFIX.subsets.json; it decides none of their bytes. */
  readonly subset?: Omit<TokenSubset, 'repeats' | 'tokens'>
}

/** Bytes of a plain file of JSON lines that one part reads. */
const rangeBytes = 64 * 2 ** 20
/** A part is one file, unless there are more files than this: then as many as these two let into one. */
const mostSingle = 4096
const groupFiles = 1000
const groupBytes = 8 * 2 ** 20

/**
 * Files in the order of their paths: large plain files of JSON lines in ranges, the files of a large number together. Held are paths and
 * sizes: about 100 bytes a file.
 * @throws Error for a path that is not there or a folder without text
 * @example
 * const settings = { vocabSize: 256, eosId: 0, field: 'text', encoding: 'utf-8', duplicates: 'keep', identity: 'bytes' }
 * const planned = await planBuild(['texts'], settings)
 * await keepPlan('work', planned)
 * await buildShard('work', planned, { index: 0, of: 1 }, { encode: (text) => new TextEncoder().encode(text) })
 * mergeParts('work', 'built').documents // 2
 */
export async function planBuild(paths: readonly string[], settings: BuildSettings): Promise<BuildPlan> {
  const { statSync } = await import('node:fs')
  const files: string[] = []
  const sizes: number[] = []
  for await (const path of eachFile(paths, (name) => textFormat(name) !== undefined)) {
    files.push(path)
    try {
      sizes.push(statSync(path).size)
    } catch (error) {
      throw new Error(`${path}: it went away while the build was planned (${(error as Error).message})`)
    }
  }
  const parts: BuildPart[] = []
  const grouped = files.length > mostSingle
  for (let at = 0; at < files.length; ) {
    const [path, bytes] = [files[at], sizes[at]]
    if (/\.(jsonl|ndjson)$/i.test(path) && /^utf-?8$/i.test(settings.encoding) && bytes > rangeBytes) {
      for (let begin = 0; begin < bytes; begin += rangeBytes)
        parts.push({ files: [path], bytes: [bytes], range: { begin, end: Math.min(bytes, begin + rangeBytes) } })
      at++
      continue
    }
    let end = at + 1
    if (grouped)
      for (let sum = bytes; end < files.length && end - at < groupFiles; end++) {
        sum += sizes[end]
        if (sum > groupBytes) break
      }
    parts.push({ files: files.slice(at, end), bytes: sizes.slice(at, end) })
    at = end
  }
  return { version: 2, parts, settings }
}
