/** Options of training: their defaults and checks. */
import { checkOptions } from '../check-options.ts'
import type { ModelType } from '../sentencepiece/model-file.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { compileCharsmap } from './compile-charsmap.ts'
import { NORMALIZATION_NAMES, type NormalizationName, type NormalizationRules, rulesOf } from './normalization-rules.ts'

/**
 * Progress of training: `done` of `total` in the unit of the phase. `read` counts lines (`total` is their number where
 * it is known); in `estimate` and `prune`, `done` pieces decrease to `total`; `merge` counts up to `total` pieces,
 * `rescore` to `total` iterations.
 */
export type TrainProgress = {
  phase: 'read' | 'seed' | 'estimate' | 'prune' | 'merge' | 'rescore' | 'finish'
  done: number
  total: number
}

/** Options of training; names and defaults follow `spm_train` unless said otherwise. */
export type TrainOptions = {
  /** Number of pieces, including the unknown, control, user-defined and byte pieces. */
  vocabSize: number
  /**
   * Share of the text's characters covered by the alphabet, by frequency; the rest are unknown or bytes. Default
   * 0.9995.
   */
  characterCoverage?: number
  /** Unknown characters are encoded as UTF-8 bytes, which takes 256 pieces. Default false. */
  byteFallback?: boolean
  /** Each digit is a piece of its own. Default false. */
  splitDigits?: boolean
  /** No piece crosses from one script into another; Han, Hiragana and Katakana count as one. Default true. */
  splitByUnicodeScript?: boolean
  /** A change between digits and letters is a change of script. Default true. */
  splitByNumber?: boolean
  /** No piece contains a space except at its start (or end, see `treatWhitespaceAsSuffix`). Default true. */
  splitByWhitespace?: boolean
  /** Pieces of several spaces and nothing else are allowed. Default false. */
  allowWhitespaceOnlyPieces?: boolean
  /** The space mark U+2581 is the last character of a word instead of the first. Default false. */
  treatWhitespaceAsSuffix?: boolean
  /** Maximum length of a piece in characters. Default 16. */
  maxPieceLength?: number
  /**
   * Pieces that are always in the vocabulary, with scores estimated from the text; spaces are U+2581. They and the
   * characters they consist of count towards `vocabSize`. Unigram only. Default none.
   */
  fixedPieces?: readonly string[]
  /** Texts that are always encoded as one piece. */
  userDefinedSymbols?: readonly string[]
  /** Pieces that no text matches; the application inserts their ids. */
  controlSymbols?: readonly string[]
  /**
   * Normalisation rules, applied to the text first: the name of a SentencePiece rule set, or a Map from text to
   * replacement. They become part of the model. Default `'identity'`, which has no rules (spm_train: `'nmt_nfkc'`).
   */
  normalization?: NormalizationName | NormalizationRules
  /** A space is prepended to the text. Default true. */
  addDummyPrefix?: boolean
  /** Leading and trailing spaces are removed, and runs of spaces become one. Default true. */
  removeExtraWhitespaces?: boolean
  /** Maximum number of lines to train on, sampled as `shuffleInputSentence` says. Default 0: all. */
  inputSentenceSize?: number
  /** Lines are sampled at random (with a fixed seed); false: the first ones are taken. Default true. */
  shuffleInputSentence?: boolean
  /** Number of candidates that unigram training starts from. Default 1,000,000. */
  seedSize?: number
  /** Share of the pieces that each pruning keeps, from 0.01 to 0.99. Default 0.75. */
  shrinkFactor?: number
  /** EM iterations before each pruning. Default 2. */
  subIterations?: number
  /** Required, so at least 0. Default 0. */
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
  /** False: a text with too few pieces gives a smaller vocabulary instead of an error. Default true. */
  hardVocabLimit?: boolean
  onProgress?: (progress: TrainProgress) => void
}

/** Options with every default filled in. */
export type ResolvedOptions = Required<Omit<TrainOptions, 'onProgress' | 'normalization'>> & {
  /** The name of the rule set; `user_defined` for a Map. */
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

/** @throws TokenizerError where an option is unknown or out of range */
export function resolveOptions(given: TrainOptions, modelType: ModelType): ResolvedOptions {
  if (typeof given !== 'object' || given === null) {
    throw new TokenizerError(
      `train: options is ${given === null ? 'null' : typeof given}; an object with vocabSize is needed`,
      { option: 'vocabSize' },
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
        { option: 'fixedPieces' },
      )
    }
    if (piece.length > 512)
      throw new TokenizerError(`train: fixedPieces[${k}] has ${piece.length} units; 512 are allowed`, {
        option: 'fixedPieces',
      })
    if (seen.has(piece))
      throw new TokenizerError(`train: fixedPieces[${k}] is ${JSON.stringify(piece)} once more`, {
        option: 'fixedPieces',
      })
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
      { option: 'normalization' },
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
    throw new TokenizerError(`train: ${name} is ${value}; an integer from ${from} to ${to} is needed`, { option: name })
  }
}

function between(name: string, value: number, from: number, to: number): void {
  if (!(value >= from && value <= to)) {
    throw new TokenizerError(`train: ${name} is ${value}; a number from ${from} to ${to} is needed`, { option: name })
  }
}
