/**
 * Resumable batches of whole documents for fine-tuning: packed by best fit, attention within each document, loss by
 * mask.
 *
 * Documents are packed once; each epoch shuffles the sequences. Batches may span epochs.
 */

import { checkList, checkOptions } from '../check-argument.ts'
import { permutation, randomIntegers } from '../random.ts'
import type { Batch } from './batches.ts'
import { type PackedDocuments, packBestFit } from './best-fit.ts'
import { DataMismatchError } from './data-mismatch-error.ts'
import { checkInteger, type TokenDocument } from './token-stream.ts'

/** A document with its loss mask. */
export interface MaskedDocument {
  readonly ids: TokenDocument
  /** 1 (or true) for tokens that are targets: answers, not prompts. */
  readonly mask: ArrayLike<number | boolean>
}

/** How to handle documents longer than a sequence. */
export type ExcessLengthStrategy = 'truncate' | 'drop' | 'refuse'

export interface FittedDocuments {
  readonly documents: readonly MaskedDocument[]
  /** Number of documents that were truncated. */
  readonly truncated: number
  /** Number of documents omitted, because they were too long or have no targets. */
  readonly dropped: number
}

/**
 * Fits documents to the sequence length, and omits those without targets.
 * @param tooLong for documents that are too long: `truncate` (the default of the command line), `drop` omits them,
 *   `refuse` throws
 * @param nameOf name of a document in errors, by index
 * @throws RangeError that names the document that is too long
 * @example
 * const long = { ids: [1, 2, 3, 4, 5, 6], mask: [0, 0, 1, 1, 1, 1] } // a prompt of two tokens, an answer of four
 * fitDocuments([long], 4, 'truncate').documents.length // 1
 * fitDocuments([long], 4, 'drop').documents.length // 0
 */
export function fitDocuments(
  documents: readonly MaskedDocument[],
  sequenceLength: number,
  tooLong: ExcessLengthStrategy,
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
        `${nameOf(i)} has ${ids.length} tokens, a sequence holds ${sequenceLength}; give a larger sequence length, or truncate or drop the document`,
      )
    if (over && tooLong === 'drop') return
    const cut = over
      ? {
          ids: Array.prototype.slice.call(ids, 0, sequenceLength),
          mask: Array.prototype.slice.call(mask, 0, sequenceLength),
        }
      : document
    // The first token is never a target, since nothing precedes it.
    let hasTarget = false
    for (let k = 1; k < cut.mask.length && !hasTarget; k++) hasTarget = Boolean(cut.mask[k])
    if (!hasTarget) return
    if (over) truncated++
    fitted.push(cut)
  })
  return { documents: fitted, truncated, dropped: documents.length - fitted.length }
}

export interface PackedBatchOptions {
  readonly documents: readonly MaskedDocument[]
  /** Tokens T per sequence. */
  readonly sequenceLength: number
  /** Sequences B per batch. */
  readonly batchSize: number
  /** Input id of padding; default 0. */
  readonly padId?: number
  /** Seed of the order of sequences. Default 0. */
  readonly seed?: number
}

/** Row-major [B, T]; a target of -1 is ignored. */
export interface PackedBatch extends Batch {
  /** Index of the document in its sequence from 1, 0 for padding: attention is limited to equal numbers. */
  readonly documents: Int32Array
}

/** The position of an iterator; plain JSON. */
export interface PackedBatchState {
  readonly version: 1
  readonly kind: 'packed'
  /** Hash of the packed documents. */
  readonly fingerprint: string
  readonly seed: number
  readonly epoch: number
  /** Sequences consumed in the current pass. */
  readonly sequence: number
}

/** An infinite iterator of batches; created by `packedBatches`. */
export class PackedBatchIterator implements IterableIterator<PackedBatch> {
  readonly batchSize: number
  readonly sequenceLength: number
  readonly seed: number
  /** Sequences per pass. */
  readonly sequencesPerEpoch: number
  /** Targets per pass. */
  readonly targetsPerEpoch: number
  /** Share of positions that are padding, 0 to 1. */
  readonly padding: number
  private readonly packed: PackedDocuments
  private readonly fingerprint: string
  private epoch = 0
  private sequence = 0
  private planned = -1
  private order = new Uint32Array(0)

