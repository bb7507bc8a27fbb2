/** The sources of `kumiki data mix`: how they are named, and their documents. */
import type { CorpusSource, ReleaseLevel } from '@kumiki/data'
import type { IndexedDatasetFile } from '@kumiki/data/node'
import type { Tokenizer } from '@kumiki/tokenizer'
import { exists, readJson } from '../files/files.ts'
import { checkWritten } from '../flags/written-json.ts'
import { UsageError } from '../usage-error.ts'

/** A source by name and place. */
export interface MixSource {
  readonly name: string
  readonly path: string
  readonly repeats?: number
  readonly releaseLevel?: ReleaseLevel
}

/** A document that is read when it is wanted: what a mix keeps of it is its length and place. */
export interface LazyDocument extends ArrayLike<never> {
  readonly length: number
  slice(from: number, to: number): LazyDocument
  /** Its ids; of token files alone. */
  read(): Int32Array
}

/** Sources with their documents; `prefix` where they are token files. */
export interface LoadedSources {
  readonly sources: readonly (CorpusSource<LazyDocument> & { readonly prefix?: string })[]
  readonly unit: 'tokens' | 'characters'
  /** One more than the greatest id of token files; 0 without any. */
  readonly vocabSize: number
  /** Closes files, and removes those that were made to measure texts. */
  close(): Promise<void>
}

/** Reads NAME=PATH, NAME=PATH@REPEATS, NAME=PATH@REPEATS:LEVEL or NAME=PATH:LEVEL. @throws UsageError */
export function readSource(text: string): MixSource {
  const match = /^([^=]+)=(.+?)(?:@(\d+(?:\.\d+)?|\.\d+)(?::(\w+))?|:(L[\dA-Z]))?$/.exec(text)
  if (!match)
    throw new UsageError(`--source ${text}: it must be NAME=PATH, NAME=PATH@REPEATS or NAME=PATH@REPEATS:LEVEL`)
  const [, name, path, repeats, after, level = after] = match
  return {
    name,
    path,
    ...(repeats !== undefined && { repeats: Number(repeats) }),
    ...(level !== undefined && { releaseLevel: level as ReleaseLevel }),
  }
}

/** Reads a JSON array of sources. @throws Error naming file and entry */
export async function sourcesFromFile(file: string): Promise<MixSource[]> {
  const json = await readJson(file)
  if (!Array.isArray(json)) throw new Error(`${file}: it must be an array of { name, path, repeats, releaseLevel }`)
  return json.map((entry, index) => checkWritten<MixSource>('source', entry, `${file}: entry ${index}`))
}

function lazy(dataset: IndexedDatasetFile, number: number, length: number): LazyDocument {
  return {
    length,
    slice: (_, to) => lazy(dataset, number, Math.min(to, length)),
    read: () => dataset.document(number).subarray(0, length),
  } as LazyDocument
}

const measured = (length: number): LazyDocument =>
  ({
    length,
    slice: (_: number, to: number) => measured(Math.min(to, length)),
    read: () => {
      throw new Error('a text that was only measured has no ids')
    },
  }) as unknown as LazyDocument

/**
 * Finds the documents of every source, one file after the other: about 100 bytes a document are kept, texts and ids are not. Texts that are to be
 * written become token files beside `scratch` first.
 * @param eosId ends every document that is encoded here
 * @param scratch prefix of files that are made for texts, where their ids are wanted
 * @throws UsageError where some are ids and others texts
 */
export async function loadSources(
  given: readonly MixSource[],
  tokenizer: Tokenizer | undefined,
  eosId: number | undefined,
  scratch?: string,
): Promise<LoadedSources> {
  const { findTextFiles, documentStream, openIndexedDataset, writeIndexedDataset } = await import('@kumiki/data/node')
  const { rm } = await import('node:fs/promises')
  let vocabSize = 0
  let texts: string | undefined
  let ids: string | undefined
  const sources: (CorpusSource<LazyDocument> & { prefix?: string })[] = []
  const open: IndexedDatasetFile[] = []
  const made: string[] = []
  const close = async () => {
    for (const dataset of open) dataset.close()
    for (const prefix of made) for (const end of ['bin', 'idx']) await rm(`${prefix}.${end}`, { force: true })
  }
  const documentsOf = async (prefix: string) => {
    const dataset = await openIndexedDataset(prefix)
    open.push(dataset)
    return Array.from({ length: dataset.documentCount }, (_, i) => lazy(dataset, i, dataset.documentLength(i)))
  }
  try {
    for (const [number, { path, ...source }] of given.entries()) {
      const prefix = path.replace(/\.(idx|bin)$/, '')
      if (prefix !== path || ((await exists(`${path}.idx`)) && !(await exists(path)))) {
        const documents = await documentsOf(prefix)
        if (tokenizer === undefined && scratch !== undefined)
          for (const document of documents) for (const id of document.read()) if (id >= vocabSize) vocabSize = id + 1
        sources.push({ ...source, documents, prefix })
        ids = source.name
        continue
      }
      const files = await findTextFiles([path])
      const stream = async function* () {
        for (const file of files) yield* documentStream(file)
      }
      if (tokenizer && scratch !== undefined) {
        const own = `${scratch}.source-${number}.${process.pid}.tmp`
        const encoded = async function* () {
          for await (const text of stream()) yield endWith(tokenizer.encode(text), eosId)
        }
        made.push(own)
        await writeIndexedDataset(own, encoded(), { vocabSize: tokenizer.vocabSize })
        sources.push({ ...source, documents: await documentsOf(own) })
      } else {
        const documents: LazyDocument[] = []
        const ended = eosId === undefined ? 0 : 1
        for await (const text of stream())
          documents.push(measured(tokenizer ? tokenizer.encode(text).length + ended : text.length))
        sources.push({ ...source, documents })
      }
      if (tokenizer) ids = source.name
      else texts = source.name
    }
    if (texts !== undefined && ids !== undefined) {
      throw new UsageError(
        `source "${ids}" is token files and "${texts}" is text: give --tokenizer FILE, so that all are measured in tokens`,
      )
    }
  } catch (error) {
    await close()
    throw error
  }
  return { sources, unit: texts === undefined ? 'tokens' : 'characters', vocabSize, close }
}

function endWith(ids: Int32Array, eosId: number | undefined): Int32Array {
  if (eosId === undefined) return ids
  const ended = new Int32Array(ids.length + 1)
  ended.set(ids)
  ended[ids.length] = eosId
  return ended
}
