/** The models in chronological order, each in three widths. */
import { decoderModel, feedForwardModel, type LanguageModel, nano, recurrentModel } from '@kumiki/models'

export interface Era {
  readonly label: string
  readonly model: LanguageModel
  /** Peak learning rate. */
  readonly rate: number
}

const transformer = (vocabSize: number, width: number, contextLength: number): LanguageModel =>
  decoderModel({
    ...nano,
    hiddenSize: width,
    intermediateSize: Math.round((width * 8) / 3 / 16) * 16,
    numHiddenLayers: 2,
    numAttentionHeads: width / 16,
    numKeyValueHeads: width / 16,
    headDim: 16,
    vocabSize,
    paddedVocabSize: vocabSize,
    maxPositionEmbeddings: contextLength,
  })

/** @param contextLength tokens per sequence in the batches */
export function eras(vocabSize: number, contextLength: number): Era[] {
  return [32, 64, 128].flatMap((width) => [
    {
      label: 'feed-forward (2001)',
      model: feedForwardModel({ vocabSize, window: 5, embeddingSize: width, hiddenSize: 2 * width, contextLength }),
      rate: 3e-3,
    },
    ...(['elman', 'lstm', 'gru'] as const).map((cell) => ({
      label: { elman: 'recurrent (2010)', lstm: 'LSTM (2012)', gru: 'GRU (2014)' }[cell],
      model: recurrentModel({ vocabSize, embeddingSize: width, hiddenSize: 2 * width, cell, contextLength }),
      rate: cell === 'elman' ? 1e-3 : 3e-3,
    })),
    { label: 'Transformer (2017)', model: transformer(vocabSize, width, contextLength), rate: 3e-3 },
  ])
}
