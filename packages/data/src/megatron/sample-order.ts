/**
 * The samples of one dataset in the order of Megatron-LM's GPTDataset.
 *
 * Sequences are repeated for as many epochs as the samples need and shuffled, all epochs together or the last one
 * apart; in the concatenated stream, sample k has the tokens kS to kS + S; the samples are shuffled in the same way.
 * Memory: 4 bytes per sequence and epoch, 4 bytes per sample, and a stream position every 32 sequences instead of
 * Megatron-LM's sample index.
 * @see Megatron-LM megatron/core/datasets/gpt_dataset.py and helpers.cpp
 */
import { RandomState } from './numpy-random.ts'

/** A part of one sequence of the dataset. */
export interface SamplePart {
  /** Index of the sequence in the .idx file. */
  readonly sequence: number
  /** Index of its first token in the sample. */
  readonly offset: number
  /** Number of its tokens in the sample. */
  readonly length: number
}

export interface SampleOrderOptions {
  /** Number of tokens of each sequence of the .idx file. */
  readonly sequenceLengths: Int32Array
  /** The split has the sequences `begin` to `end` - 1. */
  readonly begin: number
  readonly end: number
  /** Tokens S that a sample trains on; a sample holds one more. */
  readonly sequenceLength: number
  /** Number of samples requested; null: those of one epoch. */
  readonly samples: number | null
  readonly seed: number
}

/** Sequences between stored positions: few, since each look-up of a length is a cache miss; 1/4 byte per sequence. */
const between = 32

/** The order of one dataset's samples. */
export class SampleOrder {
  /** Number of samples, at least as many as requested. */
  readonly length: number
  readonly epochs: number
  /** Whether the last epoch is shuffled separately. */
  readonly separateLastEpoch: boolean
  readonly tokensPerEpoch: number
  readonly sequenceLength: number
  /** Sequences in the order of the stream. */
  readonly documentOrder: Int32Array
  /** Sample at each position. */
  readonly shuffleOrder: Uint32Array
  private readonly lengths: Int32Array
  /** Stream position of every 32nd entry of `documentOrder`. */
  private readonly positions: Float64Array

  /** @throws RangeError for an empty split, or too many sequences or samples */
  constructor(options: SampleOrderOptions) {
    const { sequenceLengths, begin, end, sequenceLength, samples, seed } = options
    let tokens = 0
    for (let i = begin; i < end; i++) tokens += sequenceLengths[i]
    // Without tokens, Megatron-LM loops forever or fails.
    if (tokens < 2)
      throw new RangeError(`the split has ${end - begin} sequences and ${tokens} tokens; it needs at least 2 tokens`)
    this.tokensPerEpoch = tokens
    this.sequenceLength = sequenceLength
    this.epochs = samples === null ? 1 : Math.max(1, Math.ceil((samples * sequenceLength + 1) / tokens))
    this.length = Math.floor((this.epochs * tokens - 1) / sequenceLength)
    const count = end - begin
    if (count * this.epochs > 2 ** 31 - 1 || this.length >= 2 ** 32 - 2)
      throw new RangeError(
        `${count} sequences in ${this.epochs} epochs, ${this.length} samples: more than 2^31 entries; replay a part of the data`,
      )
    let first = this.length
    let separate = false
    if (this.epochs > 1 && samples !== null) {
      const before = Math.floor(((this.epochs - 1) * tokens - 1) / sequenceLength)
      separate = samples - before < Math.trunc(0.8 * Math.floor((tokens - 1) / sequenceLength))
      if (separate) first = before
    }
    this.separateLastEpoch = separate
    const random = new RandomState(seed)
    const order = new Int32Array(count * this.epochs)
    for (let i = 0, sequence = begin; i < order.length; i++) {
      order[i] = sequence
      if (++sequence === end) sequence = begin
    }
    const cut = separate ? order.length - count : order.length
    random.shuffle(order.subarray(0, cut))
    if (separate) random.shuffle(order.subarray(cut))
    const shuffled = new Uint32Array(this.length)
    for (let i = 0; i < shuffled.length; i++) shuffled[i] = i
    random.shuffle(shuffled.subarray(0, first))
    if (first < this.length) random.shuffle(shuffled.subarray(first))
    this.documentOrder = order
    this.shuffleOrder = shuffled
    this.lengths = sequenceLengths
    this.positions = new Float64Array(Math.ceil(order.length / between))
    let position = 0
    for (let i = 0; i < order.length; i++) {
      if (i % between === 0) this.positions[i / between] = position
      position += sequenceLengths[order[i]]
    }
  }

  /** The parts of the sample at position `place`, sequenceLength + 1 tokens in total. */
  parts(place: number): SamplePart[] {
    if (!Number.isInteger(place) || place < 0 || place >= this.length)
      throw new RangeError(`sample must be an integer from 0 to ${this.length - 1}, got ${place}`)
    const sample = this.shuffleOrder[place]
    let [at, offset] = sample === 0 ? [0, 0] : this.find(sample * this.sequenceLength)
    const parts: SamplePart[] = []
    for (let missing = this.sequenceLength + 1; missing > 0; at++, offset = 0) {
      const sequence = this.documentOrder[at]
      const length = Math.min(this.lengths[sequence] - offset, missing)
      if (length > 0) parts.push({ sequence, offset, length })
      missing -= length
    }
    return parts
  }

  /** Samples (by index before shuffling) that contain a token of a sequence, in any epoch. */
  samplesOf(sequence: number): Set<number> {
    const found = new Set<number>()
    let position = 0
    for (const entry of this.documentOrder) {
      const length = this.lengths[entry]
      if (entry === sequence && length > 0) {
        // A token at kS is the last of sample k - 1 and the first of sample k.
        const begin = Math.max(0, Math.ceil((position - this.sequenceLength) / this.sequenceLength))
        const end = Math.min(this.length - 1, Math.floor((position + length - 1) / this.sequenceLength))
        for (let sample = begin; sample <= end; sample++) found.add(sample)
      }
      position += length
    }
    return found
  }

  /** Index in `documentOrder` of the sequence at a stream position, and the offset in it. */
  private find(position: number): [entry: number, offset: number] {
    let low = 0
    let high = this.positions.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.positions[middle] <= position) low = middle
      else high = middle - 1
    }
    let at = low * between
    let begin = this.positions[low]
    for (;;) {
      const length = this.lengths[this.documentOrder[at]]
      if (position < begin + length) return [at, position - begin]
      begin += length
      at++
    }
  }
}
