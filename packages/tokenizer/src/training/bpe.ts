/** Training of SentencePiece BPE models. */
import { TokenizerError } from '../tokenizer-error.ts'
import { type Corpus, readCorpus } from './corpus.ts'
import { learnMerges } from './merge-stages.ts'
import { metaPieces } from './meta-pieces.ts'
import { type ResolvedOptions, resolveOptions, type TrainOptions } from './options.ts'
import { requireRoom, requireSize, type ScoredPiece, writeTrainedModel } from './trained-model.ts'
import type { Workspace } from './workspace.ts'

/**
 * Trains a byte-pair-encoding model: the most frequent pair of adjacent symbols is merged into a new symbol until the
 * vocabulary has `vocabSize` pieces. Deterministic: the same lines and options give the same bytes.
 * The options of unigram training (`seedSize`, `shrinkFactor`, `subIterations`) have no effect.
 * @returns a SentencePiece `.model` file
 * @throws TokenizerError where an option is wrong, or the text has too many characters or too few pieces for
 * `vocabSize`
 * @see Sennrich et al. 2016, arXiv:1508.07909
 * @example
 * const trained = trainBpe(lines, { vocabSize: 300, byteFallback: true, hardVocabLimit: false })
 * loadTokenizer(trained).decode(loadTokenizer(trained).encode('木を組む')) // '木を組む'
 */
export function trainBpe(lines: Iterable<string>, options: TrainOptions): Uint8Array {
  const resolved = resolveBpe(options)
  metaPieces(resolved)
  return bpeModel(readCorpus(lines, resolved), resolved)
}

/** @throws TokenizerError where an option is unknown or invalid */
export function resolveBpe(options: TrainOptions): ResolvedOptions {
  const resolved = resolveOptions(options, 'bpe')
  if (resolved.fixedPieces.length > 0)
    throw new TokenizerError('train: fixedPieces are for unigram models', { option: 'fixedPieces' })
  return resolved
}

/** Trains the model of a corpus that has been read. */
export function bpeModel(corpus: Corpus, options: ResolvedOptions, workspace?: Workspace): Uint8Array {
  const meta = metaPieces(options)
  const taken = new Set([...meta.values()].map(({ piece }) => piece))
  const characters = corpus.alphabet.map((codePoint) => String.fromCodePoint(codePoint)).filter((c) => !taken.has(c))
  requireRoom(characters.length, meta.size, options)
  const merged = learnMerges(corpus, options, taken, options.vocabSize - meta.size - characters.length, workspace)
  // The score is minus the rank: earlier merges first; characters, which no merge produces, last.
  const pieces: ScoredPiece[] = [...merged, ...characters].map((piece, rank) => ({ piece, score: -rank }))
  requireSize(pieces.length, meta, options)
  options.onProgress({ phase: 'finish', done: pieces.length + meta.size, total: options.vocabSize })
  return writeTrainedModel(pieces, meta, options)
}
