/** Training of SentencePiece unigram models. */
import { type Corpus, readFollowedCorpus } from './corpus.ts'
import { ExpectationStep } from './expectation.ts'
import { maximise } from './maximisation.ts'
import { metaPieces } from './meta-pieces.ts'
import { type ResolvedOptions, resolveOptions, type TrainOptions } from './options.ts'
import { type PieceTable, pieceText, trieOf } from './piece-table.ts'
import { prune } from './prune.ts'
import { keptPieces, SURPLUS, seedPieces } from './seeds.ts'
import { requireRoom, requireSize, type ScoredPiece, writeTrainedModel } from './trained-model.ts'

/**
 * Trains a unigram model: many candidates from the text, then rounds of estimating their probabilities (expectation and
 * maximisation) and pruning those that matter least, until `vocabSize` are left.
 * The same lines and options give the same bytes.
 * @returns a SentencePiece `.model` file
 * @throws TokenizerError where an option is wrong, or the text has too many characters or too few pieces for `vocabSize`
 * @see Kudo 2018, arXiv:1804.10959
 */
export function trainUnigram(lines: Iterable<string>, options: TrainOptions): Uint8Array {
  const resolved = resolveOptions(options, 'unigram')
  const meta = metaPieces(resolved)
  const wanted = resolved.vocabSize - meta.size
  const { corpus, followed } = readFollowedCorpus(lines, resolved)
  requireRoom(keptPieces(corpus), meta.size, resolved)
  resolved.onProgress({ phase: 'seed', done: 0, total: corpus.codes.length })
  const table = estimate(corpus, seedPieces(corpus, followed, resolved), resolved)
  const pieces = finalPieces(corpus, table, wanted, new Set([...meta.values()].map(({ piece }) => piece)))
  requireSize(pieces.length, meta, resolved)
  resolved.onProgress({ phase: 'finish', done: pieces.length + meta.size, total: resolved.vocabSize })
  return writeTrainedModel(pieces, meta, resolved)
}

function estimate(corpus: Corpus, seeds: PieceTable, options: ResolvedOptions): PieceTable {
  const always = keptPieces(corpus)
  const desired = Math.floor(options.vocabSize * SURPLUS)
  const step = new ExpectationStep(corpus)
  let table = seeds
  for (;;) {
    options.onProgress({ phase: 'estimate', done: table.score.length, total: desired })
    for (let i = 0; i < options.subIterations; i++) {
      table = maximise(table, step.run(table, trieOf(table, corpus)).counts, always)
    }
    const size = table.score.length
    if (size <= desired) return table
    options.onProgress({ phase: 'prune', done: size, total: desired })
    const target = Math.max(desired, Math.floor(options.shrinkFactor * size))
    table = prune(table, trieOf(table, corpus), corpus, target)
    if (table.score.length >= size) return table
  }
}

/** Every character and fixed piece, then the most probable of the others, best first. */
function finalPieces(corpus: Corpus, table: PieceTable, wanted: number, taken: Set<string>): ScoredPiece[] {
  const always = keptPieces(corpus)
  const all: ScoredPiece[] = []
  for (let k = 0; k < table.score.length; k++) {
    all.push({ piece: pieceText(table, corpus, k), score: table.score[k] })
  }
  const others = all.slice(always).filter(({ piece }) => !taken.has(piece))
  const kept = all.slice(0, always).filter(({ piece }) => !taken.has(piece))
  others.sort(byScore)
  return [...kept, ...others.slice(0, wanted - kept.length)].sort(byScore)
}

function byScore(a: ScoredPiece, b: ScoredPiece): number {
  return b.score - a.score || (a.piece < b.piece ? -1 : a.piece > b.piece ? 1 : 0)
}
