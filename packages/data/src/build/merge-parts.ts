/** Merges the parts of a build into PREFIX.bin and PREFIX.idx, without duplicates. Node only. */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import { findDuplicates } from '../clean/duplicates.ts'
import { addCounts, emptyCounts, type FilterCounts } from '../clean/filter.ts'
import { DatasetWriter } from '../tokens/dataset-writer.ts'
import { tokenDtype } from '../tokens/indexed-dataset.ts'
import { partPath, recordWords } from './build-part.ts'
import type { BuildPlan } from './build-plan.ts'
import { readPartRecord } from './part-record.ts'
import { loadBuildPlan } from './saved-plan.ts'

/** The result of a build. */
export interface BuildResult {
  readonly prefix: string
  readonly documents: number
  /** Number of documents without tokens, which as in Megatron-LM are entries of the .idx file without a sequence. */
  readonly empty: number
  readonly tokens: number
  readonly dtype: 'uint16' | 'int32'
  readonly counts: FilterCounts
}

const recordBuffer = (words: number) => new Uint32Array(words * 4096)

/** Visits each record of a file, which is the words of `from` beginning at `at`; the buffer holds a few thousand. */
function eachRecord(
  path: string,
  words: number,
  visit: (from: Uint32Array, at: number) => void,
  buffer: Uint32Array = recordBuffer(words),
): void {
  const file = openSync(path, 'r')
  try {
    const recordBytes = words * 4
    const { size } = fstatSync(file)
    if (size % recordBytes !== 0)
      throw new Error(`${path}: it is truncated (${size} bytes are not a multiple of ${recordBytes})`)
    const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    let held = 0
    for (;;) {
      const count = readSync(file, bytes, held, bytes.length - held, null)
      if (count === 0) return
      held += count
      const whole = held - (held % recordBytes)
      for (let at = 0; at < whole / 4; at += words) visit(buffer, at)
      bytes.copyWithin(0, whole, held)
      held -= whole
    }
  } finally {
    closeSync(file)
  }
}

/** Numbers of the parts that are not done. */
export function missingParts(folder: string, plan: BuildPlan): number[] {
  return plan.parts.flatMap((_, number) => (existsSync(partPath(folder, number, 'json')) ? [] : [number]))
}

export interface MergeOptions {
  /** Memory limit of the table of keys, in bytes; default 1 GiB. */
  readonly memory?: number
  /** Called with the share of the work that is done, 0 to 1. */
  readonly onProgress?: (share: number) => void
}

/**
 * Merges the parts of a folder, which is kept.
 * @throws Error that names the missing parts, or a faulty file; existing PREFIX.bin and .idx do not change then
 * @example
 * const input = { field: 'text', encoding: 'utf-8' }
 * const settings = { ...input, vocabSize: 256, eosId: 0, duplicates: 'keep', identity: 'bytes' }
 * const planned = await planBuild(['texts'], settings)
 * await saveBuildPlan('parts', planned)
 * await buildShard('parts', planned, { index: 0, of: 1 }, { encode: (text) => new TextEncoder().encode(text) })
 * mergeParts('parts', 'merged').tokens // 68
 */
export function mergeParts(folder: string, prefix: string, { memory, onProgress }: MergeOptions = {}): BuildResult {
  const plan = loadBuildPlan(folder)
  const missing = missingParts(folder, plan)
  if (missing.length > 0)
    throw new Error(
      `${missing.length} of ${plan.parts.length} parts are not done: ${missing.slice(0, 8).join(', ')}${missing.length > 8 ? ' ...' : ''} (${plan.parts[missing[0]].files[0]}); run their shards`,
    )
  const { vocabSize, duplicates, subset } = plan.settings
  const words = recordWords(duplicates)
  const parts = plan.parts.map((_, number) => readPartRecord(partPath(folder, number, 'json')))
  const all = parts.reduce((sum, { documents }) => sum + documents, 0)
  if (all > 2 ** 32 - 2) throw new Error(`${all} documents are more than 2^32 - 2; build them in several sets`)
  const counts = emptyCounts()
  for (const part of parts) addCounts(counts, part.counts)
  const each = (visit: (from: Uint32Array, at: number, document: number) => void) => {
    let document = 0
    const buffer = recordBuffer(words)
    for (const number of parts.keys())
      eachRecord(partPath(folder, number, 'docs'), words, (from, at) => visit(from, at, document++), buffer)
    if (document !== all)
      throw new Error(`${folder}: its parts have ${document} documents, but their records say ${all}`)
  }
  // For progress, deduplication counts as half of the work.
  const half = duplicates === 'keep' ? 0 : 0.5
  const verdicts =
    duplicates === 'keep'
      ? null
      : findDuplicates(
          all,
          // A record begins with the number of tokens, before the keys.
          (visit) => each((from, at, document) => visit(from, at + 1, document)),
          duplicates === 'near',
          memory,
          (share) => onProgress?.(half * share),
        )
  for (const [verdict, reason] of [
    [1, 'duplicates: the same text'],
    [2, 'duplicates: near another'],
  ] as const) {
    const count = verdicts?.reduce((sum, one) => sum + (one === verdict ? 1 : 0), 0) ?? 0
    if (count > 0) counts.dropped[reason] = { count, samples: [] }
    counts.kept -= count
  }
  const dtype = tokenDtype(vocabSize)
  const bytesPerToken = dtype === 'uint16' ? 2 : 4
  const total = parts.reduce((sum, part) => sum + part.tokens, 0) * bytesPerToken
  let empty = 0
  let passed = 0
  const files = new DatasetWriter(prefix, dtype)
  try {
    let document = 0
    const buffer = new Uint8Array(2 ** 20)
    const records = recordBuffer(words)
    for (const number of parts.keys()) {
      const path = partPath(folder, number, 'bin')
      const file = openSync(path, 'r')
      const copy = (from: number, to: number) => {
        for (let at = from; at < to; ) {
          const count = readSync(file, buffer, 0, Math.min(buffer.length, to - at), at)
          if (count === 0) throw new Error(`${path}: it is truncated; remove the part's .json file and build it again`)
          files.write(buffer.subarray(0, count))
          at += count
          onProgress?.(half + (1 - half) * Math.min(1, (passed + at) / Math.max(1, total)))
        }
      }
      try {
        let [from, to] = [0, 0]
        eachRecord(
          partPath(folder, number, 'docs'),
          words,
          (read, at) => {
            const length = read[at]
            const end = to + length * bytesPerToken
            if (verdicts?.[document++]) {
              copy(from, to)
              from = end
            } else {
              files.endDocument(length)
              if (length === 0) empty++
            }
            to = end
          },
          records,
        )
        copy(from, to)
        passed += to
      } finally {
        closeSync(file)
      }
    }
    const { tokens } = files.close(subset && ((all) => [{ ...subset, repeats: 1, tokens: all }]))
    return { prefix, documents: counts.kept, empty, tokens, dtype, counts }
  } catch (error) {
    files.abandon()
    throw error
  }
}
