/** What is trained: the shapes of LLM-jp-3, in two sizes a processor can train. */
import { type ModelArchitecture, nano } from '@kumiki/models'

export interface Subject {
  readonly architecture: ModelArchitecture
  /** Sequences of 128 tokens in a step. */
  readonly batchSize: number
  readonly steps: number
  readonly learningRate: number
}

export const subjects: Readonly<Record<string, Subject>> = {
  /** 1.6 million parameters. */
  nano: { architecture: nano, batchSize: 4, steps: 400, learningRate: 3e-3 },
  /** 10.5 million parameters. */
  '10m': {
    architecture: {
      ...nano,
      hiddenSize: 256,
      intermediateSize: 1024,
      numHiddenLayers: 9,
      numAttentionHeads: 8,
      numKeyValueHeads: 8,
      headDim: 32,
    },
    batchSize: 2,
    steps: 150,
    learningRate: 2e-3,
  },
}

export const sequenceLength = 128
