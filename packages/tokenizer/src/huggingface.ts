/**
 * Hugging Face tokenizers: load a `tokenizer.json`, encode, decode.
 * @packageDocumentation
 */
export type { Encoding, OffsetUnit } from './encoding.ts'
export type { NewToken, SpecialInText } from './huggingface/added-tokens.ts'
export type { FilePadding } from './huggingface/file-lengths.ts'
export type { FullEncoding, TruncationOptions } from './huggingface/full-encoding.ts'
export {
  type FullEncodeOptions,
  type HuggingFaceEncodeOptions,
  type HuggingFaceModelType,
  type HuggingFaceTokenizer,
  loadHuggingFaceTokenizer,
} from './huggingface/hugging-face-tokenizer.ts'
export type { TextDecodeStream } from './huggingface/text-decode-stream.ts'
export { TokenizerError } from './tokenizer-error.ts'
