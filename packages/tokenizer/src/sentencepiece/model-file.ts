/**
 * The SentencePiece model file: a protocol buffer (proto2) with the pieces and the specifications of normaliser and
 * trainer.
 * @see https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
 */
import type { PieceList } from './piece-list.ts'

/** The segmentation algorithm of a model (`TrainerSpec.ModelType`). */
export type ModelType = 'unigram' | 'bpe' | 'word' | 'char'

export const MODEL_TYPES: readonly ModelType[] = ['unigram', 'bpe', 'word', 'char']

/** The type of a piece (`SentencePiece.Type`). */
export const PieceType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

export type Piece = {
  /** The text of the piece; a space is written U+2581. */
  piece: string
  /** Log probability (unigram) or minus the merge rank (bpe), float32. */
  score: number
  /** One of `PieceType`. */
  type: number
}

export type NormalizerSpec = {
  name: string
  /** Compiled replacement rules: u32 size of a double array, the array, NUL-terminated replacements. Empty: none. */
  precompiledCharsmap: Uint8Array
  addDummyPrefix: boolean
  removeExtraWhitespaces: boolean
  escapeWhitespaces: boolean
}

export type TrainerSpec = {
  modelType: ModelType
  byteFallback: boolean
  treatWhitespaceAsSuffix: boolean
  unkPiece: string
  bosPiece: string
  eosPiece: string
  padPiece: string
  /** Text that decoding writes for the unknown piece. */
  unkSurface: string
}

export type ModelFile = {
  pieces: PieceList
  trainer: TrainerSpec
  normalizer: NormalizerSpec
  /** Rules applied to decoded text; undefined where the file has none. */
  denormalizer: NormalizerSpec | undefined
}

/** Field numbers of the messages, by name. */
export const Field = {
  model: { pieces: 1, trainerSpec: 2, normalizerSpec: 3, denormalizerSpec: 5 },
  piece: { piece: 1, score: 2, type: 3 },
  normalizer: { name: 1, precompiledCharsmap: 2, addDummyPrefix: 3, removeExtraWhitespaces: 4, escapeWhitespaces: 5 },
  trainer: {
    modelType: 3,
    vocabSize: 4,
    characterCoverage: 10,
    seedSentencepieceSize: 14,
    shrinkingFactor: 15,
    numThreads: 16,
    numSubIterations: 17,
    maxSentencepieceLength: 20,
    splitByUnicodeScript: 21,
    splitByWhitespace: 22,
    splitByNumber: 23,
    treatWhitespaceAsSuffix: 24,
    splitDigits: 25,
    allowWhitespaceOnlyPieces: 26,
    controlSymbols: 30,
    userDefinedSymbols: 31,
    hardVocabLimit: 33,
    byteFallback: 35,
    unkId: 40,
    bosId: 41,
    eosId: 42,
    padId: 43,
    unkSurface: 44,
    unkPiece: 45,
    bosPiece: 46,
    eosPiece: 47,
    padPiece: 48,
  },
} as const

export function defaultTrainerSpec(): TrainerSpec {
  return {
    modelType: 'unigram',
    byteFallback: false,
    treatWhitespaceAsSuffix: false,
    unkPiece: '<unk>',
    bosPiece: '<s>',
    eosPiece: '</s>',
    padPiece: '<pad>',
    unkSurface: ' \u2047 ',
  }
}

export function defaultNormalizerSpec(): NormalizerSpec {
  return {
    name: '',
    precompiledCharsmap: new Uint8Array(0),
    addDummyPrefix: true,
    removeExtraWhitespaces: true,
    escapeWhitespaces: true,
  }
}
