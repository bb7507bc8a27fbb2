/** Options of training, checked. */
import { checkOptions } from '../check-options.ts'
import type { ModelType } from '../sentencepiece/model-file.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { compileCharsmap } from './compile-charsmap.ts'
import { NORMALIZATION_NAMES, type NormalizationName, type NormalizationRules, rulesOf } from './normalization-rules.ts'

/**
 * How far training is: `done` of `total` in the unit of the phase. Lines are read (`total` is their number where it is known);
 * estimating and pruning go from many pieces (`done`) down to `total`; merging goes up to `total` pieces, rescoring to `total` rounds.
 */
export type TrainProgress = {
  phase: 'read' | 'seed' | 'estimate' | 'prune' | 'merge' | 'rescore' | 'finish'
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
  /** The space mark goes behind a word, not in front of it. Default false. */
  treatWhitespaceAsSuffix?: boolean
  /** Characters in the longest piece. Default 16. */
  maxPieceLength?: number
  /**
   * Pieces that are in the vocabulary whatever the text says, with the scores that the text gives them; spaces are U+2581. They
   * count in `vocabSize`, and so do the characters they are made of. Unigram only. Default none.
   */
  fixedPieces?: readonly string[]
  /** Texts that are always one piece. */
  userDefinedSymbols?: readonly string[]
  /** Pieces that no text matches, set by whoever builds the ids. */
  controlSymbols?: readonly string[]
  /**
   * Rules that rewrite text before anything else, by SentencePiece's name for them, or as a map of what is written for what.
   * They become part of the model. Default `'identity'`, which has none (spm_train: `'nmt_nfkc'`).
   */
  normalization?: NormalizationName | NormalizationRules
  /** A space is put before the text. Default true. */
  addDummyPrefix?: boolean
  /** Spaces at the ends are dropped and runs of them become one. Default true. */
  removeExtraWhitespaces?: boolean
  /** Lines that are trained on at most, chosen at random from all (or the first ones, see below). Default 0: all. */
  inputSentenceSize?: number
  /** Whether they are chosen at random, always the same ones for the same `inputSentenceSize`. Default true. */
  shuffleInputSentence?: boolean
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
export type ResolvedOptions = Required<Omit<TrainOptions, 'onProgress' | 'normalization'>> & {
  /** The name of the rules. */
  normalization: string
  onProgress: (progress: TrainProgress) => void
  modelType: ModelType
  /** The rules of `normalization`, compiled. */
  charsmap: Uint8Array
}

function defaultOptions() {
  return {
    characterCoverage: 0.9995,
    byteFallback: false,
    splitDigits: false,
    splitByUnicodeScript: true,
    splitByNumber: true,
    splitByWhitespace: true,
    allowWhitespaceOnlyPieces: false,
    treatWhitespaceAsSuffix: false,
    maxPieceLength: 16,
    fixedPieces: [],
    userDefinedSymbols: [],
    controlSymbols: [],
    addDummyPrefix: true,
    removeExtraWhitespaces: true,
    inputSentenceSize: 0,
    shuffleInputSentence: true,
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
  } satisfies Partial<ResolvedOptions>
}

/** @throws TokenizerError where an option is not known or cannot be met */
export function resolveOptions(given: TrainOptions, modelType: ModelType): ResolvedOptions {
  if (typeof given !== 'object' || given === null) {
    throw new TokenizerError(
      `train: options is ${given === null ? 'null' : typeof given}; an object with vocabSize is needed`,
    )
  }
  const defaults = defaultOptions()
  checkOptions('train', given, ['vocabSize', 'normalization', ...Object.keys(defaults)])
  const options: ResolvedOptions = {
    ...defaults,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    vocabSize: given.vocabSize,
    modelType,
    ...compiledRules(given.normalization ?? 'identity'),
  }
  integer('vocabSize', options.vocabSize, 1, 2 ** 24)
  integer('maxPieceLength', options.maxPieceLength, 1, 512)
  integer('inputSentenceSize', options.inputSentenceSize, 0, 2 ** 30)
  integer('seedSize', options.seedSize, 1, 2 ** 30)
  integer('subIterations', options.subIterations, 1, 1000)
  between('characterCoverage', options.characterCoverage, 0, 1)
  between('shrinkFactor', options.shrinkFactor, 0.01, 0.99)
  integer('unkId', options.unkId, 0, options.vocabSize - 1)
  for (const name of ['bosId', 'eosId', 'padId'] as const) integer(name, options[name], -1, options.vocabSize - 1)
  checkFixedPieces(options.fixedPieces)
  return options
}

function checkFixedPieces(pieces: readonly string[]): void {
  const seen = new Set<string>()
  pieces.forEach((piece, k) => {
    if (typeof piece !== 'string' || piece === '' || /[ \0\p{Cs}]/u.test(piece)) {
      throw new TokenizerError(
        `train: fixedPieces[${k}] is ${JSON.stringify(piece)}; a text is needed, with spaces as U+2581`,
      )
    }
    if (piece.length > 512)
      throw new TokenizerError(`train: fixedPieces[${k}] has ${piece.length} units; 512 are allowed`)
    if (seen.has(piece)) throw new TokenizerError(`train: fixedPieces[${k}] is ${JSON.stringify(piece)} once more`)
    seen.add(piece)
  })
}

const compiled = new Map<NormalizationName, Uint8Array>()

function compiledRules(given: NormalizationName | NormalizationRules): { normalization: string; charsmap: Uint8Array } {
  if (given instanceof Map) return { normalization: 'user_defined', charsmap: compileCharsmap(given) }
  const name = NORMALIZATION_NAMES.find((known) => known === given)
  if (name === undefined) {
    throw new TokenizerError(
      `train: normalization is ${JSON.stringify(given)}; ${NORMALIZATION_NAMES.join(', ')} or a Map of rules are known`,
    )
  }
  let charsmap = compiled.get(name)
  if (charsmap === undefined) {
    charsmap = compileCharsmap(rulesOf(name))
    compiled.set(name, charsmap)
  }
  return { normalization: name, charsmap }
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
