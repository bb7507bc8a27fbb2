/**
 * Resumable batches for next-token training: documents joined with eos, shuffled per epoch, cut into sequences.
 *
 * Each epoch shuffles the documents, joins them, and cuts the stream into windows of sequenceLength + 1 tokens that
 * overlap by one, so that every token is a target once (as in Megatron-LM's GPTDataset); then the windows are
 * shuffled too. The tail that does not fill a window is dropped in this epoch. Batches may span epochs.
 * Attention is not masked between the documents of a window, as in LLM-jp's training.
 */

import { checkOptions } from '../check-argument.ts'
import { permutation, randomIntegers } from '../random.ts'
import { DataMismatchError } from './data-mismatch-error.ts'
import { checkInteger, joinDocuments, type TokenDocument, type TokenStream } from './token-stream.ts'

export interface BatchOptions {
  readonly documents: readonly TokenDocument[]
  /** Tokens T per sequence. */
  readonly sequenceLength: number
  /** Sequences B per batch. */
  readonly batchSize: number
  /** Appended to every document that does not end with it. */
  readonly eosId: number
  /** Larger or equal ids are errors; default: no check. */
  readonly vocabSize?: number
  /** Default 0. */
  readonly seed?: number
  /**
   * Passes over the documents after which the iterator ends (a last, partly filled batch is dropped); default: never.
   */
  readonly epochs?: number
}

/** Row-major [B, T] token ids; `targets` is `inputs` shifted by one token. */
export interface Batch {
  readonly inputs: Int32Array
  readonly targets: Int32Array
  readonly batchSize: number
  readonly sequenceLength: number
}

/** The position of an iterator; plain JSON. */
export interface BatchState {
  readonly version: 1
  /** Hash of documents, eosId and sequenceLength: a state can be restored only on the same data. */
  readonly fingerprint: string
  readonly seed: number
  /** Completed passes. */
  readonly epoch: number
  /** Sequences consumed in the current pass. */
  readonly sequence: number
}

/** An infinite iterator of batches, unless `epochs` limits it; created by `batches`. */
export class BatchIterator implements IterableIterator<Batch> {
  readonly batchSize: number
  readonly sequenceLength: number
  readonly seed: number
  /** Tokens per pass, including eos. */
  readonly tokensPerEpoch: number
  /** Windows per pass. */
  readonly sequencesPerEpoch: number
  private readonly stream: TokenStream
  private readonly epochs: number
  private readonly fingerprint: string
  private epoch = 0
  private sequence = 0
  private planned = -1
  private documentOrder = new Uint32Array(0)
  /** First position of each document in the shuffled stream, and the end. */
  private starts = new Float64Array(0)
  private windowOrder = new Uint32Array(0)

