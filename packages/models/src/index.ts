export * from './configs.ts'
export {
  Decoder,
  type DecoderOptions,
  type ForwardOptions,
  type InitializeOptions,
  initializeParameters,
  type LinearRule,
  type Parameters,
} from './decoder.ts'
export { Generator, type SamplingOptions, sample } from './generate.ts'
export * from './ngram.ts'
export * from './safetensors.ts'
