/** Replay of a Megatron-LM run's data order: the documents of a step, and the steps of a document. */
import type { DatasetIndex } from '../tokens/indexed-dataset.ts'
import { RandomOrder, type RandomOrderOptions } from './random-order.ts'
import { type BatchRampup, StepSizes } from './step-sizes.ts'
import { type OrderedSample, TrainingOrder, type TrainingOrderOptions } from './training-order.ts'

/** A dataset given by its .idx file; .bin is not needed. */
export interface ReplayDataset {
  readonly prefix: string
  readonly weight?: number
  readonly index: Pick<DatasetIndex, 'sequenceLengths' | 'documentIndex'>
}

export interface ReplayOptions extends Omit<TrainingOrderOptions, 'datasets'> {
  readonly datasets: readonly ReplayDataset[]
  /** `--global-batch-size`. */
  readonly globalBatchSize: number
  /** `--rampup-batch-size`; `samples` is then `--train-samples`. */
  readonly rampup?: BatchRampup
  /** `--dataloader-type cyclic`. */
  readonly cyclic?: Omit<RandomOrderOptions, 'total'>
}

/** A part of a document in a sample. */
export interface ReplayedPart {
  readonly document: number
  /** Index of the first token read of the document, and number of tokens read. */
  readonly offset: number
  readonly tokens: number
}

/** One sample of a step. */
export interface ReplayedSample {
  /** Row of the global batch. */
  readonly row: number
  readonly prefix: string
  /** Index of the dataset, and index of the sample in that dataset's order. */
  readonly dataset: number
  readonly place: number
  readonly parts: readonly ReplayedPart[]
}

/** A step that read a document. */
export interface FoundStep {
  /** From 1, like the iterations in Megatron-LM's log. */
  readonly step: number
  readonly row: number
  readonly offset: number
  readonly tokens: number
}

/** The data order of a Megatron-LM run. */
export class Replay {
  readonly order: TrainingOrder
  readonly globalBatchSize: number
  /** Number of complete steps of the run. */
  readonly steps: number
  private readonly datasets: readonly ReplayDataset[]
  private readonly sizes: StepSizes
  private readonly random: RandomOrder | null

  /** @throws RangeError that names option or dataset */
  constructor(options: ReplayOptions) {
    const { datasets, globalBatchSize, rampup, cyclic, ...order } = options
    if (!Number.isInteger(globalBatchSize) || globalBatchSize < 1)
      throw new RangeError(`globalBatchSize must be an integer of at least 1, got ${globalBatchSize}`)
    this.datasets = datasets
    this.globalBatchSize = globalBatchSize
    this.order = new TrainingOrder({
      ...order,
      datasets: datasets.map(({ prefix, weight, index }) => ({
        name: prefix,
        sequenceLengths: index.sequenceLengths,
        ...(weight !== undefined && { weight }),
      })),
    })
    this.sizes = new StepSizes(globalBatchSize, rampup)
    this.random = cyclic ? new RandomOrder({ ...cyclic, total: this.order.samples }) : null
    // The cyclic order starts another epoch at its end.
    this.steps = this.sizes.stepsIn(cyclic ? options.samples : Math.min(options.samples, this.order.samples))
  }

  /**
   * The samples of a step, in the order of the global batch.
   * @param step from 1
   * @throws RangeError for a step outside the run
   */
  step(step: number): ReplayedSample[] {
    if (!Number.isInteger(step) || step < 1 || step > this.steps)
      throw new RangeError(`step must be from 1 to ${this.steps}, the last of the run, got ${step}`)
    const { from, to } = this.sizes.range(step)
    return this.taken(from, to).map((sample, row) => {
      const { prefix } = this.datasets[sample.dataset]
      const parts = this.order.parts(sample).map(({ sequence, offset, length }) => {
        const { document, begin } = this.documentOf(sample.dataset, sequence)
        return { document, offset: begin + offset, tokens: length }
      })
      return { row, prefix, dataset: sample.dataset, place: sample.place, parts }
    })
  }

