/** Batches in the order of a Megatron-LM run (GPTDataset and BlendedDataset). */
import { DataMismatchError } from '../batches/data-mismatch-error.ts'
import { type OrderedDataset, TrainingOrder, type TrainingOrderOptions } from './training-order.ts'

/** A dataset with access to its ids. */
export interface ReadableDataset extends OrderedDataset {
  /** Reads `length` ids of a sequence from `offset` on. */
  sequence(sequence: number, offset: number, length: number): Int32Array
  /** Reads into an existing array; preferred over `sequence` where present. */
  readSequence?(sequence: number, offset: number, into: Int32Array): void
}

export interface MegatronBatchesOptions extends Omit<TrainingOrderOptions, 'datasets'> {
  readonly datasets: readonly ReadableDataset[]
  /** Sequences B per batch, `--global-batch-size`. */
  readonly batchSize: number
  /** End-of-document id; required for the two options below. */
  readonly eodId?: number
  /** `--reset-position-ids`: positions restart after `eodId`. */
  readonly resetPositions?: boolean
  /** `--eod-mask-loss`: no loss on the token after `eodId`. */
  readonly maskEodLoss?: boolean
}

/** Row-major [B, S]. A target of -1 is ignored. */
export interface MegatronBatch {
  readonly inputs: Int32Array
  readonly targets: Int32Array
  /** Without `resetPositions` the same array in every batch; do not modify it. */
  readonly positions: Int32Array
  readonly batchSize: number
  readonly sequenceLength: number
}

/** The position of an iterator; plain JSON. */
export interface MegatronBatchState {
  readonly version: 1
  /** Samples consumed: Megatron-LM's `consumed_train_samples`. */
  readonly consumedSamples: number
  /** The settings that determine the order, as JSON. */
  readonly order: string
}

/** An iterator of batches in Megatron-LM's order; created by `megatronBatches`. */
export class MegatronBatches implements IterableIterator<MegatronBatch> {
  readonly batchSize: number
  readonly sequenceLength: number
  readonly order: TrainingOrder
  private readonly options: MegatronBatchesOptions
  private readonly key: string
  /** Positions 0, 1, 2, ... in every row. */
  private readonly counted: Int32Array
  /** Buffer for the S + 1 ids of a sample. */
  private readonly text: Int32Array
  private consumed = 0

  /** @throws RangeError or TypeError that names the option */
  constructor(options: MegatronBatchesOptions) {
    const { batchSize, eodId, resetPositions, maskEodLoss, ...order } = options
    if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize * options.sequenceLength > 2 ** 28)
      throw new RangeError(`batchSize must be at least 1, and x sequenceLength at most 2^28, got ${batchSize}`)
    if ((resetPositions || maskEodLoss) && !Number.isInteger(eodId))
      throw new TypeError('resetPositions and maskEodLoss need eodId, the id that ends documents')
    this.order = new TrainingOrder(order)
    this.batchSize = batchSize
    this.sequenceLength = options.sequenceLength
    this.options = options
    const size = resetPositions ? 0 : batchSize * options.sequenceLength
    this.counted = Int32Array.from({ length: size }, (_, i) => i % options.sequenceLength)
    this.text = new Int32Array(options.sequenceLength + 1)
    const { sequenceLength, samples, seed = 1234, split = '969,30,1', part = 'train', surplus = 'from 0.11' } = order
    const data = order.datasets.map(({ name, weight = 0, sequenceLengths }) => [name, weight, sequenceLengths.length])
    this.key = JSON.stringify([sequenceLength, samples, seed, split, part, surplus, data])
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<MegatronBatch, undefined> {
    const { batchSize, sequenceLength } = this
    const { datasets, eodId, resetPositions, maskEodLoss } = this.options
    if (this.consumed + batchSize > this.order.samples) return { done: true, value: undefined }
    const inputs = new Int32Array(batchSize * sequenceLength)
    const targets = new Int32Array(batchSize * sequenceLength)
    const positions = resetPositions ? new Int32Array(batchSize * sequenceLength) : this.counted
    const text = this.text
    this.order.slice(this.consumed, this.consumed + batchSize).forEach((sample, row) => {
      let filled = 0
      for (const { sequence, offset, length } of this.order.parts(sample)) {
        const dataset = datasets[sample.dataset]
        if (dataset.readSequence) dataset.readSequence(sequence, offset, text.subarray(filled, filled + length))
        else text.set(dataset.sequence(sequence, offset, length), filled)
        filled += length
      }
      const at = row * sequenceLength
      inputs.set(text.subarray(0, sequenceLength), at)
      targets.set(text.subarray(1), at)
      if (maskEodLoss) for (let i = 0; i < sequenceLength; i++) if (text[i] === eodId) targets[at + i] = -1
      if (resetPositions)
        for (let i = 0, position = 0; i < sequenceLength; i++, position++) {
          positions[at + i] = position
          if (text[i] === eodId) position = -1
        }
    })
    this.consumed += batchSize
    return { done: false, value: { inputs, targets, positions, batchSize, sequenceLength } }
  }

  /** The position of the next batch, to be saved with a checkpoint. */
  state(): MegatronBatchState {
    return { version: 1, consumedSamples: this.consumed, order: this.key }
  }

  /**
   * Restores the position of a state.
   * @throws TypeError for an invalid state, DataMismatchError for one of another order, RangeError for a position out
   *   of range; the position does not change then
   */
  restore(state: MegatronBatchState): void {
    if (typeof state !== 'object' || state === null || state.version !== 1)
      throw new TypeError('restore: the state is not one of MegatronBatches.state() (version 1)')
    if (state.order !== this.key)
      throw new DataMismatchError('restore: the state is of other datasets, weights, seed, split or lengths')
    const { consumedSamples } = state
    if (!Number.isInteger(consumedSamples) || consumedSamples < 0 || consumedSamples > this.order.samples)
      throw new RangeError(`restore: consumedSamples must be from 0 to ${this.order.samples}, got ${consumedSamples}`)
    this.consumed = consumedSamples
  }
}

/**
 * Iterates over batches in Megatron-LM's order.
 * @throws RangeError or TypeError that names the option
 * @example
 * using data = await openIndexedDataset('corpus_text_document')
 * const datasets = [{ name: 'corpus', ...data }]
 * const source = megatronBatches({ datasets, sequenceLength: 16, batchSize: 2, samples: 2 * 3 })
 * source.next().value.inputs.length // 32
 */
export function megatronBatches(options: MegatronBatchesOptions): MegatronBatches {
  return new MegatronBatches(options)
}
