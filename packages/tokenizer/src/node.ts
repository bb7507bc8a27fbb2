/**
 * Node only: tokenizers from paths, URLs and the Hub, encoding on worker threads, files larger than memory.
 * @packageDocumentation
 */
export type { HuggingFaceTokenizer } from './huggingface/hugging-face-tokenizer.ts'
export { encodeFile } from './load/encode-file.ts'
export { type EncodedLines, EncodePool, type EncodePoolOptions } from './load/encode-pool.ts'
export type { HubOptions } from './load/hub.ts'
export type { EncodeFileOptions } from './load/line-blocks.ts'
export { type OpenOptions, openTokenizer } from './load/open-tokenizer.ts'
export { type TrainOnDiskOptions, trainOnDisk } from './load/train-on-disk.ts'
export { type StagedOnDiskOptions, trainStagedOnDisk } from './load/train-staged-on-disk.ts'
export type { Tokenizer } from './sentencepiece/tokenizer.ts'
export { TokenizerError } from './tokenizer-error.ts'
