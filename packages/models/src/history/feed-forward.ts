/**
 * The feed-forward language model: concatenated embeddings of the last tokens, one hidden layer, a softmax over the
 * vocabulary.
 * @see Bengio et al. (2001, 2003)
 */
import { add, cast, concatenate, equal, full, mul, sliceAxis, type Tensor, take, tanh } from '@kumiki/tensor'
import { type LanguageModel, linear, type ModelCache } from '../language-model.ts'
import { lastRows, outputLayer } from '../output-layer.ts'
import { fromShapes, requireKnown, requireSizes } from './plain-model.ts'

export interface FeedForwardSizes {
  readonly vocabSize: number
  /** Tokens of context: it is an n-gram model of order `window` + 1. */
  readonly window: number
  readonly embeddingSize: number
  readonly hiddenSize: number
  /** Maximum sequence length in tokens; it limits batches, the model itself has no limit. Default 1024. */
  readonly contextLength?: number
}

/**
 * logits = U tanh(H [e(t), e(t-1), ..., e(t-window+1)] + d), without the direct connections that the paper found to be
 * optional. Positions before a document's first token are zeros.
 * @throws RangeError naming a size outside its bounds
 * @example
 * const model = feedForwardModel({ vocabSize: 2048, window: 5, embeddingSize: 64, hiddenSize: 256 })
 * model.countParameters().total // 131072 + 256 * 320 + 256 + 524288
 */
export function feedForwardModel(sizes: FeedForwardSizes): LanguageModel {
  const { vocabSize, window, embeddingSize, hiddenSize, contextLength = 1024 } = sizes
  const where = 'feedForwardModel'
  requireKnown(where, sizes, ['vocabSize', 'window', 'embeddingSize', 'hiddenSize', 'contextLength'])
  requireSizes(where, { vocabSize, window, embeddingSize, hiddenSize, contextLength })
  return {
    name: `feed-forward, ${window} tokens`,
    contextLength,
    vocabSize,
    supportsPadding: true,
    linearLayers: [{ name: 'hidden.weight', role: 'hidden', block: 0 }],
    ...fromShapes([
      { name: 'embedding.weight', shape: [vocabSize, embeddingSize] },
      { name: 'hidden.weight', shape: [hiddenSize, window * embeddingSize] },
      { name: 'hidden.bias', shape: [hiddenSize] },
      { name: 'head.weight', shape: [vocabSize, hiddenSize] },
    ]),
    forward(p, tokens, { activations, linear: rule, documents, cache, lengths } = {}) {
      const layer = rule ?? ((x, weight) => linear(x, weight, activations))
      const [batch, seq] = tokens.shape
      const before = window - 1
      const x = cast(take(p['embedding.weight'], tokens), 'float32') // [B, T, E]
      const nothing = () => full([batch, before, embeddingSize], 0)
      const past = cache && cache !== 'begin' ? cache.embeddings : before > 0 ? nothing() : undefined
      const all = past ? concatenate([past, x], 1) : x // [B, window - 1 + T, E]
      const seen = Array.from({ length: window }, (_, back) => {
        const shifted = sliceAxis(all, 1, before - back, before - back + seq)
        return documents && back > 0 ? mul(shifted, sameDocument(documents, back)) : shifted
      })
      const state = add(layer(concatenate(seen, 2), p['hidden.weight'], 'hidden.weight'), p['hidden.bias'])
      const end = () => (lengths ? lastRows(all, lengths.add(before), before) : sliceAxis(all, 1, seq, seq + before))
      const left: ModelCache = past ? { embeddings: end() } : {}
      return { ...outputLayer(tanh(state), p['head.weight'], activations, { lengths }), ...(cache && { cache: left }) }
    },
  }
}

/** float32 [batch, seq, 1]: 1 if the token `back` positions earlier belongs to the same document, else 0. */
function sameDocument(documents: Tensor, back: number): Tensor {
  const [batch, seq] = documents.shape
  const distance = Math.min(back, seq)
  const none = full([batch, distance], -1, 'int32')
  const earlier = distance === seq ? none : concatenate([none, sliceAxis(documents, 1, 0, seq - distance)], 1)
  return cast(equal(documents, earlier), 'float32').reshape([batch, seq, 1])
}
