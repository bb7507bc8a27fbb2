/**
 * The samples that `--dataloader-type cyclic` takes: every epoch in a random order of its own, by torch.randperm.
 * @see Megatron-LM megatron/training/datasets/data_samplers.py (MegatronPretrainingRandomSampler)
 */
import { RandomState } from './numpy-random.ts'

export interface RandomOrderOptions {
  /** Samples of the dataset. */
  readonly total: number
  readonly microBatchSize: number
  readonly dataParallel: number
  /** Each rank draws from a part of its own, Megatron-LM's default; false as with `--no-data-sharding`. */
  readonly dataSharding: boolean
}

/** Up to here torch draws 32 bits a number. */
const mostSamples = Math.floor((2 ** 32 - 1) / 20) - 1

/** `torch.randperm(count, generator=torch.Generator().manual_seed(seed))` on a processor. */
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

/** Which sample stands at each place of the run: ranks side by side in each micro batch. One epoch's order is kept, 4 bytes a sample. */
export class RandomOrder {
  readonly #options: RandomOrderOptions
  /** Micro batch x data parallel: what is taken at a time. */
  readonly #block: number
  /** Samples of an epoch; the rest of the dataset, less than a block, is not read in it. */
  readonly perEpoch: number
  #epoch = -1
  #order: Uint32Array = new Uint32Array(0)

  /** @throws RangeError for sizes that do not fit */
  constructor(options: RandomOrderOptions) {
    const { total, microBatchSize, dataParallel } = options
    this.#options = options
    this.#block = microBatchSize * dataParallel
    if (!Number.isInteger(this.#block) || this.#block < 1)
      throw new RangeError(
        `cyclic: micro batch and data-parallel size must be integers of at least 1, got ${microBatchSize} and ${dataParallel}`,
      )
    this.perEpoch = total - (total % this.#block)
    if (this.perEpoch === 0)
      throw new RangeError(`cyclic: ${total} samples are less than a micro batch of every rank, ${this.#block}`)
    if (total > mostSamples)
      throw new RangeError(`cyclic: ${total} samples are more than the ${mostSamples} whose order is rebuilt`)
  }

  /** The sample of the dataset at a place of the run. */
  sampleAt(place: number): number {
    const { total, microBatchSize, dataParallel, dataSharding } = this.#options
    const begin = place - (place % this.#block)
    const rank = Math.floor((place - begin) / microBatchSize)
    const within = (place - begin) % microBatchSize
    const epoch = Math.floor(begin / this.perEpoch)
    const taken = begin % this.perEpoch
    const bucket = this.perEpoch / dataParallel
    if (epoch !== this.#epoch) {
      this.#order = torchPermutation(dataSharding ? bucket : total - (total % microBatchSize), epoch)
      this.#epoch = epoch
    }
    return dataSharding
      ? rank * bucket + this.#order[taken / dataParallel + within]
      : this.#order[taken + within * dataParallel + rank]
  }
}
