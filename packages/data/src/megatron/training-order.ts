/**
 * The sample order of a whole Megatron-LM run: datasets, weights, split, epochs and blending.
 * @see Megatron-LM megatron/core/datasets/blended_megatron_dataset_builder.py
 */
import { BlendOrder } from './blend-order.ts'
import { normalizeWeights, roundHalfEven, type SplitName, splitMatrix, splitNames } from './normalize.ts'
import { SampleOrder, type SamplePart } from './sample-order.ts'

/** A dataset of a blend. */
export interface OrderedDataset {
  readonly name: string
  /** Number of tokens of each sequence of its .idx file. */
  readonly sequenceLengths: Int32Array
  /** Weight as given to `--data-path`; for all datasets or for none. */
  readonly weight?: number
}

export interface TrainingOrderOptions {
  readonly datasets: readonly OrderedDataset[]
  /** Tokens S per sequence, `--seq-length`. */
  readonly sequenceLength: number
  /** Number of samples requested: `--train-iters` x `--global-batch-size`, or `--train-samples`. */
  readonly samples: number
  /** `--seed`; Megatron-LM's default is 1234. */
  readonly seed?: number
  /** `--split`; Megatron-LM's default is 969,30,1. `null`: whole datasets, as for `--train-data-path`. */
  readonly split?: string | null
  /** The split to iterate over; default train. */
  readonly part?: SplitName
  /**
   * How many surplus samples each dataset of a blend is built with, which may add an epoch: until megatron-core 0.10
   * half a percent of the weighted samples, from 0.11 on half a percent of their rounded number. Default `from 0.11`.
   */
  readonly surplus?: 'until 0.10' | 'from 0.11'
}

/** The origin of a sample. */
export interface OrderedSample {
  /** Index of the dataset. */
  readonly dataset: number
  /** Index of the sample in the dataset's order. */
  readonly place: number
}

const mostDatasets = 32_766

/**
 * The range of sequences of a dataset that a split has.
 * @param split `--split`; null: all sequences
 * @throws RangeError where `split` gives nothing to `part`
 * @example splitRange(1000, '969,30,1', 'valid') // [969, 999]
 */
export function splitRange(
  sequences: number,
  split: string | null,
  part: SplitName,
): readonly [begin: number, end: number] {
  const range = split === null ? ([0, 1] as const) : splitMatrix(split)[part]
  if (range === null) throw new RangeError(`--split ${split} gives nothing to ${part}; raise its share`)
  return [roundHalfEven(range[0] * sequences), roundHalfEven(range[1] * sequences)]
}

/** The samples of a run. Datasets are shuffled on first use. */
export class TrainingOrder {
  readonly datasets: readonly OrderedDataset[]
  readonly sequenceLength: number
  /** Number of samples of the run. */
  readonly samples: number
  /** Normalised weights; null for one dataset without a weight. */
  readonly weights: readonly number[] | null
  private readonly asked: readonly (number | null)[]
  private readonly ranges: readonly (readonly [number, number])[]
  private readonly seed: number
  private readonly orders: (SampleOrder | undefined)[]
  private walk: BlendOrder | null = null