  /**
   * The steps that read a document, ascending, without an incomplete last step.
   * @param dataset index of the dataset
   * @param document index of the document in the dataset
   * @throws RangeError for a document outside the dataset
   */
  find(dataset: number, document: number): FoundStep[] {
    const { documentIndex } = this.datasets[dataset].index
    if (!Number.isInteger(document) || document < 0 || document >= documentIndex.length - 1)
      throw new RangeError(
        `document must be from 0 to ${documentIndex.length - 2} in ${this.datasets[dataset].prefix}, got ${document}`,
      )
    const samples = new Set<number>()
    for (let sequence = documentIndex[document]; sequence < documentIndex[document + 1]; sequence++)
      for (const place of this.order.placesOf(dataset, sequence)) samples.add(place)
    const last = this.sizes.range(this.steps + 1).from
    return this.placesOf(samples, last)
      .sort((a, b) => a - b)
      .flatMap((place) => {
        const [sample] = this.taken(place, place + 1)
        const step = this.sizes.stepOf(place)
        const where = { step, row: place - this.sizes.range(step).from }
        return this.order.parts(sample).flatMap(({ sequence, offset, length }) => {
          const found = this.documentOf(dataset, sequence)
          return found.document === document ? [{ ...where, offset: found.begin + offset, tokens: length }] : []
        })
      })
  }

  /** The samples at positions `from` to `to` - 1 of the run. */
  private taken(from: number, to: number): OrderedSample[] {
    const random = this.random
    if (random === null) return this.order.slice(from, to)
    // In ascending order, since going back in a blend restarts it.
    const wanted = Array.from({ length: to - from }, (_, row) => ({ row, sample: random.sampleAt(from + row) }))
    const found = new Array<OrderedSample>(to - from)
    for (const { row, sample } of wanted.sort((a, b) => a.sample - b.sample))
      found[row] = this.order.slice(sample, sample + 1)[0]
    return found
  }

  /** Positions below `last` at which the samples are read. */
  private placesOf(samples: ReadonlySet<number>, last: number): number[] {
    if (this.random === null) return [...samples].filter((place) => place < last)
    const places: number[] = []
    for (let place = 0; place < last; place++) if (samples.has(this.random.sampleAt(place))) places.push(place)
    return places
  }

  /** The document of a sequence, and the offset of the sequence in it in tokens. */
  private documentOf(dataset: number, sequence: number): { document: number; begin: number } {
    const { documentIndex, sequenceLengths } = this.datasets[dataset].index
    let low = 0
    let high = documentIndex.length - 2
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (documentIndex[middle] <= sequence) low = middle
      else high = middle - 1
    }
    let begin = 0
    for (let i = documentIndex[low]; i < sequence; i++) begin += sequenceLengths[i]
    return { document: low, begin }
  }
}

/**
 * Parses the arguments of Megatron-LM's `--data-path`: prefixes, or alternating weights and prefixes.
 * @throws RangeError for an empty list, or one where only some prefixes have a weight
 */
export function readDataPath(words: readonly string[]): { prefix: string; weight?: number }[] {
  if (words.length === 0) throw new RangeError('--data-path names no dataset')
  const isNumber = (word: string) => /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i.test(word)
  const weighted = words.length % 2 === 0 && words.every((word, i) => i % 2 === 1 || isNumber(word))
  if (!weighted) {
    const mixed = words.length % 2 === 0 && words.some((word, i) => i % 2 === 0 && isNumber(word))
    if (mixed) throw new RangeError('--data-path: some datasets have a weight and others none; give all of them one')
    return words.map((word) => ({ prefix: word.trim() }))
  }
  return words.flatMap((word, i) => (i % 2 === 1 ? [{ weight: Number(words[i - 1]), prefix: word.trim() }] : []))
}
