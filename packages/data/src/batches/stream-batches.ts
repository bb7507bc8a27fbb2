/**
 * Batches from token files of any size: windows of the file in a pseudo-random order, in constant memory.
 *
 * The dataset is one stream of tokens in the order of .bin. It is cut into windows of sequenceLength + 1 tokens that
 * overlap by one; each epoch reads every window once, in an order that is computed, not stored. Only the dataset's
 * index and one batch are in memory. Documents keep the order of the file, so mix subsets beforehand (`kumiki data
 * mix`, or several datasets by `megatronBatches`).
 */

import { DataMismatchError } from './data-mismatch-error.ts'
import { keyedPermutation } from './keyed-permutation.ts'
import { checkInteger } from './token-stream.ts'

/** Random access to a stream of tokens. */
export interface TokenReader {
  /** Length of the stream. */
  readonly tokens: number
  /** Fills `into` with the ids from `position` on. */
  readStream(position: number, into: Int32Array): void
}

export interface StreamBatchOptions {
  readonly dataset: TokenReader
  /** Tokens T per sequence. */
  readonly sequenceLength: number
  /** Sequences B per batch of one reader. */
  readonly batchSize: number
  /** Default 0. */
  readonly seed?: number
  /** Index of this reader and number of readers (data-parallel ranks) that share the stream; default 0 of 1. */
  readonly reader?: { readonly index: number; readonly of: number }
  /** Passes after which the iterator ends (a last, partly filled batch is dropped); default: never. */
  readonly epochs?: number
}

/** Row-major [B, T] token ids; `targets` is `inputs` shifted by one token. */
export interface StreamBatch {
  readonly inputs: Int32Array
  readonly targets: Int32Array
  readonly batchSize: number
  readonly sequenceLength: number
}

/** The common position of all readers after the same number of batches; plain JSON. */
export interface StreamBatchState {
  readonly version: 1
  readonly seed: number
  readonly sequenceLength: number
  /** Number of tokens of the dataset. */
  readonly tokens: number
  /** Windows consumed by all readers together. A state may be restored with another number of readers. */
  readonly consumed: number
}

/** An iterator of batches; created by `streamBatches`. */
export class StreamBatches implements IterableIterator<StreamBatch> {
  readonly batchSize: number
  readonly sequenceLength: number
  readonly seed: number
  /** Windows per pass, of all readers together. */
  readonly sequencesPerEpoch: number
  private readonly dataset: TokenReader
  private readonly reader: { readonly index: number; readonly of: number }
  private readonly last: number
  private readonly window: Int32Array
  private consumed = 0
  private epoch = -1
  private order: (place: number) => number = () => 0

  /** @throws RangeError that names the option */
  constructor(options: StreamBatchOptions) {
    const { dataset, sequenceLength, batchSize, seed = 0, reader = { index: 0, of: 1 }, epochs } = options
    checkInteger('streamBatches', 'sequenceLength', sequenceLength, 1, 2 ** 24)
    checkInteger('streamBatches', 'batchSize', batchSize, 1, 2 ** 20)
    checkInteger('streamBatches', 'seed', seed, 0, 2 ** 32 - 1)
    checkInteger('streamBatches', 'reader.of', reader.of, 1, 2 ** 20)
    checkInteger('streamBatches', 'reader.index', reader.index, 0, reader.of - 1)
    if (epochs !== undefined) checkInteger('streamBatches', 'epochs', epochs, 1, 2 ** 31 - 1)
    if (sequenceLength * batchSize > 2 ** 28)
      throw new RangeError(
        `streamBatches: sequenceLength x batchSize must be at most 2^28, got ${sequenceLength} x ${batchSize}`,
      )
    this.dataset = dataset
    this.sequenceLength = sequenceLength
    this.batchSize = batchSize
    this.seed = seed
    this.reader = reader
    this.sequencesPerEpoch = Math.floor((dataset.tokens - 1) / sequenceLength)
    if (this.sequencesPerEpoch < 1)
      throw new RangeError(
        `streamBatches: a sequence takes ${sequenceLength + 1} tokens, the dataset has ${dataset.tokens}`,
      )
    this.last = epochs === undefined ? Number.POSITIVE_INFINITY : epochs * this.sequencesPerEpoch
    this.window = new Int32Array(sequenceLength + 1)
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<StreamBatch, undefined> {
    const { batchSize, sequenceLength } = this
    const { index, of } = this.reader
    // All readers end after the same number of batches.
    if (this.consumed + batchSize * of > this.last) return { done: true, value: undefined }
    const inputs = new Int32Array(batchSize * sequenceLength) // [B, T]
    const targets = new Int32Array(batchSize * sequenceLength) // [B, T]
    const window = this.window
    for (let row = 0; row < batchSize; row++) {
      const place = this.consumed + row * of + index
      this.dataset.readStream(this.windowAt(place) * sequenceLength, window)
      inputs.set(window.subarray(0, sequenceLength), row * sequenceLength)
      targets.set(window.subarray(1), row * sequenceLength)
    }
    this.consumed += batchSize * of
    return { done: false, value: { inputs, targets, batchSize, sequenceLength } }
  }

  /** The position of the next batch, to be saved with a checkpoint. */
  state(): StreamBatchState {
    const { seed, sequenceLength } = this
    return { version: 1, seed, sequenceLength, tokens: this.dataset.tokens, consumed: this.consumed }
  }

  /**
   * Restores the position of a state.
   * @throws TypeError for an invalid state, DataMismatchError for one of other data; the position does not change then
   */
  restore(state: StreamBatchState): void {
    if (typeof state !== 'object' || state === null || state.version !== 1)
      throw new TypeError('restore: the state is not one of StreamBatches.state() (version 1)')
    const own = this.state()
    for (const field of ['seed', 'sequenceLength', 'tokens'] as const)
      if (state[field] !== own[field])
        throw new DataMismatchError(`restore: the state has ${field} ${String(state[field])}, here it is ${own[field]}`)
    checkInteger('restore', 'consumed', state.consumed, 0, 2 ** 52)
    this.consumed = state.consumed
  }

  private windowAt(place: number): number {
    const epoch = Math.floor(place / this.sequencesPerEpoch)
    if (epoch !== this.epoch) {
      this.epoch = epoch
      this.order = keyedPermutation(this.sequencesPerEpoch, this.seed, epoch)
    }
    return this.order(place - epoch * this.sequencesPerEpoch)
  }
}

/**
 * Iterates over batches from token files of any size.
 * @throws RangeError for an option out of bounds, or a dataset shorter than one sequence
 * @example
 * using dataset = await openIndexedDataset('corpus_text_document')
 * const data = streamBatches({ dataset, sequenceLength: 16, batchSize: 2, seed: 1 })
 * data.next().value.inputs.length // 32
 */
export function streamBatches(options: StreamBatchOptions): StreamBatches {
  return new StreamBatches(options)
}
