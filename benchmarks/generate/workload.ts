/** The small Llama model and the prompts that every implementation continues. */
import { type ModelArchitecture, nano } from '@kumiki/models'

/** 21.9 million weights, 17.7 million of them in six layers: 88 MB in float32, more than a CPU's caches hold. */
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

/**
 * Ids spread over the vocabulary without its special tokens. Each round has another prompt, so that no prefix cache
 * helps.
 */
export const promptOf = (length: number, round: number): number[] =>
  Array.from({ length }, (_, i) => 300 + (((i + 1) * 7919 + round * 104729) % (architecture.vocabSize - 300)))
