import type { ModelType } from '../model-file.ts'
import { TokenizerError } from '../tokenizer-error.ts'

/** How far training is: `done` of `total` in the unit of the phase (lines, pieces). */
export type TrainProgress = {
  phase: 'read' | 'seed' | 'estimate' | 'prune' | 'merge' | 'finish'
  done: number
  total: number
}

/** Options of training; names and defaults follow `spm_train` unless said otherwise. */
export type TrainOptions = {
  /** Number of pieces, with the unknown, control, user-defined and byte pieces. */
  vocabSize: number
  /** Share of the characters of the text that get a piece of their own, by frequency; the rest are unknown (or bytes). Default 0.9995. */
  characterCoverage?: number
  /** Unknown characters are written as UTF-8 bytes; takes 256 pieces. Default false. */
  byteFallback?: boolean
  /** Each digit is a piece of its own. Default false. */
  splitDigits?: boolean
  /** No piece crosses from one script into another (Han, Hiragana and Katakana are one). Default true. */
  splitByUnicodeScript?: boolean
  /** A change between digits and letters is a change of script. Default true. */
  splitByNumber?: boolean
  /** No piece has a space inside. Default true. */
  splitByWhitespace?: boolean
  /** Pieces of spaces alone may be longer than one. Default false. */
  allowWhitespaceOnlyPieces?: boolean
  /** Characters in the longest piece. Default 16. */
  maxPieceLength?: number
  /** Texts that are always one piece. */
  userDefinedSymbols?: readonly string[]
  /** Pieces that no text matches, set by whoever builds the ids. */
  controlSymbols?: readonly string[]
  /** Replacement rules: `'identity'` has none. Default `'identity'` (spm_train: nmt_nfkc). */
  normalization?: 'identity'
  /** A space is put before the text. Default true. */
  addDummyPrefix?: boolean
  /** Spaces at the ends are dropped and runs of them become one. Default true. */
  removeExtraWhitespaces?: boolean
  /** Candidates that unigram training starts from. Default 1,000,000. */
  seedSize?: number
  /** Share of the pieces that a pruning keeps, over 0 and under 1. Default 0.75. */
  shrinkFactor?: number
  /** Rounds of expectation and maximisation before each pruning. Default 2. */
  subIterations?: number
  /** Default 0; the piece is needed. */
  unkId?: number
  /** -1: none. Default 1. */
  bosId?: number
  /** -1: none. Default 2. */
  eosId?: number
  /** -1: none. Default -1. */
  padId?: number
  unkPiece?: string
  bosPiece?: string
  eosPiece?: string
  padPiece?: string
  /** False: a text that has too few pieces gives a smaller vocabulary instead of an error. Default true. */
  hardVocabLimit?: boolean
  onProgress?: (progress: TrainProgress) => void
}

/** Options with every default filled in. */
export type ResolvedOptions = Required<Omit<TrainOptions, 'onProgress'>> & {
  onProgress: (progress: TrainProgress) => void
  modelType: ModelType
}

/** @throws TokenizerError where an option cannot be met */
export function resolveOptions(given: TrainOptions, modelType: ModelType): ResolvedOptions {
  const options: ResolvedOptions = {
    characterCoverage: 0.9995,
    byteFallback: false,
    splitDigits: false,
    splitByUnicodeScript: true,
    splitByNumber: true,
    splitByWhitespace: true,
    allowWhitespaceOnlyPieces: false,
    maxPieceLength: 16,
    userDefinedSymbols: [],
    controlSymbols: [],
    normalization: 'identity',
    addDummyPrefix: true,
    removeExtraWhitespaces: true,
    seedSize: 1_000_000,
    shrinkFactor: 0.75,
    subIterations: 2,
    unkId: 0,
    bosId: 1,
    eosId: 2,
    padId: -1,
    unkPiece: '<unk>',
    bosPiece: '<s>',
    eosPiece: '</s>',
    padPiece: '<pad>',
    hardVocabLimit: true,
    onProgress: () => {},
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    vocabSize: given.vocabSize,
    modelType,
  }
  integer('vocabSize', options.vocabSize, 1, 2 ** 24)
  integer('maxPieceLength', options.maxPieceLength, 1, 512)
  integer('seedSize', options.seedSize, 1, 2 ** 30)
  integer('subIterations', options.subIterations, 1, 1000)
  between('characterCoverage', options.characterCoverage, 0, 1)
  between('shrinkFactor', options.shrinkFactor, 0.01, 0.99)
  integer('unkId', options.unkId, 0, options.vocabSize - 1)
  for (const name of ['bosId', 'eosId', 'padId'] as const) integer(name, options[name], -1, options.vocabSize - 1)
  if (options.normalization !== 'identity') {
    throw new TokenizerError(`train: normalization is ${JSON.stringify(options.normalization)}; 'identity' is known`)
  }
  return options
}

function integer(name: string, value: number, from: number, to: number): void {
  if (!Number.isInteger(value) || value < from || value > to) {
    throw new TokenizerError(`train: ${name} is ${value}; an integer from ${from} to ${to} is needed`)
  }
}

function between(name: string, value: number, from: number, to: number): void {
  if (!(value >= from && value <= to)) {
    throw new TokenizerError(`train: ${name} is ${value}; a number from ${from} to ${to} is needed`)
  }
}
