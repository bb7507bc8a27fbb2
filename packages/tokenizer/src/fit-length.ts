/** Truncation and padding of lists of ids. */
import { checkOptions } from './check-options.ts'
import { TokenizerError } from './tokenizer-error.ts'

/** How sequences of ids are brought to one length. */
export type FitOptions = {
  /** Longer sequences are cut to this many ids. Default: nothing is cut. */
  maxLength?: number
  /** Where ids are taken away. Default `'right'`. */
  truncationSide?: 'left' | 'right'
  /** Shorter sequences are filled up: to the longest of them (cut ones included), to `maxLength`, or not at all (the default). */
  padding?: 'none' | 'longest' | 'maxLength'
  /** Where ids are added. Default `'right'`. */
  paddingSide?: 'left' | 'right'
  /** The id that is added; needed where `padding` is not `'none'`. */
  padId?: number
  /** The common length is rounded up to a multiple of this. Default 1. */
  padToMultipleOf?: number
}

/** Sequences with, for each id, 1 where it is of the text and 0 where it was added. */
export type FittedIds = { ids: Int32Array[]; attentionMask: Uint8Array[] }

const OPTIONS = ['maxLength', 'truncationSide', 'padding', 'paddingSide', 'padId', 'padToMultipleOf']

/**
 * Cuts and pads sequences of ids.
 * @throws TokenizerError where an option is out of range, or padding is asked for without `padId` or `maxLength`
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
    throw new TokenizerError(`fitLength: padding needs padId, which is ${padId}; give the id to add`)
  }
  if (padding === 'maxLength' && maxLength === undefined) {
    throw new TokenizerError("fitLength: padding 'maxLength' needs maxLength")
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
