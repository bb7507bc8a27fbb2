/**
 * Batches out of token files that are never held: windows of the file in an order by seed.
 *
 * The dataset is one stream of tokens, as it lies in .bin. It is cut into windows of sequenceLength + 1 tokens that overlap by one; each epoch reads
 * every window once, in an order that is computed, not stored. Nothing is kept but the dataset's own index and one batch. Documents stay in the order
 * of the file, so mix subsets before (`data mix`, or several datasets by `megatronBatches`).
 */

import { keyedPermutation } from './keyed-permutation.ts'
import { OtherDataError } from './other-data-error.ts'
import { checkInteger } from './token-stream.ts'

/** Tokens by their place in the whole stream. */
export interface TokenReader {
  readonly tokens: number
  /** Fills `into` with the ids from stream position `position` on. */
  readStream(position: number, into: Int32Array): void
}

export interface StreamBatchOptions {
  readonly dataset: TokenReader
  /** Tokens T in a sequence. */
  readonly sequenceLength: number
  /** Sequences B in a batch of one reader. */
  readonly batchSize: number
  /** Default 0. */
  readonly seed?: number
  /** This reader, from 0, and how many share the stream; default the only one. Each window goes to one reader. */
  readonly reader?: { readonly index: number; readonly of: number }
  /** Passes after which it ends (a last, partly filled batch is dropped); default: never. */
  readonly epochs?: number
}

/** Row-major [B, T] token ids; `targets` is `inputs` moved on by one token. */
export interface StreamBatch {
  readonly inputs: Int32Array
  readonly targets: Int32Array
  readonly batchSize: number
  readonly sequenceLength: number
}

/** Where all readers stand, when each has taken as many batches; plain JSON. */
export interface StreamBatchState {
  readonly version: 1
  readonly seed: number
  readonly sequenceLength: number
  /** Tokens of the dataset. */
  readonly tokens: number
  /** Windows taken by all readers together. A state may be restored with another number of readers. */
  readonly consumed: number
}

export class StreamBatches implements IterableIterator<StreamBatch> {
  readonly batchSize: number
  readonly sequenceLength: number
  readonly seed: number
  /** Windows in one pass, of all readers. */
  readonly sequencesPerEpoch: number
  readonly #dataset: TokenReader
  readonly #reader: { readonly index: number; readonly of: number }
  readonly #last: number
  readonly #window: Int32Array
  #consumed = 0
  #epoch = -1
  #order: (place: number) => number = () => 0

  /** @throws RangeError naming the option */
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
    this.#dataset = dataset
    this.sequenceLength = sequenceLength
    this.batchSize = batchSize
    this.seed = seed
    this.#reader = reader
    this.sequencesPerEpoch = Math.floor((dataset.tokens - 1) / sequenceLength)
    if (this.sequencesPerEpoch < 1)
      throw new RangeError(
        `streamBatches: a sequence takes ${sequenceLength + 1} tokens, the dataset has ${dataset.tokens}`,
      )
    this.#last = epochs === undefined ? Number.POSITIVE_INFINITY : epochs * this.sequencesPerEpoch
    this.#window = new Int32Array(sequenceLength + 1)
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<StreamBatch, undefined> {
    const { batchSize, sequenceLength } = this
    const { index, of } = this.#reader
    // All readers end with the same batch.
    if (this.#consumed + batchSize * of > this.#last) return { done: true, value: undefined }
    const inputs = new Int32Array(batchSize * sequenceLength) // [B, T]
    const targets = new Int32Array(batchSize * sequenceLength) // [B, T]
    const window = this.#window
    for (let row = 0; row < batchSize; row++) {
      const place = this.#consumed + row * of + index
      this.#dataset.readStream(this.#windowAt(place) * sequenceLength, window)
      inputs.set(window.subarray(0, sequenceLength), row * sequenceLength)
      targets.set(window.subarray(1), row * sequenceLength)
    }
    this.#consumed += batchSize * of
    return { done: false, value: { inputs, targets, batchSize, sequenceLength } }
  }

  /** Where the next batch starts. */
  state(): StreamBatchState {
    const { seed, sequenceLength } = this
    return { version: 1, seed, sequenceLength, tokens: this.#dataset.tokens, consumed: this.#consumed }
  }

  /** @throws TypeError or RangeError for a state of other data, or none; the iterator then stays put */
  restore(state: StreamBatchState): void {
    if (typeof state !== 'object' || state === null || state.version !== 1)
      throw new TypeError('restore: this is not a state of stream batches (version 1)')
    const own = this.state()
    for (const field of ['seed', 'sequenceLength', 'tokens'] as const)
      if (state[field] !== own[field])
        throw new OtherDataError(`restore: the state has ${field} ${String(state[field])}, here it is ${own[field]}`)
    checkInteger('restore', 'consumed', state.consumed, 0, 2 ** 52)
    this.#consumed = state.consumed
  }

  #windowAt(place: number): number {
    const epoch = Math.floor(place / this.sequencesPerEpoch)
    if (epoch !== this.#epoch) {
      this.#epoch = epoch
      this.#order = keyedPermutation(this.sequencesPerEpoch, this.seed, epoch)
    }
    return this.#order(place - epoch * this.sequencesPerEpoch)
  }
}

/**
 * Batches out of token files of any size.
 * @example
 * using dataset = await openIndexedDataset('corpus_text_document')
 * const data = streamBatches({ dataset, sequenceLength: 16, batchSize: 2, seed: 1 })
 * data.next().value.inputs.length // 32
 */
export function streamBatches(options: StreamBatchOptions): StreamBatches {
  return new StreamBatches(options)
}
