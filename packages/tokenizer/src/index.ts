/**
 * SentencePiece tokenizers: load a `.model`, encode, decode. The trainer is in `@kumiki/tokenizer/train`.
 * @packageDocumentation
 */

export type { Encoding, OffsetUnit } from './encoding.ts'
export { type FitOptions, type FittedIds, fitLength } from './fit-length.ts'
export type { DecodeStream } from './sentencepiece/decode-stream.ts'
export type { ModelType } from './sentencepiece/model-file.ts'
export {
  type EncodeOptions,
  loadTokenizer,
  type PieceKind,
  type ScoredIds,
  type Tokenizer,
} from './sentencepiece/tokenizer.ts'
export { TokenizerError } from './tokenizer-error.ts'
export { textFromBytes } from './utf8.ts'
