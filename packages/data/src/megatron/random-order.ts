/**
 * The sample order of `--dataloader-type cyclic`: a new random permutation for every epoch, by torch.randperm.
 * @see Megatron-LM megatron/training/datasets/data_samplers.py (MegatronPretrainingRandomSampler)
 */
import { RandomState } from './numpy-random.ts'

export interface RandomOrderOptions {
  /** Number of samples of the dataset. */
  readonly total: number
  readonly microBatchSize: number
  readonly dataParallel: number
  /** Each rank draws from its own part of the dataset, Megatron-LM's default; false for `--no-data-sharding`. */
  readonly dataSharding: boolean
}

/** Up to this number of samples, torch.randperm uses 32-bit draws, which are reproduced here. */
const mostSamples = Math.floor((2 ** 32 - 1) / 20) - 1

/** `torch.randperm(count, generator=torch.Generator().manual_seed(seed))` on the CPU. */
export function torchPermutation(count: number, seed: number): Uint32Array {
  const random = new RandomState(seed)
  const order = new Uint32Array(count)
  for (let i = 0; i < count; i++) order[i] = i
  for (let i = 0; i < count - 1; i++) {
    const other = i + (random.next() % (count - i))
    const moved = order[i]
    order[i] = order[other]
    order[other] = moved
  }
  return order
}

/**
 * The sample at each position of the run, ranks side by side in each micro batch. Caches the order of one epoch, 4
 * bytes per sample.
 */
export class RandomOrder {
  private readonly options: RandomOrderOptions
  /** Samples read at a time: micro batch size x data-parallel size. */
  private readonly block: number
  /** Samples per epoch, a multiple of a block; the remaining samples are not read in that epoch. */
  readonly perEpoch: number
  private epoch = -1
  private order: Uint32Array = new Uint32Array(0)

  /** @throws RangeError for invalid sizes, or a dataset that is too small or too large */
  constructor(options: RandomOrderOptions) {
    const { total, microBatchSize, dataParallel } = options
    this.options = options
    this.block = microBatchSize * dataParallel
    if (!Number.isInteger(this.block) || this.block < 1)
      throw new RangeError(
        `cyclic: micro batch and data-parallel size must be integers of at least 1, got ${microBatchSize} and ${dataParallel}`,
      )
    this.perEpoch = total - (total % this.block)
    if (this.perEpoch === 0)
      throw new RangeError(`cyclic: ${total} samples are fewer than one micro batch of every rank (${this.block})`)
    if (total > mostSamples)
      throw new RangeError(`cyclic: ${total} samples; the order of at most ${mostSamples} can be reproduced`)
  }

  /** The dataset's sample at a position of the run. */
  sampleAt(place: number): number {
    const { total, microBatchSize, dataParallel, dataSharding } = this.options
    const begin = place - (place % this.block)
    const rank = Math.floor((place - begin) / microBatchSize)
    const within = (place - begin) % microBatchSize
    const epoch = Math.floor(begin / this.perEpoch)
    const taken = begin % this.perEpoch
    const bucket = this.perEpoch / dataParallel
    if (epoch !== this.epoch) {
      this.order = torchPermutation(dataSharding ? bucket : total - (total % microBatchSize), epoch)
      this.epoch = epoch
    }
    return dataSharding
      ? rank * bucket + this.order[taken / dataParallel + within]
      : this.order[taken + within * dataParallel + rank]
  }
}
