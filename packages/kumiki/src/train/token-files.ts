/**
 * Token files (.bin and .idx) as training data: their configuration, release levels and batches.
 */
import { basename, resolve } from 'node:path'
import {
  assertTrainable,
  joinStreams,
  megatronBatches,
  type ReadableDataset,
  readDataPath,
  splitRange,
  streamBatches,
} from '@kumiki/data'
import { type IndexedDatasetFile, openIndexedDataset, readSubsets, type TokenSubset } from '@kumiki/data/node'
import type { BatchSource, RunConfiguration } from '@kumiki/train'
import type { RunTokenFiles } from '@kumiki/train/node'
import type { UsedSubset } from '@kumiki/train/records'
import { checkWritten } from '../flags/written-json.ts'
import type { TextTokenizer } from '../models/text-tokenizer.ts'
import { UsageError } from '../usage-error.ts'
import { prefixOf } from './mix-sources.ts'

/** Maximum tokens read for held-out evaluation, and for fitting the n-gram baselines. */
const mostHeldOut = 2 ** 16
const mostForNgrams = 2 ** 21

/** Token files as configured in a file or by flags. */
export interface WrittenTokenFiles {
  /** As Megatron-LM's `--data-path`: prefixes, or alternating weights and prefixes; as one string or an array. */
  readonly dataPath?: string | readonly string[]
  readonly order?: 'megatron' | 'packed'
  readonly split?: string
  readonly samples?: number
}

/**
 * Validates `tokenFiles` of a configuration file.
 * @throws UsageError naming file and field
 */
