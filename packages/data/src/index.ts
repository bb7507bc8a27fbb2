/** Training corpora without files: mixing, token files as bytes, batches. File access is in `@kumiki/data/node`. */
export { type Batch, BatchIterator, type BatchOptions, type BatchState, batches } from './batches/batches.ts'
export { type EvaluationOptions, type EvaluationSet, packEvaluation } from './batches/evaluation.ts'
export type { TokenDocument } from './batches/token-stream.ts'
export { type CorpusSource, type MixRow, megatronDataPath, mixCorpora } from './blend/mix.ts'
export { assertTrainable, type ReleaseLevel, releaseLevels } from './blend/release-level.ts'
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
} from './tokens/indexed-dataset.ts'
