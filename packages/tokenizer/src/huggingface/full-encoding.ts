/** Encodings as of Hugging Face's `Encoding`: pairs, templates, masks, truncation with overflow. */
import { TokenizerError } from '../tokenizer-error.ts'
import type { TemplatePart } from './post-processors.ts'

/** The encoding of a text or a pair of texts; element k of each list belongs to token k. */
export type FullEncoding = {
  ids: Int32Array
  pieces: string[]
  /** Range of its text that each token covers, [start, end); [0, 0) for special tokens that were added. */
  offsets: [start: number, end: number][]
  /** Token type ids (segment ids). */
  typeIds: Int32Array
  /** 0 for tokens of the first text, 1 of the second; -1 for special tokens that were added. */
  sequenceIds: Int32Array
  /** Index of the word (part that the pre-tokenizer produced) in its text; -1 for special tokens that were added. */
  wordIds: Int32Array
  /** 1 for special tokens that were added, including padding. */
  specialTokensMask: Uint8Array
  /** 0 for padding, 1 otherwise. */
  attentionMask: Uint8Array
  /** The remaining parts of a text that was truncated to `maxLength`, each encoded like the first. */
  overflowing: FullEncoding[]
}

/** Options of truncation. */
export type TruncationOptions = {
  /** Maximum number of tokens, including special ones. Default: no truncation. */
  maxLength?: number
  /** Number of tokens that each overflowing part shares with the previous part. Default 0. */
  stride?: number
  /** Which text of a pair is truncated. Default `'longestFirst'`. */
  truncationStrategy?: 'longestFirst' | 'onlyFirst' | 'onlySecond'
  /** The side at which tokens are removed. Default `'right'`. */
  truncationSide?: 'left' | 'right'
}

/** The tokens of one text, without special tokens. */
export type SequenceTokens = { ids: Int32Array; pieces: string[]; offsets: [number, number][]; wordIds: Int32Array }

/** A truncated sequence: its first part, and the overflowing ones. */
type Cut = { kept: SequenceTokens; further: SequenceTokens[] }

/**
 * Truncates one or two sequences.
 * @param room maximum number of tokens of all sequences together
 * @throws TokenizerError where an option is invalid, or the length cannot be reached
 * @see https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/utils/truncation.rs
 */
export function truncated(sequences: SequenceTokens[], room: number, options: TruncationOptions): Cut[] {
  const { stride = 0, truncationStrategy = 'longestFirst', truncationSide = 'right' } = options
  if (!Number.isInteger(stride) || stride < 0) {
    throw new TokenizerError(`encodeFull: stride is ${stride}; an integer of at least 0 is needed`)
  }
  if (!['longestFirst', 'onlyFirst', 'onlySecond'].includes(truncationStrategy)) {
    throw new TokenizerError(
      `encodeFull: truncationStrategy is ${JSON.stringify(truncationStrategy)}; 'longestFirst', 'onlyFirst' and 'onlySecond' are known`,
    )
  }
  const lengths = sequences.map(({ ids }) => ids.length)
  const total = lengths.reduce((sum, length) => sum + length, 0)
  if (total <= room) return sequences.map((kept) => ({ kept, further: [] }))
  const targets = [...lengths]
  if (truncationStrategy === 'longestFirst') {
    if (sequences.length === 1) targets[0] = room
    else {
      const shorter = Math.min(lengths[0], lengths[1])
      const longer = shorter > room ? shorter : Math.max(shorter, room - shorter)
      const even = Math.floor(room / 2)
      const [small, large] = shorter + longer > room ? [even, even + (room % 2)] : [shorter, longer]
      const swapped = lengths[0] > lengths[1]
      targets[0] = swapped ? large : small
      targets[1] = swapped ? small : large
    }
  } else {
    const at = truncationStrategy === 'onlyFirst' ? 0 : 1
    if (sequences[at] === undefined) throw new TokenizerError('encodeFull: truncationStrategy onlySecond needs a pair')
    targets[at] = lengths[at] - (total - room)
    if (targets[at] <= 0) {
      throw new TokenizerError(
        `encodeFull: the ${at === 0 ? 'first' : 'second'} text has ${lengths[at]} tokens, and ${total - room} are too many; give a larger maxLength or another truncationStrategy`,
      )
    }
  }
  return sequences.map((sequence, k) => cut(sequence, targets[k], stride, truncationSide))
}