export function writtenTokenFiles(value: unknown, config: string): WrittenTokenFiles | undefined {
  if (value === undefined) return undefined
  try {
    return checkWritten<WrittenTokenFiles>('tokenFiles', value, `${config}: tokenFiles`)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/**
 * The token files of a run's record, with absolute prefixes and the number of samples of Megatron-LM's order.
 * @param folder base of relative paths
 * @param steps with batchSize, the default of the number of samples
 * @throws UsageError for an invalid data path, an impossible order, or files whose release level forbids training
 */
export function tokenFilesOf(
  { dataPath, order = 'megatron', split = '969,30,1', samples }: WrittenTokenFiles,
  folder: string,
  { steps, batchSize }: Pick<RunConfiguration, 'steps' | 'batchSize'>,
): RunTokenFiles {
  const words = typeof dataPath === 'string' ? dataPath.trim().split(/\s+/) : (dataPath ?? [])
  let read: { prefix: string; weight?: number }[]
  try {
    read = readDataPath(words.filter((word) => word !== ''))
    splitRange(1000, split, 'train')
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  for (const { prefix, weight } of read)
    if (weight !== undefined && !(weight > 0 && Number.isFinite(weight)))
      throw new UsageError(`--data-path: the weight of ${prefix} must be a number above 0, got ${weight}`)
  const weighted = read.find(({ weight }) => weight !== undefined)
  if (order === 'packed' && weighted)
    throw new UsageError(
      `--order packed reads every token once per pass and takes no weights, got ${weighted.weight} for ${weighted.prefix}; leave out the weights, use --order megatron to blend by weight, or kumiki data mix to repeat`,
    )
  const found = {
    datasets: read.map(({ prefix, weight }) => ({
      prefix: resolve(folder, prefixOf(prefix)),
      ...(weight !== undefined && { weight }),
    })),
    order,
    split,
    ...(order === 'megatron' && { samples: samples ?? steps * batchSize }),
  }
  for (const { prefix } of found.datasets) subsetsOf(prefix)
  return found
}

/** @throws UsageError if the release level recorded beside the files forbids training */
function subsetsOf(prefix: string): readonly TokenSubset[] | null {
  const subsets = readSubsets(prefix)
  for (const { subset, releaseLevel } of subsets ?? []) {
    try {
      assertTrainable(subset, releaseLevel)
    } catch (error) {
      throw new UsageError(`${prefix}.subsets.json: ${(error as Error).message}`)
    }
  }
  return subsets
}

/** Open token files. */
export class TokenFiles {
  readonly name: string
  /** Tokens of the training split. */
  readonly tokens: number
  private readonly files: RunTokenFiles
  private readonly datasets: readonly IndexedDatasetFile[]

  private constructor(files: RunTokenFiles, datasets: readonly IndexedDatasetFile[]) {
    this.files = files
    this.datasets = datasets
    this.name = files.datasets.map(({ prefix }) => basename(prefix)).join(', ')
    this.tokens = datasets.reduce((sum, _, i) => sum + this.trainable(i), 0)
  }

  /** @throws Error naming a missing or invalid file; UsageError for a release level that forbids training */
  static async open(files: RunTokenFiles): Promise<TokenFiles> {
    const datasets: IndexedDatasetFile[] = []
    try {
      for (const { prefix } of files.datasets) {
        subsetsOf(prefix)
        datasets.push(await openIndexedDataset(prefix))
      }
      return new TokenFiles(files, datasets)
    } catch (error) {
      for (const dataset of datasets) dataset.close()
      throw error
    }
  }

  close(): void {
    for (const dataset of this.datasets) dataset.close()
  }

  /**
   * The batches of a run; a state can be restored into the source.
   * @throws UsageError if the run needs more samples than the order has
   */
  source({ batchSize, sequenceLength, seed, steps }: RunConfiguration): BatchSource {
    const { order, split, samples } = this.files
    if (order === 'packed') {
      const streams = this.datasets.map((dataset, i) => ({
        tokens: this.tokensOf(i),
        readStream: (position: number, into: Int32Array) => dataset.readStream(position, into),
      }))
      return streamBatches({ dataset: joinStreams(streams), sequenceLength, batchSize, seed })
    }
    if (samples === undefined || steps * batchSize > samples)
      throw new UsageError(
        `${steps} steps of ${batchSize} sequences read ${steps * batchSize} samples, but the order of ${this.name} was built for ${samples}, and the order depends on that number. Stop at step ${Math.floor((samples ?? 0) / batchSize)}, branch off earlier, or start a new run with tokenFiles.samples large enough`,
      )
    const datasets = this.datasets.map((dataset, i): ReadableDataset & { weight?: number } => ({
      name: this.files.datasets[i].prefix,
      sequenceLengths: dataset.sequenceLengths,
      sequence: (sequence, offset, length) => dataset.sequence(sequence, offset, length),
      readSequence: (sequence, offset, into) => dataset.readSequence(sequence, offset, into),
      ...(this.files.datasets[i].weight !== undefined && { weight: this.files.datasets[i].weight }),
    }))
    return megatronBatches({ datasets, sequenceLength, batchSize, samples, seed, split })
  }

  /**
   * Held-out documents, from the validation split.
   * @throws Error if there are none, or an id is not in the vocabulary
   */
  heldOut(tokenizer: TextTokenizer): Int32Array[] {
    const found = this.read('valid', mostHeldOut, tokenizer)
    if (found.length === 0)
      throw new Error(
        `${this.name}: the split ${this.files.split} leaves no validation documents; give --split with a larger second part, or heldOut: { NAME: PATH } in the configuration`,
      )
    return found
  }

  /** The beginning of the training split, for the baselines. */
  sample(tokenizer: TextTokenizer): Int32Array[] {
    return this.read('train', mostForNgrams, tokenizer)
  }

  /** The tokens and repeats of each subset in the run's steps. */
  used({ steps, batchSize, sequenceLength }: RunConfiguration): UsedSubset[] {
    const taken = steps * batchSize * sequenceLength
    const shares = this.shares()
    return this.datasets.flatMap((_, i) => {
      const { prefix } = this.files.datasets[i]
      const own = this.tokensOf(i)
      const passes = own === 0 ? 0 : (taken * shares[i]) / own
      const subsets = subsetsOf(prefix) ?? [{ ...unknown, subset: basename(prefix), tokens: own }]
      const all = subsets.reduce((sum, { tokens }) => sum + tokens, 0)
      return subsets.map(({ subset, language, source, licence, releaseLevel, repeats, tokens }) => ({
        subset: subsets.length > 1 && this.datasets.length > 1 ? `${basename(prefix)}/${subset}` : subset,
        ...{ language, source, licence, releaseLevel },
        repeats: Number((repeats * passes).toPrecision(6)),
        tokens: all === 0 ? 0 : Math.round((taken * shares[i] * tokens) / all),
      }))
    })
  }

  /** Each dataset's share of the batches. */
  private shares(): number[] {
    const weights = this.files.datasets.map(({ weight }, i) => weight ?? this.tokensOf(i))
    const all = weights.reduce((sum, weight) => sum + weight, 0)
    return weights.map((weight) => (all === 0 ? 0 : weight / all))
  }

  private trainable(dataset: number): number {
    const tokens = this.tokensOf(dataset)
    if (tokens < 2)
      throw new Error(
        `${this.files.datasets[dataset].prefix}: the split ${this.files.split} leaves ${tokens} tokens to train on; remove this dataset, or give another --split`,
      )
    return tokens
  }

  private tokensOf(dataset: number): number {
    const { sequenceLengths } = this.datasets[dataset]
    const [begin, end] = splitRange(sequenceLengths.length, this.files.split, 'train')
    let tokens = 0
    for (let i = begin; i < end; i++) tokens += sequenceLengths[i]
    return tokens
  }

  private read(part: 'train' | 'valid', most: number, { vocabSize }: TextTokenizer): Int32Array[] {
    const shares = this.shares()
    return this.datasets.flatMap((dataset, i) => {
      const { prefix } = this.files.datasets[i]
      let range: readonly [number, number]
      try {
        range = splitRange(dataset.sequenceLengths.length, this.files.split, part)
      } catch {
        return []
      }
      const found: Int32Array[] = []
      let left = Math.ceil(most * shares[i])
      for (let sequence = range[0]; sequence < range[1] && left > 0; sequence++) {
        const length = Math.min(left, dataset.sequenceLengths[sequence])
        if (length === 0) continue
        const ids = dataset.sequence(sequence, 0, length)
        const outside = ids.find((id) => id < 0 || id >= vocabSize)
        if (outside !== undefined)
          throw new Error(
            `${prefix}: sequence ${sequence} contains the id ${outside}, but the tokenizer has ${vocabSize} pieces; give --tokenizer the one that encoded the files`,
          )
        found.push(ids)
        left -= length
      }
      return found
    })
  }
}

/** The subset of files without recorded subsets; the defaults are those of texts without a source. */
const unknown = { language: null, source: null, licence: null, releaseLevel: 'L3', repeats: 1 } as const
