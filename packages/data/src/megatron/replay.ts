/** What a step of a Megatron-LM run read, and at which steps a document was read. */
import type { DatasetIndex } from '../tokens/indexed-dataset.ts'
import { RandomOrder, type RandomOrderOptions } from './random-order.ts'
import { type BatchRampup, StepSizes } from './step-sizes.ts'
import { type OrderedSample, TrainingOrder, type TrainingOrderOptions } from './training-order.ts'

/** A dataset by its .idx file; .bin is not needed. */
export interface ReplayDataset {
  readonly prefix: string
  readonly weight?: number
  readonly index: Pick<DatasetIndex, 'sequenceLengths' | 'documentIndex'>
}

export interface ReplayOptions extends Omit<TrainingOrderOptions, 'datasets'> {
  readonly datasets: readonly ReplayDataset[]
  /** `--global-batch-size`. */
  readonly globalBatchSize: number
  /** `--rampup-batch-size`; `samples` are then those of `--train-samples`. */
  readonly rampup?: BatchRampup
  /** `--dataloader-type cyclic`. */
  readonly cyclic?: Omit<RandomOrderOptions, 'total'>
}

/** A part of a document in a sample. */
export interface ReplayedPart {
  readonly document: number
  /** First token of the document that was read, and how many were. */
  readonly offset: number
  readonly tokens: number
}

/** One sample of a step. */
export interface ReplayedSample {
  /** Row of the global batch. */
  readonly row: number
  readonly prefix: string
  /** Number of the dataset, and the place in its own order. */
  readonly dataset: number
  readonly place: number
  readonly parts: readonly ReplayedPart[]
}

/** A step that read a document. */
export interface FoundStep {
  /** Counted from 1, as Megatron-LM logs iterations. */
  readonly step: number
  readonly row: number
  readonly offset: number
  readonly tokens: number
}

/** A run to ask about. */
export class Replay {
  readonly order: TrainingOrder
  readonly globalBatchSize: number
  /** Whole steps that the samples asked for make. */
  readonly steps: number
  readonly #datasets: readonly ReplayDataset[]
  readonly #sizes: StepSizes
  readonly #random: RandomOrder | null

  /** @throws RangeError naming option or dataset */
  constructor(options: ReplayOptions) {
    const { datasets, globalBatchSize, rampup, cyclic, ...order } = options
    if (!Number.isInteger(globalBatchSize) || globalBatchSize < 1)
      throw new RangeError(`globalBatchSize must be an integer of at least 1, got ${globalBatchSize}`)
    this.#datasets = datasets
    this.globalBatchSize = globalBatchSize
    this.order = new TrainingOrder({
      ...order,
      datasets: datasets.map(({ prefix, weight, index }) => ({
        name: prefix,
        sequenceLengths: index.sequenceLengths,
        ...(weight !== undefined && { weight }),
      })),
    })
    this.#sizes = new StepSizes(globalBatchSize, rampup)
    this.#random = cyclic ? new RandomOrder({ ...cyclic, total: this.order.samples }) : null
    // A random order begins anew where it ends.
    this.steps = this.#sizes.stepsIn(cyclic ? options.samples : Math.min(options.samples, this.order.samples))
  }

  /**
   * The samples of a step, in the order of the global batch.
   * @param step from 1
   */
  step(step: number): ReplayedSample[] {
    if (!Number.isInteger(step) || step < 1 || step > this.steps)
      throw new RangeError(`step must be from 1 to ${this.steps}, the last of the run, got ${step}`)
    const { from, to } = this.#sizes.range(step)
    return this.#taken(from, to).map((sample, row) => {
      const { prefix } = this.#datasets[sample.dataset]
      const parts = this.order.parts(sample).map(({ sequence, offset, length }) => {
        const { document, begin } = this.#documentOf(sample.dataset, sequence)
        return { document, offset: begin + offset, tokens: length }
      })
      return { row, prefix, dataset: sample.dataset, place: sample.place, parts }
    })
  }

  /** The steps that read a document, ascending; what follows the last whole step is left out. */
  find(dataset: number, document: number): FoundStep[] {
    const { documentIndex } = this.#datasets[dataset].index
    if (!Number.isInteger(document) || document < 0 || document >= documentIndex.length - 1)
      throw new RangeError(
        `document must be from 0 to ${documentIndex.length - 2} in ${this.#datasets[dataset].prefix}, got ${document}`,
      )
    const samples = new Set<number>()
    for (let sequence = documentIndex[document]; sequence < documentIndex[document + 1]; sequence++)
      for (const place of this.order.placesOf(dataset, sequence)) samples.add(place)
    const last = this.#sizes.range(this.steps + 1).from
    return this.#placesOf(samples, last)
      .sort((a, b) => a - b)
      .flatMap((place) => {
        const [sample] = this.#taken(place, place + 1)
        const step = this.#sizes.stepOf(place)
        const where = { step, row: place - this.#sizes.range(step).from }
        return this.order.parts(sample).flatMap(({ sequence, offset, length }) => {
          const found = this.#documentOf(dataset, sequence)
          return found.document === document ? [{ ...where, offset: found.begin + offset, tokens: length }] : []
        })
      })
  }

  /** What stands at the places `from` .. `to` - 1 of the run. */
  #taken(from: number, to: number): OrderedSample[] {
    const random = this.#random
    if (random === null) return this.order.slice(from, to)
    // In ascending order, so that a blend is walked once.
    const wanted = Array.from({ length: to - from }, (_, row) => ({ row, sample: random.sampleAt(from + row) }))
    const found = new Array<OrderedSample>(to - from)
    for (const { row, sample } of wanted.sort((a, b) => a.sample - b.sample))
      found[row] = this.order.slice(sample, sample + 1)[0]
    return found
  }

  /** Places below `last` at which samples of the order are read. */
  #placesOf(samples: ReadonlySet<number>, last: number): number[] {
    if (this.#random === null) return [...samples].filter((place) => place < last)
    const places: number[] = []
    for (let place = 0; place < last; place++) if (samples.has(this.#random.sampleAt(place))) places.push(place)
    return places
  }

  /** The document a sequence belongs to, and where in it the sequence begins. */
  #documentOf(dataset: number, sequence: number): { document: number; begin: number } {
    const { documentIndex, sequenceLengths } = this.#datasets[dataset].index
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
 * `--data-path` as Megatron-LM reads it: prefixes, or weights and prefixes by turns.
 * @throws RangeError for an empty list
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
