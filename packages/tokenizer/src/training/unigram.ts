/** Training of SentencePiece unigram models. */
import { TokenizerError } from '../tokenizer-error.ts'
import { type Corpus, readCorpus } from './corpus.ts'
import { ExpectationStep } from './expectation.ts'
import { keepRound, keptRound } from './kept-round.ts'
import { maximise } from './maximisation.ts'
import { metaPieces } from './meta-pieces.ts'
import { type ResolvedOptions, resolveOptions, type TrainOptions } from './options.ts'
import { type PieceTable, pieceText, trieOf } from './piece-table.ts'
import { prune } from './prune.ts'
import { keptPieces, SURPLUS, seedPieces } from './seeds.ts'
import { requireRoom, requireSize, type ScoredPiece, writeTrainedModel } from './trained-model.ts'
import type { Workspace } from './workspace.ts'

/**
 * Trains a unigram model: starts from many candidates, then alternates between estimating their probabilities
 * (expectation maximisation) and pruning those with the lowest loss, until `vocabSize` are left. Deterministic: the
 * same lines and options give the same bytes.
 * @returns a SentencePiece `.model` file
 * @throws TokenizerError where an option is wrong, or the text has too many characters or too few pieces for
 * `vocabSize`
 * @see Kudo 2018, arXiv:1804.10959
 * @example
 * const trained = trainUnigram(lines, { vocabSize: 300, byteFallback: true, hardVocabLimit: false })
 * loadTokenizer(trained).decode(loadTokenizer(trained).encode('木を組む')) // '木を組む'
 */
export function trainUnigram(lines: Iterable<string>, options: TrainOptions): Uint8Array {
  const resolved = resolveOptions(options, 'unigram')
  metaPieces(resolved)
  return unigramModel(readCorpus(lines, resolved), resolved)
}

/** Size of a block of the suffix array in integers, without a memory limit. */
const BLOCK_NUMBERS = 1 << 26
/** Memory of estimation per code of the pieces, in bytes: the trie and the arrays it is built with. */
const TRIE_BYTES = 110

/** Trains the model of a corpus that has been read. */
export function unigramModel(corpus: Corpus, options: ResolvedOptions, workspace?: Workspace): Uint8Array {
  const meta = metaPieces(options)
  requireRoom(keptPieces(corpus), meta.size, options)
  const table = estimate(corpus, options, workspace)
  const taken = new Set([...meta.values()].map(({ piece }) => piece))
  const pieces = finalPieces(corpus, table, options.vocabSize - meta.size, taken)
  requireSize(pieces.length, meta, options)
  options.onProgress({ phase: 'finish', done: pieces.length + meta.size, total: options.vocabSize })
  return writeTrainedModel(pieces, meta, options)
}

function estimate(corpus: Corpus, options: ResolvedOptions, workspace: Workspace | undefined): PieceTable {
  const always = keptPieces(corpus)
  const desired = Math.floor(options.vocabSize * SURPLUS)
  const step = new ExpectationStep(corpus.fragments)
  const kept = workspace && keptRound(workspace)
  let table: PieceTable
  if (kept) {
    table = kept.table
    step.scale = kept.scale
  } else {
    options.onProgress({ phase: 'seed', done: 0, total: corpus.fragments.codes })
    // Bytes to integers: four for each, plus up to half as much for their order.
    table = seedPieces(corpus, options, workspace ? Math.max(128, Math.floor(workspace.budget / 6)) : BLOCK_NUMBERS)
    workspace?.spill.collect()
    requireMemory(table, workspace)
    if (workspace) keepRound(workspace, table, step.scale)
  }
  for (;;) {
    options.onProgress({ phase: 'estimate', done: table.score.length, total: desired })
    for (let i = 0; i < options.subIterations; i++) {
      table = maximise(table, step.run(table, trieOf(table, corpus.alphabet.length)).counts, always)
      workspace?.spill.collect()
    }
    const size = table.score.length
    if (size <= desired) return table
    options.onProgress({ phase: 'prune', done: size, total: desired })
    const target = Math.max(desired, Math.floor(options.shrinkFactor * size))
    table = prune(table, trieOf(table, corpus.alphabet.length), corpus, target)
    workspace?.spill.collect()
    if (table.score.length >= size) return table
    if (workspace) keepRound(workspace, table, step.scale)
  }
}

/** @throws TokenizerError where the trie of the pieces would exceed the memory limit */
function requireMemory(table: PieceTable, workspace: Workspace | undefined): void {
  const needed = table.codes.length * TRIE_BYTES
  if (!workspace || needed <= workspace.ceiling) return
  const mebibytes = (bytes: number) => Math.ceil(bytes / 2 ** 20)
  const fits = Math.floor((table.score.length * workspace.ceiling) / needed)
  throw new TokenizerError(
    `train: memory is too little to estimate ${table.score.length} candidates (${mebibytes(workspace.ceiling)} MiB for arrays, ` +
      `about ${mebibytes(needed)} MiB are needed); give more, or a seedSize of at most ${fits}`,
    { option: 'memory' },
  )
}

/** Every character and fixed piece, then the most probable of the others, best first. */
function finalPieces(corpus: Corpus, table: PieceTable, wanted: number, taken: Set<string>): ScoredPiece[] {
  const always = keptPieces(corpus)
  const all: ScoredPiece[] = []
  for (let k = 0; k < table.score.length; k++) {
    all.push({ piece: pieceText(table, corpus.alphabet, k), score: table.score[k] })
  }
  const others = all.slice(always).filter(({ piece }) => !taken.has(piece))
  const kept = all.slice(0, always).filter(({ piece }) => !taken.has(piece))
  others.sort(byScore)
  return [...kept, ...others.slice(0, wanted - kept.length)].sort(byScore)
}

function byScore(a: ScoredPiece, b: ScoredPiece): number {
  return b.score - a.score || (a.piece < b.piece ? -1 : a.piece > b.piece ? 1 : 0)
}
