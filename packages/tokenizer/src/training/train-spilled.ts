/** Training under a memory limit: what does not fit in memory goes to files. */
import { TokenizerError } from '../tokenizer-error.ts'
import { bpeModel, resolveBpe } from './bpe.ts'
import { CorpusReader } from './corpus.ts'
import { metaPieces } from './meta-pieces.ts'
import { resolveOptions, type TrainOptions } from './options.ts'
import { type ReestimateOptions, Reestimation } from './reestimate.ts'
import { unigramModel } from './unigram.ts'
import type { Workspace } from './workspace.ts'

/**
 * Trains the same model as `trainUnigram` or `trainBpe` on the same lines and options, byte for byte. Resumes from the
 * workspace's state; the lines must be the same as in the interrupted run.
 * @param beforeUse called when the lines have been read
 * @throws TokenizerError as those, and where the budget is too small
 */
export async function trainSpilled(
  lines: Iterable<string> | AsyncIterable<string>,
  type: 'unigram' | 'bpe',
  options: TrainOptions,
  workspace: Workspace,
  beforeUse: () => void = () => {},
): Promise<Uint8Array> {
  const resolved = type === 'bpe' ? resolveBpe(options) : resolveOptions(options, 'unigram')
  if (resolved.inputSentenceSize > 0) {
    throw new TokenizerError('train: inputSentenceSize is for training in memory; under a ceiling all lines are read', {
      option: 'inputSentenceSize',
    })
  }
  metaPieces(resolved)
  const reader = new CorpusReader(resolved, workspace)
  if (!reader.isComplete) for await (const line of lines) reader.add(line)
  beforeUse()
  return (type === 'bpe' ? bpeModel : unigramModel)(reader.finish(), resolved, workspace)
}

/**
 * The model of `reestimateScores` for the same lines and options, byte for byte; resumes as {@link trainSpilled} does.
 */
export async function reestimateSpilled(
  model: Uint8Array,
  lines: Iterable<string> | AsyncIterable<string>,
  options: ReestimateOptions,
  workspace: Workspace,
  beforeUse: () => void = () => {},
): Promise<Uint8Array> {
  const estimation = new Reestimation(model, options, workspace)
  if (!estimation.isComplete) for await (const line of lines) estimation.add(line)
  beforeUse()
  return estimation.finish()
}
