/** Training corpora in memory: mixing, token files as bytes, batches. File access is in `@kumiki/data/node`. */
export { type Batch, BatchIterator, type BatchOptions, type BatchState, batches } from './batches/batches.ts'
export { bestFit, type PackedDocuments, packBestFit } from './batches/best-fit.ts'
export { DataMismatchError } from './batches/data-mismatch-error.ts'
export { type EvaluationOptions, type EvaluationSet, packEvaluation } from './batches/evaluation.ts'
export { joinStreams } from './batches/join-streams.ts'
export {
  type ExcessLengthStrategy,
  type FittedDocuments,
  fitDocuments,
  type MaskedDocument,
  type PackedBatch,
  PackedBatchIterator,
  type PackedBatchOptions,
  type PackedBatchState,
  packedBatches,
} from './batches/packed-batches.ts'
export {
  type StreamBatch,
  StreamBatches,
  type StreamBatchOptions,
  type StreamBatchState,
  streamBatches,
  type TokenReader,
} from './batches/stream-batches.ts'
export type { TokenDocument } from './batches/token-stream.ts'
export {
  type BlendPhase,
  type BlendPlan,
  type BlendRow,
  type BlendSubset,
  type PlannedPhase,
  planBlend,
} from './blend/blend-plan.ts'
export {
  type CorpusSource,
  type MeasuredSource,
  type MixPicks,
  type MixRow,
  megatronDataPath,
  mixSources,
  planMix,
} from './blend/mix.ts'
export { assertTrainable, assertUse, type ReleaseLevel, releaseLevels, strictestLevel } from './blend/release-level.ts'
export { applyFilters, emptyCounts, type Filter, type FilterCounts, type Verdict } from './clean/filter.ts'
export { languageFilter } from './clean/language.ts'
export { minhash } from './clean/minhash.ts'
export { personalDataFilter } from './clean/personal-data.ts'
export {
  type CharacterLimits,
  characterFilter,
  type JapaneseLimits,
  japaneseFilter,
  lengthFilter,
  repetitionFilter,
} from './clean/text-rules.ts'
export {
  type Conversation,
  type ConversationMessage,
  parseConversation,
  type ToolCall,
} from './conversations/conversation.ts'
export {
  type CorpusView,
  type InspectOptions,
  inspectDocuments,
  Reservoir,
} from './inspect/inspect-documents.ts'
export { LengthCounts, type LengthSummary } from './inspect/length-counts.ts'
export { hashOf, RepeatCounts } from './inspect/repeat-counts.ts'
export {
  type MegatronBatch,
  MegatronBatches,
  type MegatronBatchesOptions,
  type MegatronBatchState,
  megatronBatches,
  type ReadableDataset,
} from './megatron/megatron-batches.ts'
export type { SplitName } from './megatron/normalize.ts'
export { RandomState } from './megatron/numpy-random.ts'
export { RandomOrder, type RandomOrderOptions } from './megatron/random-order.ts'
export {
  type FoundStep,
  Replay,
  type ReplayDataset,
  type ReplayedPart,
  type ReplayedSample,
  type ReplayOptions,
  readDataPath,
} from './megatron/replay.ts'
export type { SampleOrder, SamplePart } from './megatron/sample-order.ts'
export { type BatchRampup, StepSizes } from './megatron/step-sizes.ts'
export {
  type OrderedDataset,
  type OrderedSample,
  splitRange,
  TrainingOrder,
  type TrainingOrderOptions,
} from './megatron/training-order.ts'
export { checkEncoding } from './sources/line-stream.ts'
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
