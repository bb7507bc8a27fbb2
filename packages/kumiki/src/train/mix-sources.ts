/** The sources of `kumiki data mix`: how they are named, and their documents. */
import type { MeasuredSource, MixRow, ReleaseLevel } from '@kumiki/data'
import type { IndexedDatasetFile, TokenSubset } from '@kumiki/data/node'
import { exists, readJson } from '../files/files.ts'
import { checkWritten } from '../flags/written-json.ts'
import type { TextTokenizer } from '../models/text-tokenizer.ts'
import { checkedUse, UsageError } from '../usage-error.ts'

/** A source by name and place. */
export interface MixSource {
  readonly name: string
  readonly path: string
  readonly repeats?: number
  readonly releaseLevel?: ReleaseLevel
}

/** A source by the sizes of its documents; what its texts are is kept for the record beside the mix. */
export interface LoadedSource extends MeasuredSource {
  readonly lengths: Int32Array
  /** Prefix of token files, where it is such. */
  readonly prefix?: string
  /** Ids of a document; of token files alone. */
  readonly read?: (document: number) => Int32Array
  /** What the token files say they are from. */
  readonly subsets: readonly TokenSubset[] | null
}

/** Sources with the sizes of their documents. */
export interface LoadedSources {
  readonly sources: readonly LoadedSource[]
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

/** Lengths as they come: 4 bytes each. */
class Lengths {
  private values = new Int32Array(1024)
  private count = 0

  add(length: number): void {
    if (this.count === this.values.length) {
      const grown = new Int32Array(2 * this.values.length)
      grown.set(this.values)
      this.values = grown
    }
    this.values[this.count++] = length
  }

  all(): Int32Array {
    return this.values.subarray(0, this.count)
  }
}

/** Told as the reading goes on: the share that is read, 0 to 1, and of which source. */
export type OnRead = (share: number, source: string) => void

/**
 * Finds the documents of every source, one file after the other. Kept are the lengths of their documents, and of token files what stands in
 * their .idx: about 4 and 24 bytes a document; texts and ids are not. Texts that are to be written become token files beside `scratch` first.
 * @param eosId ends every document that is encoded here
 * @param scratch prefix of files that are made for texts, where their ids are wanted
 * @throws UsageError where some are ids and others texts, or a level allows more than the files are known to
 */
export async function loadSources(
  given: readonly MixSource[],
  tokenizer: TextTokenizer | undefined,
  eosId: number | undefined,
  scratch?: string,
  onRead?: OnRead,
): Promise<LoadedSources> {
  const { findTextFiles, documentStream, openIndexedDataset, readSubsets, writeIndexedDataset } = await import(
    '@kumiki/data/node'
  )
  const { rm, stat } = await import('node:fs/promises')
  let vocabSize = 0
  let texts: string | undefined
  let ids: string | undefined
  const sources: LoadedSource[] = []
  const open: IndexedDatasetFile[] = []
  const made: string[] = []
  const close = async () => {
    for (const dataset of open) dataset.close()
    for (const prefix of made) for (const end of ['bin', 'idx']) await rm(`${prefix}.${end}`, { force: true })
  }
  const opened = async (prefix: string) => {
    const dataset = await openIndexedDataset(prefix)
    open.push(dataset)
    const { documentCount, sequenceLengths } = dataset
    const single = documentCount === sequenceLengths.length
    return {
      dataset,
      lengths: single
        ? sequenceLengths
        : Int32Array.from({ length: documentCount }, (_, i) => dataset.documentLength(i)),
      read: (document: number) => dataset.document(document),
    }
  }
  try {
    for (const [number, { path, ...source }] of given.entries()) {
      const tell = (share: number) => onRead?.((number + Math.min(1, share)) / given.length, source.name)
      const prefix = prefixOf(path)
      if (prefix !== path || ((await exists(`${path}.idx`)) && !(await exists(path)))) {
        const { dataset, lengths, read } = await opened(prefix)
        if (tokenizer === undefined && scratch !== undefined)
          for (let i = 0, seen = 0; i < dataset.documentCount; i++) {
            for (const id of read(i)) if (id >= vocabSize) vocabSize = id + 1
            seen += lengths[i]
            tell(seen / dataset.tokens)
          }
        const subsets = readSubsets(prefix)
        sources.push({ ...source, ...(await levelOf(source, prefix, subsets)), lengths, read, prefix, subsets })
        ids = source.name
        continue
      }
      const files = await findTextFiles([path])
      let bytes = 0
      for (const file of files) bytes += (await stat(file)).size
      let seen = 0
      const onBytes = (count: number) => {
        seen += count
        tell(seen / bytes)
      }
      const stream = async function* () {
        for (const file of files) yield* documentStream(file, { onBytes })
      }
      if (tokenizer && scratch !== undefined) {
        const own = `${scratch}.source-${number}.${process.pid}.tmp`
        const encoded = async function* () {
          for await (const text of stream()) yield tokenizer.encode(text)
        }
        made.push(own)
        const { vocabSize } = tokenizer
        await writeIndexedDataset(own, encoded(), { vocabSize, ...(eosId !== undefined && { eosId }) })
        const { lengths, read } = await opened(own)
        sources.push({ ...source, lengths, read, subsets: null })
      } else {
        const lengths = new Lengths()
        const ended = eosId === undefined ? 0 : 1
        for await (const text of stream()) {
          const length = tokenizer ? tokenizer.encode(text).length : text.length
          lengths.add(length > 0 ? length + ended : 0)
        }
        sources.push({ ...source, lengths: lengths.all(), subsets: null })
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

/** A prefix of token files, with or without its ending. */
export const prefixOf = (path: string): string => path.replace(/\.(idx|bin)$/, '')

/**
 * The level of token files: as recorded beside them, or a stricter one that was given.
 * @throws UsageError where the one that was given allows more, or what was recorded may not train
 */
export async function levelOf(
  { name, releaseLevel: given }: Pick<MixSource, 'name' | 'releaseLevel'>,
  prefix: string,
  subsets: readonly TokenSubset[] | null,
): Promise<{ releaseLevel?: ReleaseLevel }> {
  if (subsets === null) return {}
  const { assertTrainable, strictestLevel } = await import('@kumiki/data')
  const kept = strictestLevel(subsets.map(({ releaseLevel }) => releaseLevel))
  if (given !== undefined && strictestLevel([kept, given]) !== given)
    throw new UsageError(
      `source "${name}" is given level ${given}, but ${prefix}.subsets.json says ${kept}, which allows less; leave the level out`,
    )
  const releaseLevel = given ?? kept
  checkedUse(() => assertTrainable(name, releaseLevel))
  return { releaseLevel }
}

/** What a mix is made of, for the record beside it: subsets of token files keep what was known of them. */
export function subsetsOfMix(sources: readonly LoadedSource[], table: readonly MixRow[]): TokenSubset[] {
  return sources.flatMap(({ name, subsets }, i): TokenSubset[] => {
    const { mixedSize, size, releaseLevel, repeats } = table[i]
    if (mixedSize === 0) return []
    if (subsets === null)
      return [{ subset: name, language: null, source: null, licence: null, releaseLevel, repeats, tokens: mixedSize }]
    return subsets.map((one) => ({
      ...one,
      subset: subsets.length === 1 ? name : `${name}/${one.subset}`,
      releaseLevel: subsets.length === 1 ? releaseLevel : one.releaseLevel,
      repeats: one.repeats * repeats,
      tokens: Math.round((one.tokens * mixedSize) / Math.max(1, size)),
    }))
  })
}
