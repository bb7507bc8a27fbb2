/**
 * SentencePiece tokenizers: load a `.model`, encode, decode. The trainer is in `@kumiki/tokenizer/train`.
 * @packageDocumentation
 */
export type { DecodeStream } from './decode-stream.ts'
export type { Encoding, OffsetUnit } from './encoding.ts'
export { type FitOptions, type FittedIds, fitLength } from './fit-length.ts'
export type { ModelType } from './model-file.ts'
export { type EncodeOptions, loadTokenizer, type PieceKind, type ScoredIds, type Tokenizer } from './tokenizer.ts'
export { TokenizerError } from './tokenizer-error.ts'
export { textFromBytes } from './utf8.ts'