  /** @throws RangeError that names option and dataset */
  constructor(options: TrainingOrderOptions) {
    const { datasets, sequenceLength, samples, seed = 1234, split = '969,30,1', part = 'train' } = options
    integer('sequenceLength', sequenceLength, 2, 2 ** 28)
    integer('samples', samples, 1, 2 ** 48)
    integer('seed', seed, 0, 2 ** 32 - 1)
    if (!splitNames.includes(part)) throw new RangeError(`part must be one of ${splitNames.join(', ')}, got ${part}`)
    if (datasets.length < 1 || datasets.length > mostDatasets)
      throw new RangeError(`datasets: from 1 to ${mostDatasets} are needed, got ${datasets.length}`)
    const weighted = datasets.filter(({ weight }) => weight !== undefined).length
    if (weighted !== 0 && weighted !== datasets.length)
      throw new RangeError(`datasets: ${weighted} of ${datasets.length} have a weight; give all of them one, or none`)
    for (const { name, weight } of datasets)
      if (weight !== undefined && !(weight > 0 && Number.isFinite(weight)))
        throw new RangeError(`dataset "${name}": the weight must be a number above 0, got ${String(weight)}`)
    this.datasets = datasets
    this.sequenceLength = sequenceLength
    this.seed = seed
    this.orders = datasets.map(() => undefined)
    this.ranges = datasets.map(({ sequenceLengths }) => splitRange(sequenceLengths.length, split, part))
    const single = datasets.length === 1 && (weighted === 0 || split === null)
    if (single) {
      this.asked = [samples]
      this.weights = null
      this.samples = this.order(0).length
    } else if (weighted === 0) {
      // One epoch of each, weighted by its number of samples.
      this.asked = datasets.map(() => null)
      const lengths = datasets.map((_, dataset) => this.order(dataset).length)
      this.samples = Math.min(
        samples,
        lengths.reduce((sum, length) => sum + length, 0),
      )
      this.weights = normalizeWeights(lengths)
    } else {
      const weights = normalizeWeights(datasets.map(({ weight }) => weight as number))
      const old = options.surplus === 'until 0.10'
      const targets = weights.map((weight) => Math.ceil(samples * weight))
      const built = weights.map((weight, i) => Math.ceil(old ? samples * weight * 1.005 : targets[i] * (1 + 0.005)))
      this.asked = built
      this.samples = (old ? built : targets).reduce((sum, size) => sum + size, 0)
      this.weights = normalizeWeights(weights)
    }
  }

  /** The sample order of one dataset, shuffled on the first call. */
  order(dataset: number): SampleOrder {
    const known = this.orders[dataset]
    if (known) return known
    const { name, sequenceLengths } = this.datasets[dataset]
    const [begin, end] = this.ranges[dataset]
    try {
      const made = new SampleOrder({
        sequenceLengths,
        begin,
        end,
        sequenceLength: this.sequenceLength,
        samples: this.asked[dataset],
        seed: this.seed,
      })
      this.orders[dataset] = made
      return made
    } catch (error) {
      throw new RangeError(`dataset "${name}": ${(error as Error).message}`, { cause: error })
    }
  }

  /**
   * The samples `from` to `to` - 1. Cheap when continuing where the last call ended; going back restarts the blend.
   * @throws RangeError for samples outside the run
   */
  slice(from: number, to: number): OrderedSample[] {
    if (!(from >= 0 && to >= from && to <= this.samples))
      throw new RangeError(`samples ${from} to ${to - 1} are not within the ${this.samples} of the run`)
    if (this.weights === null) return Array.from({ length: to - from }, (_, i) => ({ dataset: 0, place: from + i }))
    if (this.walk === null || this.walk.place > from) this.walk = new BlendOrder(this.weights)
    const walk = this.walk
    while (walk.place < from) walk.next()
    const found: OrderedSample[] = []
    while (walk.place < to) {
      const dataset = walk.next()
      found.push({ dataset, place: walk.taken[dataset] - 1 })
    }
    return found
  }

  /** The parts of a sample, by sequence of its dataset. */
  parts({ dataset, place }: OrderedSample): SamplePart[] {
    return this.order(dataset).parts(place)
  }

  /** Positions in the run, ascending, at which a sequence of a dataset is read. */
  placesOf(dataset: number, sequence: number): number[] {
    const order = this.order(dataset)
    const samples = order.samplesOf(sequence)
    const places: number[] = []
    order.shuffleOrder.forEach((sample, place) => {
      if (samples.has(sample)) places.push(place)
    })
    if (this.weights === null) return places
    const walk = new BlendOrder(this.weights)
    const found: number[] = []
    let at = 0
    while (at < places.length && walk.place < this.samples) {
      if (walk.next() !== dataset || walk.taken[dataset] - 1 !== places[at]) continue
      found.push(walk.place - 1)
      at++
    }
    return found
  }
}

function integer(name: string, value: number, lower: number, upper: number): void {
  if (!Number.isInteger(value) || value < lower || value > upper)
    throw new RangeError(`${name} must be an integer from ${lower} to ${upper}, got ${String(value)}`)
}
