/** Truncation and padding of lists of ids. */
import { checkOptions } from './check-options.ts'
import { TokenizerError } from './tokenizer-error.ts'

/** Options of truncation and padding. */
export type FitOptions = {
  /** Longer sequences are truncated to this many ids. Default: no truncation. */
  maxLength?: number
  /** The side at which ids are removed. Default `'right'`. */
  truncationSide?: 'left' | 'right'
  /** Shorter sequences are padded to the longest (after truncation) or to `maxLength`. Default `'none'`. */
  padding?: 'none' | 'longest' | 'maxLength'
  /** The side at which ids are added. Default `'right'`. */
  paddingSide?: 'left' | 'right'
  /** Id of the padding; required unless `padding` is `'none'`. */
  padId?: number
  /** The padded length is rounded up to a multiple of this. Default 1. */
  padToMultipleOf?: number
}

/** Sequences of ids with their attention masks: 1 for ids of the text, 0 for padding. */
export type FittedIds = { ids: Int32Array[]; attentionMask: Uint8Array[] }

const OPTIONS = ['maxLength', 'truncationSide', 'padding', 'paddingSide', 'padId', 'padToMultipleOf']

/**
 * Truncates and pads sequences of ids.
 * @throws TokenizerError where an option is out of range, or padding lacks `padId` or `maxLength`
 * @example
 * const { ids, attentionMask } = fitLength([[5, 6, 7], [8]], { padding: 'longest', padId: 0 })
 * ids // [[5, 6, 7], [8, 0, 0]]
 * attentionMask // [[1, 1, 1], [1, 0, 0]]
 */
export function fitLength(sequences: Iterable<ArrayLike<number>>, options: FitOptions): FittedIds {
  checkOptions('fitLength', options, OPTIONS)
  const { maxLength, padding = 'none', padId = -1, padToMultipleOf = 1 } = options
  if (maxLength !== undefined && !(Number.isInteger(maxLength) && maxLength >= 0)) {
    throw new TokenizerError(`fitLength: maxLength is ${maxLength}; an integer of at least 0 is needed`)
  }
  if (!(Number.isInteger(padToMultipleOf) && padToMultipleOf > 0)) {
    throw new TokenizerError(`fitLength: padToMultipleOf is ${padToMultipleOf}; an integer of at least 1 is needed`)
  }
  if (!['none', 'longest', 'maxLength'].includes(padding)) {
    throw new TokenizerError(
      `fitLength: padding is ${JSON.stringify(padding)}; 'none', 'longest' and 'maxLength' are known`,
    )
  }
  if (padding !== 'none' && !(Number.isInteger(padId) && padId >= 0)) {
    throw new TokenizerError(`fitLength: padId is ${padId}; padding needs the id of a padding token, at least 0`)
  }
  if (padding === 'maxLength' && maxLength === undefined) {
    throw new TokenizerError("fitLength: maxLength is missing; padding 'maxLength' needs it")
  }
  const cut = Array.from(sequences, (sequence) => {
    const ids = Int32Array.from(sequence)
    if (maxLength === undefined || ids.length <= maxLength) return ids
    return options.truncationSide === 'left' ? ids.slice(ids.length - maxLength) : ids.slice(0, maxLength)
  })
  let common = padding === 'maxLength' ? maxLength! : 0
  for (const ids of cut) common = Math.max(common, ids.length)
  common = Math.ceil(common / padToMultipleOf) * padToMultipleOf
  const result: FittedIds = { ids: [], attentionMask: [] }
  for (const ids of cut) {
    const length = padding === 'none' ? ids.length : common
    const at = options.paddingSide === 'left' ? length - ids.length : 0
    const padded = new Int32Array(length).fill(padId)
    padded.set(ids, at)
    result.ids.push(padded)
    result.attentionMask.push(new Uint8Array(length).fill(1, at, at + ids.length))
  }
  return result
}
