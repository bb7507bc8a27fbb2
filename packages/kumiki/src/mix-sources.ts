/** The sources of `kumiki data mix`: how they are named, and their documents. */
import type { CorpusSource, ReleaseLevel } from '@kumiki/data'
import type { Tokenizer } from '@kumiki/tokenizer'
import { exists, readJson } from './files.ts'
import { UsageError } from './usage-error.ts'
import { checkWritten } from './written-json.ts'

/** A source by name and place. */
export interface MixSource {
  readonly name: string
  readonly path: string
  readonly repeats?: number
  readonly releaseLevel?: ReleaseLevel
}

/** Sources with their documents; `prefix` where they are token files. */
export interface LoadedSources {
  readonly sources: readonly (CorpusSource<ArrayLike<unknown>> & { readonly prefix?: string })[]
  readonly unit: 'tokens' | 'characters'
  /** One more than the greatest id of token files; 0 without any. */
  readonly vocabSize: number
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

/**
 * Reads the documents of every source: ids of token files, texts as ids where there is a tokenizer, else texts.
 * @param eosId ends every document that is encoded here
 * @throws UsageError where some are ids and others texts
 */
export async function loadSources(
  given: readonly MixSource[],
  tokenizer: Tokenizer | undefined,
  eosId: number | undefined,
): Promise<LoadedSources> {
  const { openIndexedDataset, readCorpus } = await import('@kumiki/data/node')
  let vocabSize = 0
  let texts: string | undefined
  let ids: string | undefined
  const sources: (CorpusSource<ArrayLike<unknown>> & { prefix?: string })[] = []
  for (const { path, ...source } of given) {
    const prefix = path.replace(/\.(idx|bin)$/, '')
    if (prefix !== path || ((await exists(`${path}.idx`)) && !(await exists(path)))) {
      using dataset = await openIndexedDataset(prefix)
      const documents = Array.from({ length: dataset.documentCount }, (_, i) => dataset.document(i))
      for (const document of documents) for (const id of document) if (id >= vocabSize) vocabSize = id + 1
      sources.push({ ...source, documents, prefix })
      ids = source.name
    } else {
      const documents = await readCorpus([path])
      sources.push({
        ...source,
        documents: tokenizer ? documents.map((text) => endWith(tokenizer.encode(text), eosId)) : documents,
      })
      if (tokenizer) ids = source.name
      else texts = source.name
    }
  }
  if (texts !== undefined && ids !== undefined) {
    throw new UsageError(
      `source "${ids}" is token files and "${texts}" is text: give --tokenizer FILE, so that all are measured in tokens`,
    )
  }
  return { sources, unit: texts === undefined ? 'tokens' : 'characters', vocabSize }
}

function endWith(ids: Int32Array, eosId: number | undefined): Int32Array {
  if (eosId === undefined) return ids
  const ended = new Int32Array(ids.length + 1)
  ended.set(ids)
  ended[ids.length] = eosId
  return ended
}
