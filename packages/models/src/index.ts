/**
 * Language models: the interface, the decoder and other models, generation and evaluation. Functions that read files
 * are in `@kumiki/models/node`.
 */
export {
  type Adapter,
  adapterOf,
  initializeAdapter,
  type LoraConfig,
  type LoraModel,
  loraModel,
  loraTrainable,
  mergeAdapter,
} from './adapters/lora.ts'
export * from './configs.ts'
export type { BlockContext } from './decoder/block.ts'
export { type DecoderModel, type DecoderOptions, decoderModel } from './decoder/decoder.ts'
export type { RouterLosses } from './decoder/experts.ts'
export type { InitializeOptions } from './decoder/initialize.ts'
export type { DecoderPart, DecoderParts } from './decoder/parts.ts'
export {
  type Continuation,
  type LogLikelihood,
  type LogLikelihoodOptions,
  logLikelihoods,
} from './evaluate/log-likelihood.ts'
export { type Perplexity, type PerplexityOptions, perplexity } from './evaluate/perplexity.ts'
export type { EvaluationTask, TaskDocument, TaskMetric } from './evaluate/task.ts'
export { type TaskItem, type TemplateCompiler, taskItems } from './evaluate/task-prompts.ts'
export { type MetricScore, scoreTask, type TaskEncoder, type TaskScores } from './evaluate/task-scores.ts'
export {
  type GeneratedToken,
  type GenerateOptions,
  Generator,
  type GeneratorOptions,
} from './generate/generator.ts'
export { type SamplingOptions, sample } from './generate/sampling.ts'
export { StopStrings } from './generate/stop-strings.ts'
export { type IdDecoder, type StreamTextOptions, streamText, streamTexts } from './generate/stream-text.ts'
export { type FeedForwardSizes, feedForwardModel } from './history/feed-forward.ts'
export * from './history/ngram.ts'
export { type RecurrentSizes, recurrentModel } from './history/recurrent.ts'
export type { RecurrentCellName } from './history/recurrent-cells.ts'
export {
  type CacheDType,
  type CacheOptions,
  type ForwardOptions,
  type ForwardPass,
  type GroupedLayer,
  type GroupedRule,
  type LanguageModel,
  type LinearLayer,
  type LinearRule,
  linear,
  type ModelCache,
  type ModelCounts,
  type Parameters,
} from './language-model.ts'
export { outputLayer } from './output-layer.ts'
export { type BlockScaledModel, type BlockScaledOptions, blockScaledModel } from './quantized/block-scaled.ts'
export * from './safetensors/safetensors.ts'
export { type UpcycledModel, type UpcycleOptions, upcycle } from './upcycle.ts'
