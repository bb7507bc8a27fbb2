import type { ModelArchitecture } from '@kumiki/models'
import { nano } from '@kumiki/models'

/** Two layers of 32: enough for everything a decoder has. */
export const tiny: ModelArchitecture = {
  ...nano,
  hiddenSize: 32,
  intermediateSize: 64,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 8,
  vocabSize: 50,
  paddedVocabSize: 50,
}

/** Counting texts: the next token is nearly always the one after. */
export const documents = Array.from({ length: 40 }, (_, d) =>
  Int32Array.from({ length: 20 + (d % 7) }, (_, i) => 3 + ((d + i) % 47)),
)
