/** The `truncation` and `padding` of a tokenizer.json: reading them, and padding encodings. */
import type { FullEncoding, TruncationOptions } from './full-encoding.ts'
import { asIndex, asRecord, asText, unsupported } from './json-value.ts'

/** The `padding` of a tokenizer.json. */
export type FilePadding = {
  /** Number of tokens to pad to, or `'longest'`: the length of the longest encoding of the batch. */
  length: number | 'longest'
  side: 'left' | 'right'
  /** The length is rounded up to a multiple of this. */
  multipleOf: number
  id: number
  typeId: number
  token: string
}

const mostTokens = 2 ** 24

function sideOf(value: unknown, where: string): 'left' | 'right' {
  const side = value === undefined ? 'Right' : asText(value, where)
  if (side !== 'Right' && side !== 'Left') throw unsupported(where, side, ['Right', 'Left'])
  return side === 'Left' ? 'left' : 'right'
}

/** @throws TokenizerError where `truncation` is malformed */
export function readTruncation(given: unknown): TruncationOptions | null {
  if (given === undefined || given === null) return null
  const part = asRecord(given, 'truncation')
  const strategies: Record<string, TruncationOptions['truncationStrategy']> = {
    LongestFirst: 'longestFirst',
    OnlyFirst: 'onlyFirst',
    OnlySecond: 'onlySecond',
  }
  const strategy = part.strategy === undefined ? 'LongestFirst' : asText(part.strategy, 'truncation.strategy')
  if (!Object.hasOwn(strategies, strategy)) throw unsupported('truncation.strategy', strategy, Object.keys(strategies))
  return {
    maxLength: asIndex(part.max_length, 'truncation.max_length', Number.MAX_SAFE_INTEGER),
    stride: asIndex(part.stride ?? 0, 'truncation.stride', Number.MAX_SAFE_INTEGER),
    truncationStrategy: strategies[strategy],
    truncationSide: sideOf(part.direction, 'truncation.direction'),
  }
}

/** @throws TokenizerError where `padding` is malformed */
export function readPadding(given: unknown): FilePadding | null {
  if (given === undefined || given === null) return null
  const part = asRecord(given, 'padding')
  let length: FilePadding['length'] = 'longest'
  if (typeof part.strategy === 'object' && part.strategy !== null) {
    length = asIndex(asRecord(part.strategy, 'padding.strategy').Fixed, 'padding.strategy.Fixed', mostTokens)
  } else if (part.strategy !== undefined && part.strategy !== 'BatchLongest') {
    throw unsupported('padding.strategy', asText(part.strategy, 'padding.strategy'), ['BatchLongest', 'Fixed'])
  }
  return {
    length,
    side: sideOf(part.direction, 'padding.direction'),
    multipleOf: Math.max(1, asIndex(part.pad_to_multiple_of ?? 1, 'padding.pad_to_multiple_of', mostTokens)),
    id: asIndex(part.pad_id ?? 0, 'padding.pad_id', 2 ** 31 - 1),
    typeId: asIndex(part.pad_type_id ?? 0, 'padding.pad_type_id', 2 ** 31 - 1),
    token: asText(part.pad_token ?? '[PAD]', 'padding.pad_token'),
  }
}

/**
 * Pads the encodings of a batch and their overflowing parts.
 * @see https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/utils/padding.rs
 */
export function padded(batch: readonly FullEncoding[], padding: FilePadding): FullEncoding[] {
  const length =
    padding.length === 'longest' ? batch.reduce((most, { ids }) => Math.max(most, ids.length), 0) : padding.length
  const target = Math.ceil(length / padding.multipleOf) * padding.multipleOf
  return batch.map((encoding) => paddedTo(target, encoding, padding))
}

function paddedTo(target: number, encoding: FullEncoding, padding: FilePadding): FullEncoding {
  const overflowing = encoding.overflowing.map((part) => paddedTo(target, part, padding))
  const missing = target - encoding.ids.length
  if (missing <= 0) return { ...encoding, overflowing }
  const left = padding.side === 'left'
  const list = <T>(given: readonly T[], fill: () => T): T[] => {
    const filled = Array.from({ length: missing }, fill)
    return left ? [...filled, ...given] : [...given, ...filled]
  }
  const numbers = <T extends Int32Array | Uint8Array>(given: T, fill: number): T => {
    const all = new (given.constructor as new (length: number) => T)(target).fill(fill) as T
    all.set(given, left ? missing : 0)
    return all
  }
  return {
    ids: numbers(encoding.ids, padding.id),
    pieces: list(encoding.pieces, () => padding.token),
    offsets: list(encoding.offsets, () => [0, 0]),
    typeIds: numbers(encoding.typeIds, padding.typeId),
    sequenceIds: numbers(encoding.sequenceIds, -1),
    wordIds: numbers(encoding.wordIds, -1),
    specialTokensMask: numbers(encoding.specialTokensMask, 1),
    attentionMask: numbers(encoding.attentionMask, 0),
    overflowing,
  }
}
