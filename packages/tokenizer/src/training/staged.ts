/** Training of a unigram vocabulary in stages, as LLM-jp does. */
import { checkOptions } from '../check-options.ts'
import { PieceType } from '../sentencepiece/model-file.ts'
import { readModelFile } from '../sentencepiece/model-reader.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { metaPieces } from './meta-pieces.ts'
import { resolveOptions, type TrainOptions } from './options.ts'
import { llmJpFixedScore, type ReestimateOptions, reestimateScores } from './reestimate.ts'
import { writeTrainedModel } from './trained-model.ts'
import { trainUnigram } from './unigram.ts'

/** A stage of training: the pieces that one language, or one kind of text, adds to the vocabulary. */
export type VocabularyStage<Lines = Iterable<string>> = {
  /** Name in messages. */
  name: string
  /** The text of this stage; undefined: only `add` and `head` apply. */
  lines?: Lines
  /**
   * Number of pieces after training the stage, including those of earlier stages, before `keep` filters, and without
   * control, user-defined and byte pieces. Required with `lines`.
   */
  size?: number
  /** Filter of the new pieces (only words of a dictionary, none with digits or symbols, ...). Default: all are kept. */
  keep?: (piece: string) => boolean
  /** Pieces appended afterwards, in this order (lists of characters, variation selectors, ...). */
  add?: Iterable<string>
  /** Maximum number of pieces after the stage: the first ones, in the order they were added. Default: all. */
  head?: number
}

export type StagedOptions<Lines = Iterable<string>> = Omit<
  TrainOptions,
  'vocabSize' | 'fixedPieces' | 'hardVocabLimit'
> & {
  /** Initial pieces, such as another model's vocabulary, with spaces as U+2581. */
  fixedPieces?: readonly string[]
  stages: readonly VocabularyStage<Lines>[]
  /** Text of all languages, from which the scores of all pieces are finally estimated, without pruning. */
  estimateLines: Lines
  /** Options of that estimation. Default: LLM-jp's, `countVocabulary: true` and {@link llmJpFixedScore}. */
  estimate?: Omit<ReestimateOptions, 'onProgress'>
  /** Called when a stage begins, with the number of pieces so far. */
  onStage?: (stage: { name: string; pieces: number }) => void
}

/**
 * Trains a unigram vocabulary in stages, as LLM-jp trained its tokenizer version 3: each stage trains on the text of
 * one language with all earlier pieces fixed, and filters the pieces it finds; finally the scores of all pieces are
 * estimated on text of all languages, without pruning.
 * @returns a SentencePiece `.model` file
 * @throws TokenizerError where an option is wrong, or the size of a stage is too small for its fixed pieces
 * @see https://github.com/llm-jp/llm-jp-tokenizer, scripts of version 3
 * @example
 * const ja = { name: 'ja', lines: ['木と木を組む', '木を組む'], size: 12 }
 * const en = { name: 'en', lines: ['nails hold', 'nails'], size: 24 }
 * const stages = [ja, en]
 * const staged = loadTokenizer(trainStaged({ stages, estimateLines: lines, byteFallback: true }))
 * staged.decode(staged.encode('木を組む')) // '木を組む'
 */
export function trainStaged(options: StagedOptions): Uint8Array {
  const models = stagedModels(options)
  let step = models.next()
  while (!step.done) {
    const wanted = step.value
    let model: Uint8Array
    try {
      model =
        wanted.kind === 'stage'
          ? trainUnigram(wanted.lines, wanted.options)
          : reestimateScores(wanted.model, wanted.lines, wanted.options)
    } catch (error) {
      step = models.throw(error)
      continue
    }
    step = models.next(model)
  }
  return step.value
}

/** A model that staged training needs next, and what it is made from. */
export type StagedModel<Lines> =
  | { kind: 'stage'; lines: Lines; options: TrainOptions }
  | { kind: 'estimate'; lines: Lines; options: ReestimateOptions; model: Uint8Array }

/** Asks for the models of staged training one after another; `next` and `throw` answer. @returns the last of them */
export function* stagedModels<Lines>(
  options: StagedOptions<Lines>,
): Generator<StagedModel<Lines>, Uint8Array, Uint8Array> {
  const { fixedPieces = [], stages, estimateLines, estimate, onStage = () => {}, ...rest } = options
  const pieces = new Set(fixedPieces)
  if (stages.length === 0 && pieces.size === 0)
    throw new TokenizerError('trainStaged: there are no stages and no pieces', { option: 'stages' })
  for (const stage of stages) checkOptions(`trainStaged: stage ${JSON.stringify(stage.name)}`, stage, STAGE_OPTIONS)
  for (const stage of stages) {
    onStage({ name: stage.name, pieces: pieces.size })
    try {
      yield* runStage(stage, pieces, rest)
    } catch (error) {
      if (!(error instanceof TokenizerError)) throw error
      throw new TokenizerError(`trainStaged: stage ${JSON.stringify(stage.name)}: ${error.message}`, {
        cause: error,
        option: error.option,
      })
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
  return yield {
    kind: 'estimate',
    lines: estimateLines,
    model,
    options: { countVocabulary: true, fixedScore: llmJpFixedScore, ...estimate, onProgress: rest.onProgress },
  }
}

const STAGE_OPTIONS = ['name', 'lines', 'size', 'keep', 'add', 'head']

/** Runs a stage and updates `pieces`. */
function* runStage<Lines>(
  stage: VocabularyStage<Lines>,
  pieces: Set<string>,
  options: Omit<TrainOptions, 'vocabSize'>,
): Generator<StagedModel<Lines>, void, Uint8Array> {
  const { lines, size, keep = () => true, add = [], head } = stage
  if (lines !== undefined) {
    if (size === undefined) throw new TokenizerError('it has lines, but no size', { option: 'size' })
    // A stage needs no reserved pieces; the unknown piece, which is required, is a noncharacter that no text contains.
    const stageOptions: TrainOptions = {
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
    }
    const model = yield { kind: 'stage', lines, options: stageOptions }
    const before = new Set(pieces)
    for (const { piece, type } of readModelFile(model).pieces) {
      if (type === PieceType.normal && !before.has(piece) && keep(piece)) pieces.add(piece)
    }
  }
  for (const piece of add) pieces.add(piece)
  if (head !== undefined) {
    if (!(Number.isInteger(head) && head >= 1))
      throw new TokenizerError(`head is ${head}; 1 or more is needed`, { option: 'head' })
    let k = 0
    for (const piece of [...pieces]) if (k++ >= head) pieces.delete(piece)
  }
}