function cut(sequence: SequenceTokens, most: number, stride: number, side: 'left' | 'right'): Cut {
  const { length } = sequence.ids
  if (length <= most) return { kept: sequence, further: [] }
  if (most === 0) return { kept: partOf(sequence, 0, 0), further: [sequence] }
  if (stride >= most) {
    throw new TokenizerError(
      `encodeFull: stride is ${stride}, but a part holds ${most} tokens; stride must be smaller, or maxLength larger`,
    )
  }
  const parts: SequenceTokens[] = []
  for (let k = 0; ; k += most - stride) {
    const from = side === 'right' ? k : Math.max(0, length - k - most)
    const to = side === 'right' ? Math.min(k + most, length) : length - k
    parts.push(partOf(sequence, from, to))
    if (side === 'right' ? to === length : from === 0) break
  }
  return { kept: parts[0], further: parts.slice(1) }
}

function partOf({ ids, pieces, offsets, wordIds }: SequenceTokens, from: number, to: number): SequenceTokens {
  return {
    ids: ids.slice(from, to),
    pieces: pieces.slice(from, to),
    offsets: offsets.slice(from, to),
    wordIds: wordIds.slice(from, to),
  }
}

/** Fills a template with the sequences, and again for each overflowing part. */
export function assembled(
  cuts: Cut[],
  template: readonly TemplatePart[],
  pieceOf: (id: number) => string,
): FullEncoding {
  const make = (sequences: SequenceTokens[]) => assembledOnce(sequences, template, pieceOf)
  const result = make(cuts.map(({ kept }) => kept))
  const [first, second] = cuts
  if (!second) result.overflowing = first.further.map((part) => make([part]))
  else {
    for (const part of first.further) {
      result.overflowing.push(make([part, second.kept]))
      for (const other of second.further) result.overflowing.push(make([part, other]))
    }
    for (const other of second.further) result.overflowing.push(make([first.kept, other]))
  }
  return result
}

function assembledOnce(
  sequences: SequenceTokens[],
  template: readonly TemplatePart[],
  pieceOf: (id: number) => string,
): FullEncoding {
  const ids: number[] = []
  const pieces: string[] = []
  const offsets: [number, number][] = []
  const typeIds: number[] = []
  const sequenceIds: number[] = []
  const wordIds: number[] = []
  for (const part of template) {
    const sequence = 'sequence' in part ? sequences[part.sequence] : undefined
    const own = 'ids' in part ? part.ids : (sequence?.ids ?? [])
    for (let k = 0; k < own.length; k++) {
      ids.push(own[k])
      pieces.push(sequence ? sequence.pieces[k] : pieceOf(own[k]))
      offsets.push(sequence ? [...sequence.offsets[k]] : [0, 0])
      typeIds.push(part.typeId)
      sequenceIds.push('sequence' in part ? part.sequence : -1)
      wordIds.push(sequence ? sequence.wordIds[k] : -1)
    }
  }
  return {
    ids: Int32Array.from(ids),
    pieces,
    offsets,
    typeIds: Int32Array.from(typeIds),
    sequenceIds: Int32Array.from(sequenceIds),
    wordIds: Int32Array.from(wordIds),
    specialTokensMask: Uint8Array.from(sequenceIds, (id) => (id < 0 ? 1 : 0)),
    attentionMask: new Uint8Array(ids.length).fill(1),
    overflowing: [],
  }
}
