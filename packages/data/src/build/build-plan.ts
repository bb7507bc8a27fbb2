/**
 * Division of a build into parts that depend on the input only, so the result is independent of the number of workers
 * and shards. Node only.
 */

import { checkList, checkOptions } from '../check-argument.ts'
import { textFormat } from '../sources/document-stream.ts'
import { eachFile } from '../sources/find-files.ts'
import type { TokenSubset } from '../tokens/subset-record.ts'

/** The input of one part: several files, or a range of one file. */
export interface BuildPart {
  readonly files: readonly string[]
  /** Size of each file when the plan was made. */
  readonly bytes: readonly number[]
  /** Range of bytes: the part has the lines that begin in it. Default: the whole file. */
  readonly range?: { readonly begin: number; readonly end: number }
}

/** Everything that determines the output; saved with the parts, so that shards with another plan are rejected. */
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
  /** Identifies everything else that determines the output: the tokenizer's hash, the filters with their limits. */
  readonly identity: string
  /** Metadata for PREFIX.subsets.json beside the token files. */
  readonly subset?: Omit<TokenSubset, 'repeats' | 'tokens'>
}

/** Size of a part of an uncompressed JSON Lines file, in bytes. */
const rangeBytes = 64 * 2 ** 20
/** Above this number of files, small files are grouped, up to a number and a size per part. */
const mostSingle = 4096
const groupFiles = 1000
const groupBytes = 8 * 2 ** 20

/**
 * Plans a build of files in the order of their paths: large uncompressed JSON Lines files are divided into ranges, very
 * many small files are grouped. Memory: about 100 bytes per file.
 * @throws Error for a path that does not exist, or a folder without text files
 * @example
 * const input = { field: 'text', encoding: 'utf-8' }
 * const settings = { ...input, vocabSize: 256, eosId: 0, duplicates: 'keep', identity: 'bytes' }
 * const planned = await planBuild(['texts'], settings)
 * await saveBuildPlan('work', planned)
 * await buildShard('work', planned, { index: 0, of: 1 }, { encode: (text) => new TextEncoder().encode(text) })
 * mergeParts('work', 'built').documents // 2
 */
export async function planBuild(paths: readonly string[], settings: BuildSettings): Promise<BuildPlan> {
  checkList('planBuild: paths', paths, "['texts/', 'more.jsonl']")
  checkOptions('planBuild', settings, 'vocabSize, eosId and encoding')
  const { statSync } = await import('node:fs')
  const files: string[] = []
  const sizes: number[] = []
  for await (const path of eachFile(paths, (name) => textFormat(name) !== undefined)) {
    files.push(path)
    try {
      sizes.push(statSync(path).size)
    } catch (error) {
      throw new Error(`${path}: it was removed while the build was being planned (${(error as Error).message})`)
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
