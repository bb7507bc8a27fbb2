/** Vocabularies grown in stages. */
import { checkOptions } from '../check-options.ts'
import { PieceType } from '../sentencepiece/model-file.ts'
import { readModelFile } from '../sentencepiece/model-reader.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { metaPieces } from './meta-pieces.ts'
import { resolveOptions, type TrainOptions } from './options.ts'
import { llmJpFixedScore, type ReestimateOptions, reestimateScores } from './reestimate.ts'
import { writeTrainedModel } from './trained-model.ts'
import { trainUnigram } from './unigram.ts'

/** A part of staged training: what one language, or one kind of text, adds to the vocabulary. */
export type VocabularyStage = {
  /** What it is called in messages. */
  name: string
  /** The text of this stage. None: only `add` is done. */
  lines?: Iterable<string>
  /**
   * Pieces there are when the stage has been trained, those of before included, before `keep` chooses and without control, user-defined and
   * byte pieces. Needed where there are lines.
   */
  size?: number
  /** Which of the new pieces stay (single words of a dictionary, nothing with digits or symbols, ...). Default: all. */
  keep?: (piece: string) => boolean
  /** Pieces that are put in afterwards, in this order (lists of characters, variation selectors, ...). */
  add?: Iterable<string>
  /** At most so many pieces are left when the stage is done: the first ones, in the order they came. Default: all. */
  head?: number
}

export type StagedOptions = Omit<TrainOptions, 'vocabSize' | 'fixedPieces' | 'hardVocabLimit'> & {
  /** Pieces to begin with, such as another model's vocabulary, with spaces as U+2581. */
  fixedPieces?: readonly string[]
  stages: readonly VocabularyStage[]
  /** Text of all languages, from which the scores of all pieces are estimated at the end, without pruning. */
  estimateLines: Iterable<string>
  /** How. Default: LLM-jp's, with each piece counted once as text, and fixed scores for runs of spaces. */
  estimate?: Omit<ReestimateOptions, 'onProgress'>
  /** Told when a stage begins. */
  onStage?: (stage: { name: string; pieces: number }) => void
}

/**
 * Trains a unigram vocabulary in stages, as LLM-jp made its version 3: from fixed pieces on, every stage trains on the text of one
 * language with all pieces of before as fixed seeds, and keeps of what it finds only what is wanted; at the end the scores of all pieces are
 * estimated on text of all languages, without pruning.
 * @returns a SentencePiece `.model` file
 * @throws TokenizerError where an option is wrong, or a stage has no room for what is fixed
 * @see https://github.com/llm-jp/llm-jp-tokenizer, scripts of version 3
 * @example
 * const stages = [{ name: 'ja', lines: ['木と木を組む', '木を組む'], size: 12 }, { name: 'en', lines: ['nails hold', 'nails'], size: 24 }]
 * const staged = loadTokenizer(trainStaged({ stages, estimateLines: lines, byteFallback: true }))
 * staged.decode(staged.encode('木を組む')) // '木を組む'
 */
export function trainStaged(options: StagedOptions): Uint8Array {
  const { fixedPieces = [], stages, estimateLines, estimate, onStage = () => {}, ...rest } = options
  const pieces = new Set(fixedPieces)
  if (stages.length === 0 && pieces.size === 0)
    throw new TokenizerError('trainStaged: there are no stages and no pieces')
  for (const stage of stages) checkOptions(`trainStaged: stage ${JSON.stringify(stage.name)}`, stage, STAGE_OPTIONS)
  for (const stage of stages) {
    onStage({ name: stage.name, pieces: pieces.size })
    try {
      runStage(stage, pieces, rest)
    } catch (error) {
      if (!(error instanceof TokenizerError)) throw error
      throw new TokenizerError(`trainStaged: stage ${JSON.stringify(stage.name)}: ${error.message}`, { cause: error })
    }
  }
  onStage({ name: 'estimate', pieces: pieces.size })
  const unscored = (vocabSize: number) => resolveOptions({ ...rest, vocabSize }, 'unigram')
  const reserved = metaPieces(unscored(2 ** 24))
  const taken = new Set([...reserved.values()].map(({ piece }) => piece))
  const learnt = [...pieces].filter((piece) => !taken.has(piece))
  if (learnt.length === 0) throw new TokenizerError('trainStaged: no pieces are left')
  const resolved = unscored(learnt.length + reserved.size)
  const score = -Math.log(learnt.length)
  const model = writeTrainedModel(
    learnt.map((piece) => ({ piece, score })),
    metaPieces(resolved),
    resolved,
  )
  return reestimateScores(model, estimateLines, {
    countVocabulary: true,
    fixedScore: llmJpFixedScore,
    ...estimate,
    onProgress: rest.onProgress,
  })
}

const STAGE_OPTIONS = ['name', 'lines', 'size', 'keep', 'add', 'head']

/** Adds to `pieces` what the stage finds and brings. */
function runStage(stage: VocabularyStage, pieces: Set<string>, options: Omit<TrainOptions, 'vocabSize'>): void {
  const { lines, size, keep = () => true, add = [], head } = stage
  if (lines !== undefined) {
    if (size === undefined) throw new TokenizerError('it has lines, but no size')
    // Reserved pieces are none of the stage's business: it is trained with the least of them.
    const model = trainUnigram(lines, {
      ...options,
      byteFallback: false,
      controlSymbols: [],
      userDefinedSymbols: options.userDefinedSymbols,
      unkId: 0,
      bosId: -1,
      eosId: -1,
      padId: -1,
      unkPiece: '\ufdd0',
      vocabSize: size + 1 + (options.userDefinedSymbols?.length ?? 0),
      fixedPieces: [...pieces],
      hardVocabLimit: false,
    })
    const before = new Set(pieces)
    for (const { piece, type } of readModelFile(model).pieces) {
      if (type === PieceType.normal && !before.has(piece) && keep(piece)) pieces.add(piece)
    }
  }
  for (const piece of add) pieces.add(piece)
  if (head !== undefined) {
    if (!(Number.isInteger(head) && head >= 1)) throw new TokenizerError(`head is ${head}; 1 or more is needed`)
    let k = 0
    for (const piece of [...pieces]) if (k++ >= head) pieces.delete(piece)
  }
}
