/**
 * Batches of whole documents for fine-tuning: packed best fit first, each seeing itself alone, with loss where a mask says so; resumable.
 *
 * The packing is made once; each epoch shuffles the sequences. Batches run across the borders of epochs.
 */

import { permutation, randomIntegers } from '../random.ts'
import type { Batch } from './batches.ts'
import { type PackedDocuments, packBestFit } from './best-fit.ts'
import { OtherDataError } from './other-data-error.ts'
import { checkInteger, type TokenDocument } from './token-stream.ts'

/** A document and which of its tokens are learnt. */
export interface MaskedDocument {
  readonly ids: TokenDocument
  /** 1 (or true) for tokens that are targets: an answer, not its question. */
  readonly mask: ArrayLike<number | boolean>
}

/** What becomes of documents longer than a sequence. */
export type TooLong = 'truncate' | 'drop' | 'refuse'

export interface FittedDocuments {
  readonly documents: readonly MaskedDocument[]
  /** Documents whose ends were cut. */
  readonly truncated: number
  /** Documents left out, since they were too long or nothing of them would be learnt. */
  readonly dropped: number
}

/**
 * Makes documents fit into a sequence, and leaves out those of which nothing would be learnt.
 * @param tooLong `truncate` cuts their ends (default of the command line), `drop` leaves them out, `refuse` throws
 * @throws RangeError naming the document that is too long
 * @example
 * const long = { ids: [1, 2, 3, 4, 5, 6], mask: [0, 0, 1, 1, 1, 1] } // a question of two tokens, an answer of four
 * fitDocuments([long], 4, 'truncate').documents.length // 1
 * fitDocuments([long], 4, 'drop').documents.length // 0
 */
export function fitDocuments(
  documents: readonly MaskedDocument[],
  sequenceLength: number,
  tooLong: TooLong,
  nameOf: (document: number) => string = (i) => `document ${i}`,
): FittedDocuments {
  checkInteger('fitDocuments', 'sequenceLength', sequenceLength, 2, 2 ** 24)
  let truncated = 0
  const fitted: MaskedDocument[] = []
  documents.forEach((document, i) => {
    const { ids, mask } = document
    if (ids.length !== mask.length)
      throw new RangeError(`fitDocuments: ${nameOf(i)} has ${ids.length} tokens, but a mask of ${mask.length}`)
    const over = ids.length > sequenceLength
    if (over && tooLong === 'refuse')
      throw new RangeError(
        `${nameOf(i)} has ${ids.length} tokens, a sequence holds ${sequenceLength}; give a larger sequence length, or let it be cut or left out`,
      )
    if (over && tooLong === 'drop') return
    const cut = over
      ? {
          ids: Array.prototype.slice.call(ids, 0, sequenceLength),
          mask: Array.prototype.slice.call(mask, 0, sequenceLength),
        }
      : document
    // The first token has nothing before it.
    let learnt = false
    for (let k = 1; k < cut.mask.length && !learnt; k++) learnt = Boolean(cut.mask[k])
    if (!learnt) return
    if (over) truncated++
    fitted.push(cut)
  })
  return { documents: fitted, truncated, dropped: documents.length - fitted.length }
}

export interface PackedBatchOptions {
  readonly documents: readonly MaskedDocument[]
  /** Tokens T in a sequence. */
  readonly sequenceLength: number
  /** Sequences B in a batch. */
  readonly batchSize: number
  /** What padding holds as input; default 0. */
  readonly padId?: number
  /** Decides the order of sequences. Default 0. */
  readonly seed?: number
}

/** Row-major [B, T]; a target of -1 is not learnt. */
export interface PackedBatch extends Batch {
  /** Number of the document in its sequence, 0 for padding: attention stays within equal numbers. */
  readonly documents: Int32Array
}

/** Where an iterator stands; plain JSON. */
export interface PackedBatchState {
  readonly version: 1
  readonly kind: 'packed'
  /** Hash of what is packed and how. */
  readonly fingerprint: string
  readonly seed: number
  readonly epoch: number
  /** Sequences already taken in this pass. */
  readonly sequence: number
}

/** An endless iterator of batches; made by `packedBatches`. */
export class PackedBatchIterator implements IterableIterator<PackedBatch> {
  readonly batchSize: number
  readonly sequenceLength: number
  readonly seed: number
  /** Sequences in one pass. */
  readonly sequencesPerEpoch: number
  /** Targets that are learnt in one pass. */
  readonly targetsPerEpoch: number
  /** Part of all positions that is padding, 0 to 1. */
  readonly padding: number
  readonly #packed: PackedDocuments
  readonly #fingerprint: string
  #epoch = 0
  #sequence = 0
  #planned = -1
  #order = new Uint32Array(0)

