/**
 * Models whose training steps are compiled: small, with a large vocabulary, and with grouped queries and tied
 * embeddings.
 */
import { findModel, type ModelArchitecture, nano } from '@kumiki/models'

export interface Shape {
  readonly name: string
  readonly architecture: ModelArchitecture
  readonly batch: number
  readonly sequence: number
  /** Number of micro-batches (gradient accumulation); default 1. */
  readonly accumulation?: number
}

export const shapes: readonly Shape[] = [
  { name: 'nano, 4 x 128', architecture: nano, batch: 4, sequence: 128 },
  { name: 'nano, 16 x 128 in 4 micro-batches', architecture: nano, batch: 16, sequence: 128, accumulation: 4 },
  {
    name: 'LLM-jp-3 150M, 1 x 2048',
    architecture: findModel('llm-jp-3-150m').architecture,
    batch: 1,
    sequence: 2048,
  },
  {
    name: '16 layers of 768, 12 heads over 4, tied, 2 x 1024',
    architecture: {
      ...nano,
      hiddenSize: 768,
      intermediateSize: 2048,
      numHiddenLayers: 16,
      numAttentionHeads: 12,
      numKeyValueHeads: 4,
      headDim: 64,
      vocabSize: 32_000,
      paddedVocabSize: 32_000,
      tieWordEmbeddings: true,
      maxPositionEmbeddings: 1024,
    },
    batch: 2,
    sequence: 1024,
  },
]
