export * from './configs.ts'
export { type DecoderModel, decoderModel } from './decoder/decoder.ts'
export type { InitializeOptions } from './decoder/initialize.ts'
export { Generator, type SamplingOptions, sample } from './generate.ts'
export {
  type ForwardOptions,
  type ForwardPass,
  type LanguageModel,
  type LinearLayer,
  type LinearRule,
  linear,
  type ModelCache,
  type ModelCounts,
  type Parameters,
} from './language-model.ts'
export * from './ngram.ts'
export { outputLayer } from './output-layer.ts'
export * from './safetensors.ts'
