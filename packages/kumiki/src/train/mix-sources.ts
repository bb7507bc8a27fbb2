/** The sources of `kumiki data mix`: parsing their flags, and reading their documents. */
import type { MeasuredSource, MixRow, ReleaseLevel } from '@kumiki/data'
import type { IndexedDatasetFile, TokenSubset } from '@kumiki/data/node'
import { exists, readJson } from '../files/files.ts'
import { checkWritten } from '../flags/written-json.ts'
import type { TextTokenizer } from '../models/text-tokenizer.ts'
import { checkedUse, UsageError } from '../usage-error.ts'

/** A source as given by the user. */
export interface MixSource {
  readonly name: string
  readonly path: string
  readonly repeats?: number
  readonly releaseLevel?: ReleaseLevel
}

/** A source with the sizes of its documents, and with its subsets for the record beside the mix. */
export interface LoadedSource extends MeasuredSource {
  readonly lengths: Int32Array
  /** Prefix of the token files, if the source is token files. */
  readonly prefix?: string
  /** Token ids of a document; only for token files. */
  readonly read?: (document: number) => Int32Array
  /** The subsets that the token files record, or null for text. */
  readonly subsets: readonly TokenSubset[] | null
}

/** Sources with the sizes of their documents. */
export interface LoadedSources {
  readonly sources: readonly LoadedSource[]
  readonly unit: 'tokens' | 'characters'
  /** One more than the greatest id in the token files; 0 without token files. */
  readonly vocabSize: number
  /** Closes the files, and removes the temporary ones. */
  close(): Promise<void>
}

/** Reads NAME=PATH, NAME=PATH@REPEATS, NAME=PATH@REPEATS:LEVEL or NAME=PATH:LEVEL. @throws UsageError */
export function readSource(text: string): MixSource {
  const match = /^([^=]+)=(.+?)(?:@(\d+(?:\.\d+)?|\.\d+)(?::(\w+))?|:(L[\dA-Z]))?$/.exec(text)
  if (!match) throw new UsageError(`--source ${text}: must be NAME=PATH, NAME=PATH@REPEATS or NAME=PATH@REPEATS:LEVEL`)
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
  if (!Array.isArray(json)) throw new Error(`${file}: must be an array of { name, path, repeats, releaseLevel }`)
  return json.map((entry, index) => checkWritten<MixSource>('source', entry, `${file}: entry ${index}`))
}

/** A growing array of document lengths, 4 bytes each. */
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

/** Called while reading, with the share that is read, 0 to 1, and the current source. */
export type OnRead = (share: number, source: string) => void

/**
 * Reads the document lengths of every source, one file after the other. Memory is about 4 bytes a document for text and
 * 24 for token files (their .idx); texts and ids are not held. With `scratch`, texts are first encoded to temporary
 * token files.
 * @param eosId appended to every document that is encoded here
 * @param scratch prefix of the temporary token files
 * @throws UsageError if token files and texts are mixed without a tokenizer, or a given release level is less strict
 * than the recorded one
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
        `source "${ids}" is token files, but "${texts}" is text; give --tokenizer FILE to measure all in tokens`,
      )
    }
  } catch (error) {
    await close()
    throw error
  }
  return { sources, unit: texts === undefined ? 'tokens' : 'characters', vocabSize, close }
}

/** The prefix of token files, from a path with or without `.idx` or `.bin`. */
export const prefixOf = (path: string): string => path.replace(/\.(idx|bin)$/, '')

/**
 * The release level of token files: the recorded one, or a stricter given one.
 * @throws UsageError if the given level is less strict than the recorded one, or the recorded one forbids training
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
      `source "${name}" has the level ${given}, but ${prefix}.subsets.json records the stricter ${kept}; leave the level out`,
    )
  const releaseLevel = given ?? kept
  checkedUse(() => assertTrainable(name, releaseLevel))
  return { releaseLevel }
}

/** The subsets of a mix, for the record beside it. Subsets of token files keep their recorded metadata. */
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
