/** Builds one part of a dataset: filters and tokenizes its documents into files of its own. Node only. */
import { createHash } from 'node:crypto'
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { applyFilters, emptyCounts, type Filter, type FilterCounts } from '../clean/filter.ts'
import { minhash } from '../clean/minhash.ts'
import { documentStream } from '../sources/document-stream.ts'
import { FileWriter } from '../tokens/file-writer.ts'
import { encodeTokens } from '../tokens/indexed-dataset.ts'
import type { BuildPlan } from './build-plan.ts'

/** The result of a part; the existence of its file marks the part as done. */
export interface PartRecord {
  readonly counts: FilterCounts
  readonly documents: number
  /** Number of documents without tokens. */
  readonly empty: number
  readonly tokens: number
}

export interface PartTools {
  readonly encode: (text: string) => ArrayLike<number>
  readonly filters: readonly Filter[]
  /** Called with the number of bytes read since the last call. */
  readonly onBytes?: (bytes: number) => void
}

export const partPath = (folder: string, number: number, extension: string): string =>
  join(folder, `${String(number).padStart(6, '0')}.${extension}`)

/**
 * Size of a document's record in 32-bit words: the number of tokens, 128 bits of SHA-256, and two words per MinHash
 * band.
 */
export const recordWords = (duplicates: 'keep' | 'exact' | 'near'): number =>
  ({ keep: 1, exact: 5, near: 45 })[duplicates]

/**
 * Builds a part. Files appear under their names once complete, the record last.
 * @throws Error that names the file and position of a fault; incomplete files are removed
 */
export async function buildPart(
  folder: string,
  plan: BuildPlan,
  number: number,
  tools: PartTools,
): Promise<PartRecord> {
  const { files, range } = plan.parts[number]
  const { settings } = plan
  const counts = emptyCounts()
  const name = (extension: string) => partPath(folder, number, extension)
  const temporary = (extension: string) => `${name(extension)}.${process.pid}.tmp`
  let documents = 0
  let empty = 0
  let tokens = 0
  const open: FileWriter[] = []
  const writer = (extension: string) => {
    open.push(new FileWriter(temporary(extension)))
    return open[open.length - 1]
  }
  try {
    const bin = writer('bin')
    const records = writer('docs')
    const end = settings.eosId === null ? null : encodeTokens([settings.eosId], settings.vocabSize)
    const record = new Uint32Array(recordWords(settings.duplicates))
    const recordBytes = new Uint8Array(record.buffer)
    const options = {
      field: settings.field,
      ...(!/^utf-?8$/i.test(settings.encoding) && { encoding: settings.encoding }),
      ...(range && { range }),
      ...(tools.onBytes && { onBytes: tools.onBytes }),
    }
    for (const path of files)
      for await (const given of documentStream(path, options)) {
        const text = applyFilters(tools.filters, given, counts)
        if (text === null) continue
        const ids = tools.encode(text)
        bin.write(encodeTokens(ids, settings.vocabSize, documents))
        // Like Megatron-LM's preprocessing, appends eos only to documents that have tokens.
        const ended = end !== null && ids.length > 0
        if (ended) bin.write(end)
        record[0] = ids.length + (ended ? 1 : 0)
        if (settings.duplicates !== 'keep') {
          const hash = createHash('sha256').update(text).digest()
          for (let k = 0; k < 4; k++) record[1 + k] = hash.readUInt32LE(4 * k)
          if (settings.duplicates === 'near') record.set(minhash(text), 5)
        }
        records.write(recordBytes)
        documents++
        if (ids.length === 0) empty++
        tokens += record[0]
      }
    bin.close()
    records.close()
    const result: PartRecord = { counts, documents, empty, tokens }
    const json = writer('json')
    json.write(new TextEncoder().encode(JSON.stringify(result)))
    json.close()
    for (const extension of ['bin', 'docs', 'json']) renameSync(temporary(extension), name(extension))
    return result
  } catch (error) {
    for (const file of open) file.abandon()
    throw error
  }
}
