/** Fixed windows over held-out documents: every token is a target exactly once. */
import { checkInteger, joinDocuments, type TokenDocument } from './token-stream.ts'

export interface EvaluationOptions {
  /** Opens the first window and closes every document; also what padding positions hold as input. */
  readonly eosId: number
  /** Ids at or above it are refused by id and document; default: none is. */
  readonly vocabSize?: number
  /**
   * `stream` (default): documents follow each other as in training, windows are full but for the last.
   * `document`: every document starts a window of its own after an eos, and sees nothing but itself.
   */
  readonly layout?: 'stream' | 'document'
}

/** Row-major [sequences, sequenceLength] ids; a target of -1 is padding and does not count. */
export interface EvaluationSet {
  readonly inputs: Int32Array
  readonly targets: Int32Array
  readonly sequences: number
  readonly sequenceLength: number
  /** Targets that count: every token of every document and its eos. */
  readonly tokens: number
}

/**
 * Packs documents for evaluation. The predictions are: the first token of a document after an eos, each further token
 * after those before it, and the eos at its end -- the same events an n-gram model with that end symbol predicts.
 * A prediction sees at most the tokens of its window before it.
 * @param sequenceLength tokens T in a window
 * @throws RangeError for ids or sizes out of bounds, or no documents
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
  const { eosId, layout = 'stream' } = options
  const { tokens, offsets } = joinDocuments('packEvaluation', documents, eosId, options.vocabSize)
  if (tokens.length === 0)
    throw new RangeError('packEvaluation: there is no token to predict; give documents with text')
  // Runs of tokens that share windows.
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