  /** @internal use `batches` */
  constructor(options: BatchOptions) {
    checkOptions('batches', options, 'documents, sequenceLength, batchSize and eosId')
    const { sequenceLength, batchSize, eosId, seed = 0, epochs = Number.POSITIVE_INFINITY } = options
    checkInteger('batches', 'sequenceLength', sequenceLength, 1, 2 ** 24)
    checkInteger('batches', 'batchSize', batchSize, 1, 2 ** 20)
    checkInteger('batches', 'seed', seed, 0, 2 ** 32 - 1)
    if (epochs !== Number.POSITIVE_INFINITY) checkInteger('batches', 'epochs', epochs, 1, 2 ** 31 - 1)
    if (sequenceLength * batchSize > 2 ** 28) {
      throw new RangeError(
        `batches: sequenceLength x batchSize must be at most 2^28, got ${sequenceLength} x ${batchSize}`,
      )
    }
    this.stream = joinDocuments('batches', options.documents, eosId, options.vocabSize)
    this.sequenceLength = sequenceLength
    this.batchSize = batchSize
    this.seed = seed
    this.epochs = epochs
    this.tokensPerEpoch = this.stream.tokens.length
    this.sequencesPerEpoch = Math.floor((this.tokensPerEpoch - 1) / sequenceLength)
    if (this.sequencesPerEpoch < 1) {
      throw new RangeError(
        `batches: a sequence takes sequenceLength + 1 = ${sequenceLength + 1} tokens, but the documents hold ${this.tokensPerEpoch} (with eos); give more text or a smaller sequenceLength`,
      )
    }
    this.fingerprint = fingerprint(this.stream, sequenceLength)
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<Batch, undefined> {
    const { batchSize, sequenceLength } = this
    const remaining = (this.epochs - this.epoch) * this.sequencesPerEpoch - this.sequence
    if (remaining < batchSize) return { done: true, value: undefined }
    const inputs = new Int32Array(batchSize * sequenceLength) // [B, T]
    const targets = new Int32Array(batchSize * sequenceLength) // [B, T]
    const window = new Int32Array(sequenceLength + 1)
    for (let row = 0; row < batchSize; row++) {
      this.takeWindow(window)
      inputs.set(window.subarray(0, sequenceLength), row * sequenceLength)
      targets.set(window.subarray(1), row * sequenceLength)
    }
    return { done: false, value: { inputs, targets, batchSize, sequenceLength } }
  }

  /** The position of the next batch, to be saved with a checkpoint. */
  state(): BatchState {
    return {
      version: 1,
      fingerprint: this.fingerprint,
      seed: this.seed,
      epoch: this.epoch,
      sequence: this.sequence,
    }
  }

  /**
   * Restores the position of a state: the batches from here on are those that followed it. The batch size may differ.
   * @throws TypeError for an invalid state, DataMismatchError for one of other data, RangeError for another seed; the
   *   position does not change then
   */
  restore(state: BatchState): void {
    if (typeof state !== 'object' || state === null || state.version !== 1) {
      throw new TypeError('restore: the state is not one of BatchIterator.state() (version 1)')
    }
    if (state.fingerprint !== this.fingerprint) {
      throw new DataMismatchError(
        `restore: the state is of other documents, eosId or sequenceLength (fingerprint ${String(state.fingerprint).slice(0, 32)}, here ${this.fingerprint}); give the ones it was taken with`,
      )
    }
    if (state.seed !== this.seed) {
      throw new RangeError(`restore: the state is of seed ${String(state.seed)}, the iterator has seed ${this.seed}`)
    }
    checkInteger('restore', 'epoch', state.epoch, 0, 2 ** 31 - 1)
    checkInteger('restore', 'sequence', state.sequence, 0, this.sequencesPerEpoch - 1)
    this.epoch = state.epoch
    this.sequence = state.sequence
  }

  private takeWindow(window: Int32Array): void {
    if (this.planned !== this.epoch) this.plan()
    const { tokens, offsets } = this.stream
    const begin = this.windowOrder[this.sequence] * this.sequenceLength
    let place = this.documentAt(begin)
    let filled = 0
    while (filled < window.length) {
      const document = this.documentOrder[place]
      const from = offsets[document] + (begin + filled - this.starts[place])
      const part = tokens.subarray(from, Math.min(offsets[document + 1], from + window.length - filled))
      window.set(part, filled)
      filled += part.length
      place++
    }
    if (++this.sequence === this.sequencesPerEpoch) {
      this.sequence = 0
      this.epoch++
    }
  }

  /** Shuffles documents and windows for the current epoch. */
  private plan(): void {
    const { offsets } = this.stream
    const count = offsets.length - 1
    this.documentOrder = permutation(count, randomIntegers(this.seed, this.epoch, 2))
    this.starts = new Float64Array(count + 1)
    for (let place = 0; place < count; place++) {
      const document = this.documentOrder[place]
      this.starts[place + 1] = this.starts[place] + offsets[document + 1] - offsets[document]
    }
    this.windowOrder = permutation(this.sequencesPerEpoch, randomIntegers(this.seed, this.epoch, 3))
    this.planned = this.epoch
  }

  /** Index in the shuffled order of the document that contains stream position `position`. */
  private documentAt(position: number): number {
    let low = 0
    let high = this.starts.length - 2
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.starts[middle] <= position) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** A 64-bit hash of ids and document borders: two 32-bit hashes in the manner of FNV-1a. */
function fingerprint({ tokens, offsets }: TokenStream, sequenceLength: number): string {
  let a = 0x811c9dc5
  let b = 0x01000193 ^ sequenceLength
  for (const token of tokens) {
    a = Math.imul(a ^ token, 0x01000193)
    b = Math.imul(b ^ (token + 0x9e37), 0x85ebca6b)
    b ^= b >>> 15
  }
  for (const offset of offsets) a = Math.imul(a ^ (offset | 0), 0x01000193)
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
}

/**
 * Iterates over batches of documents, infinitely unless `epochs` is given.
 * @throws RangeError for an option out of bounds, an invalid id, or too few tokens for one sequence
 * @example
 * const data = batches({ documents, sequenceLength: 16, batchSize: 2, eosId: 2, seed: 1 })
 * const { inputs, targets } = data.next().value // [2 * 16] each
 * const saved = data.state() // small JSON; data.restore(saved) resumes from here
 * console.log(inputs.length, targets.length) // 32 32
 */
export function batches(options: BatchOptions): BatchIterator {
  return new BatchIterator(options)
}
