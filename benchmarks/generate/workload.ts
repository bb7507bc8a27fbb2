/** The tiny Llama and the prompts that every implementation continues. */
import { type ModelArchitecture, nano } from '@kumiki/models'

/** 21.9 million weights, 17.7 million of them in six layers: 88 MB in float32, which no cache holds. */
export const architecture: ModelArchitecture = {
  ...nano,
  family: 'llama',
  hiddenSize: 512,
  intermediateSize: 1408,
  numHiddenLayers: 6,
  numAttentionHeads: 8,
  numKeyValueHeads: 4,
  headDim: 64,
  vocabSize: 8192,
  paddedVocabSize: 8192,
  maxPositionEmbeddings: 2048,
  initializerRange: 0.06,
}

export const seed = 1

/** Ordinary tokens spread over the vocabulary; another prompt each round, so that nothing can be kept from the last. */
export const promptOf = (length: number, round: number): number[] =>
  Array.from({ length }, (_, i) => 300 + (((i + 1) * 7919 + round * 104729) % (architecture.vocabSize - 300)))