  /** @internal use `packedBatches` */
  constructor(options: PackedBatchOptions) {
    checkOptions('packedBatches', options, 'documents, sequenceLength and batchSize')
    const { documents, sequenceLength, batchSize, padId = 0, seed = 0 } = options
    checkList('packedBatches: documents', documents, '[{ ids, mask }]')
    checkInteger('packedBatches', 'batchSize', batchSize, 1, 2 ** 20)
    checkInteger('packedBatches', 'seed', seed, 0, 2 ** 32 - 1)
    const ids = documents.map((document) => document.ids)
    const masks = documents.map(({ mask }) => mask)
    this.packed = packBestFit(ids, sequenceLength, { padId, masks })
    if (this.packed.cut > 0)
      throw new RangeError(
        `packedBatches: ${this.packed.cut} documents are longer than the sequence of ${sequenceLength}; shorten them by fitDocuments`,
      )
    this.batchSize = batchSize
    this.sequenceLength = sequenceLength
    this.seed = seed
    this.sequencesPerEpoch = this.packed.sequences
    this.padding = this.packed.padding
    this.targetsPerEpoch = this.packed.targets.reduce((count, target) => count + (target >= 0 ? 1 : 0), 0)
    if (this.targetsPerEpoch === 0) throw new RangeError('packedBatches: no token is a target; the masks are all 0')
    this.fingerprint = fingerprint(this.packed)
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<PackedBatch, undefined> {
    const { batchSize, sequenceLength } = this
    const make = () => new Int32Array(batchSize * sequenceLength) // [B, T]
    const [inputs, targets, documents] = [make(), make(), make()]
    for (let row = 0; row < batchSize; row++) {
      if (this.planned !== this.epoch) {
        this.order = permutation(this.sequencesPerEpoch, randomIntegers(this.seed, this.epoch, 4))
        this.planned = this.epoch
      }
      const from = this.order[this.sequence] * sequenceLength
      const part = (all: Int32Array) => all.subarray(from, from + sequenceLength)
      inputs.set(part(this.packed.inputs), row * sequenceLength)
      targets.set(part(this.packed.targets), row * sequenceLength)
      documents.set(part(this.packed.segments), row * sequenceLength)
      if (++this.sequence === this.sequencesPerEpoch) {
        this.sequence = 0
        this.epoch++
      }
    }
    return { done: false, value: { inputs, targets, documents, batchSize, sequenceLength } }
  }

  /** The position of the next batch, to be saved with a checkpoint. */
  state(): PackedBatchState {
    return {
      version: 1,
      kind: 'packed',
      fingerprint: this.fingerprint,
      seed: this.seed,
      epoch: this.epoch,
      sequence: this.sequence,
    }
  }

  /**
   * Restores the position of a state. The batch size may differ.
   * @throws TypeError for an invalid state, DataMismatchError for one of other documents, RangeError for another seed;
   * the position does not change then
   */
  restore(state: PackedBatchState): void {
    if (typeof state !== 'object' || state === null || state.version !== 1 || state.kind !== 'packed')
      throw new TypeError('restore: the state is not one of PackedBatchIterator.state() (version 1)')
    if (state.fingerprint !== this.fingerprint)
      throw new DataMismatchError(
        'restore: the state is of other documents, masks or sequenceLength; give the ones it was taken with',
      )
    if (state.seed !== this.seed)
      throw new RangeError(`restore: the state is of seed ${String(state.seed)}, the iterator has seed ${this.seed}`)
    checkInteger('restore', 'epoch', state.epoch, 0, 2 ** 31 - 1)
    checkInteger('restore', 'sequence', state.sequence, 0, this.sequencesPerEpoch - 1)
    this.epoch = state.epoch
    this.sequence = state.sequence
  }
}

/** A 64-bit hash of the packed documents: two 32-bit hashes in the manner of FNV-1a. */
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
 * Iterates infinitely over batches of whole documents.
 * @throws RangeError for options out of bounds, documents longer than a sequence, or masks without a target
 * @example
 * const fitted = fitDocuments(conversations, 16, 'truncate')
 * const data = packedBatches({ documents: fitted.documents, sequenceLength: 16, batchSize: 2, seed: 1 })
 * data.next().value.inputs.length // 32
 */
export function packedBatches(options: PackedBatchOptions): PackedBatchIterator {
  return new PackedBatchIterator(options)
}
