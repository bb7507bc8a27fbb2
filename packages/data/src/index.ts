/** Training corpora without files: mixing, token files as bytes, batches. File access is in `@kumiki/data/node`. */
export { type Batch, BatchIterator, type BatchOptions, type BatchState, batches } from './batches.ts'
export { type EvaluationOptions, type EvaluationSet, packEvaluation } from './evaluation.ts'
export {
  type DatasetIndex,
  decodeDocument,
  decodeIndexedDataset,
  encodeIndex,
  encodeIndexedDataset,
  encodeTokens,
  parseIndex,
  type TokenDtype,
  tokenDtype,
} from './indexed-dataset.ts'
export { type CorpusSource, type MixRow, megatronDataPath, mixCorpora } from './mix.ts'
export { assertTrainable, type ReleaseLevel, releaseLevels } from './release-level.ts'
export type { TokenDocument } from './token-stream.ts'
