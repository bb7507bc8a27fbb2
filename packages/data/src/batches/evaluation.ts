/** Windows over held-out documents for evaluation: every token is a target exactly once. */
import { checkList, checkOptions } from '../check-argument.ts'
import { checkInteger, joinDocuments, type TokenDocument } from './token-stream.ts'

export interface EvaluationOptions {
  /** Precedes the first document and ends every document; also the input id of padding. */
  readonly eosId: number
  /** Larger or equal ids are errors; default: no check. */
  readonly vocabSize?: number
  /**
   * `stream` (default): documents are concatenated as in training, and all windows but the last are full.
   * `document`: every document begins a new window with an eos, so that it is conditioned on itself only.
   */
  readonly layout?: 'stream' | 'document'
}

/** Row-major [sequences, sequenceLength] ids; a target of -1 is padding and is ignored. */
export interface EvaluationSet {
  readonly inputs: Int32Array
  readonly targets: Int32Array
  readonly sequences: number
  readonly sequenceLength: number
  /** Number of targets without padding: every token of every document and its eos. */
  readonly tokens: number
}

/**
 * Packs documents for evaluation. The predictions are the first token of a document after an eos, each further token
 * after those before it, and the eos at its end: the same events that an n-gram model with that end symbol predicts.
 * The context of a prediction is limited to its window.
 * @param sequenceLength tokens T per window
 * @throws RangeError for ids or sizes out of bounds, or no tokens
 * @example
 * const { inputs, targets } = packEvaluation([[3, 4, 5], [6, 7]], 4, { eosId: 2 })
 * console.log(inputs.length, targets.length) // 8 8
 */
export function packEvaluation(
  documents: readonly TokenDocument[],
  sequenceLength: number,
  options: EvaluationOptions,
): EvaluationSet {
  checkInteger('packEvaluation', 'sequenceLength', sequenceLength, 1, 2 ** 24)
  checkList('packEvaluation: documents', documents, '[[5, 6, 7], [8, 9]]')
  checkOptions('packEvaluation', options, 'eosId')
  const { eosId, layout = 'stream' } = options
  const { tokens, offsets } = joinDocuments('packEvaluation', documents, eosId, options.vocabSize)
  if (tokens.length === 0)
    throw new RangeError('packEvaluation: there is no token to predict; give documents with text')
  // Borders of the runs of tokens that share windows.
  const borders = layout === 'stream' ? [0, tokens.length] : [...offsets]
  let sequences = 0
  for (let run = 1; run < borders.length; run++)
    sequences += Math.ceil((borders[run] - borders[run - 1]) / sequenceLength)
  if (sequences * sequenceLength > 2 ** 30) {
    throw new RangeError(
      `packEvaluation: ${sequences} windows of ${sequenceLength} are more than 2^30 tokens; give fewer documents or a smaller sequenceLength`,
    )
  }
  const inputs = new Int32Array(sequences * sequenceLength).fill(eosId)
  const targets = new Int32Array(sequences * sequenceLength).fill(-1)
  let row = 0
  for (let run = 1; run < borders.length; run++) {
    const [begin, end] = [borders[run - 1], borders[run]]
    const at = row * sequenceLength
    targets.set(tokens.subarray(begin, end), at)
    inputs.set(tokens.subarray(begin, end - 1), at + 1)
    row += Math.ceil((end - begin) / sequenceLength)
  }
  return { inputs, targets, sequences, sequenceLength, tokens: tokens.length }
}