  /** @internal use `packedBatches` */
  constructor({ documents, sequenceLength, batchSize, padId = 0, seed = 0 }: PackedBatchOptions) {
    checkInteger('packedBatches', 'batchSize', batchSize, 1, 2 ** 20)
    checkInteger('packedBatches', 'seed', seed, 0, 2 ** 32 - 1)
    const ids = documents.map((document) => document.ids)
    const masks = documents.map(({ mask }) => mask)
    this.#packed = packBestFit(ids, sequenceLength, { padId, masks })
    if (this.#packed.cut > 0)
      throw new RangeError(
        `packedBatches: ${this.#packed.cut} documents are longer than the sequence of ${sequenceLength}; make them fit by fitDocuments`,
      )
    this.batchSize = batchSize
    this.sequenceLength = sequenceLength
    this.seed = seed
    this.sequencesPerEpoch = this.#packed.sequences
    this.padding = this.#packed.padding
    this.targetsPerEpoch = this.#packed.targets.reduce((count, target) => count + (target >= 0 ? 1 : 0), 0)
    if (this.targetsPerEpoch === 0) throw new RangeError('packedBatches: no token is a target; the masks are all 0')
    this.#fingerprint = fingerprint(this.#packed)
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<PackedBatch, undefined> {
    const { batchSize, sequenceLength } = this
    const make = () => new Int32Array(batchSize * sequenceLength) // [B, T]
    const [inputs, targets, documents] = [make(), make(), make()]
    for (let row = 0; row < batchSize; row++) {
      if (this.#planned !== this.#epoch) {
        this.#order = permutation(this.sequencesPerEpoch, randomIntegers(this.seed, this.#epoch, 4))
        this.#planned = this.#epoch
      }
      const from = this.#order[this.#sequence] * sequenceLength
      const part = (all: Int32Array) => all.subarray(from, from + sequenceLength)
      inputs.set(part(this.#packed.inputs), row * sequenceLength)
      targets.set(part(this.#packed.targets), row * sequenceLength)
      documents.set(part(this.#packed.segments), row * sequenceLength)
      if (++this.#sequence === this.sequencesPerEpoch) {
        this.#sequence = 0
        this.#epoch++
      }
    }
    return { done: false, value: { inputs, targets, documents, batchSize, sequenceLength } }
  }

  /** Where the next batch starts; keep it beside a checkpoint. */
  state(): PackedBatchState {
    return {
      version: 1,
      kind: 'packed',
      fingerprint: this.#fingerprint,
      seed: this.seed,
      epoch: this.#epoch,
      sequence: this.#sequence,
    }
  }

  /**
   * Goes to where `state` was taken. The batch size may differ.
   * @throws TypeError or RangeError for a state of other documents, another seed, or none at all; the iterator then stays put
   */
  restore(state: PackedBatchState): void {
    if (typeof state !== 'object' || state === null || state.version !== 1 || state.kind !== 'packed')
      throw new TypeError('restore: this is not a state of packed batches (version 1)')
    if (state.fingerprint !== this.#fingerprint)
      throw new OtherDataError(
        'restore: the state is of other documents, masks or sequenceLength; give the ones it was taken with',
      )
    if (state.seed !== this.seed)
      throw new RangeError(`restore: the state is of seed ${String(state.seed)}, the iterator has seed ${this.seed}`)
    checkInteger('restore', 'epoch', state.epoch, 0, 2 ** 31 - 1)
    checkInteger('restore', 'sequence', state.sequence, 0, this.sequencesPerEpoch - 1)
    this.#epoch = state.epoch
    this.#sequence = state.sequence
  }
}

/** 64 bits of FNV-1a over everything that is packed. */
function fingerprint({ inputs, targets, segments, sequenceLength }: PackedDocuments): string {
  let a = 0x811c9dc5
  let b = 0x01000193 ^ sequenceLength
  for (let i = 0; i < inputs.length; i++) {
    a = Math.imul(Math.imul(a ^ inputs[i], 0x01000193) ^ segments[i], 0x01000193)
    b = Math.imul(b ^ (targets[i] + 0x9e37), 0x85ebca6b)
    b ^= b >>> 15
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
}

/**
 * Batches of whole documents, without end.
 * @throws RangeError for options out of bounds, documents longer than a sequence, or masks without a target
 * @example
 * const fitted = fitDocuments(conversations, 16, 'truncate')
 * const data = packedBatches({ documents: fitted.documents, sequenceLength: 16, batchSize: 2, seed: 1 })
 * data.next().value.inputs.length // 32
 */
export function packedBatches(options: PackedBatchOptions): PackedBatchIterator {
  return new PackedBatchIterator(options)
}
