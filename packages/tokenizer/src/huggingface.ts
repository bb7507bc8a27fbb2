/**
 * Hugging Face tokenizers: load a `tokenizer.json`, encode, decode.
 * @packageDocumentation
 */
export type { Encoding, OffsetUnit } from './encoding.ts'
export type { NewToken, SpecialInText } from './huggingface/added-tokens.ts'
export type { FullEncodeOptions, HuggingFaceEncodeOptions } from './huggingface/encode-options.ts'
export type { FilePadding } from './huggingface/file-lengths.ts'
export type { FullEncoding, TruncationOptions } from './huggingface/full-encoding.ts'
export { type HuggingFaceTokenizer, loadHuggingFaceTokenizer } from './huggingface/hugging-face-tokenizer.ts'
export type { TextDecodeStream } from './huggingface/text-decode-stream.ts'
export type { HuggingFaceModelType } from './huggingface/token-models.ts'
export { TokenizerError } from './tokenizer-error.ts'
