export * from './configs.ts'
export { type DecoderModel, decoderModel } from './decoder/decoder.ts'
export type { InitializeOptions } from './decoder/initialize.ts'
export { Generator, type SamplingOptions, sample } from './generate/generator.ts'
export * from './history/ngram.ts'
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
export { outputLayer } from './output-layer.ts'
export * from './safetensors/safetensors.ts'
