/** Keys and values of the tokens so far: one tensor of the whole context for each layer, filled from the front. */
import {
  add,
  attention,
  cast,
  concatenate,
  full,
  greater,
  iota,
  less,
  lessEqual,
  logicalAnd,
  matmul,
  softmax,
  sub,
  swapAxes,
  type Tensor,
  take,
  tanh,
  where,
} from '@kumiki/tensor'
import type { ModelCache } from '../language-model.ts'
import type { ScoreOptions } from './attention.ts'

/** Attention that remembers: what a block is given in place of plain attention. */
export interface KeyValueCache {
  /** Where a pass goes on: its positions, float32 [T, 1], and how many tokens there are after it, float32 []. */
  readonly goesOn?: { readonly positions: Tensor; readonly length: Tensor }
  /**
   * Attention over the tokens so far and those of this pass, whose keys and values are kept.
   * @param q [B, T, H, D], rotated @param k [B, T, KV, D], rotated @param v [B, T, KV, D]
   * @returns like q
   */
  attend(layer: number, q: Tensor, k: Tensor, v: Tensor, options: ScoreOptions): Tensor
  /** What is kept after all layers. */
  kept(): ModelCache
}

/**
 * @param cache `begin`, or what an earlier pass kept
 * @param seq tokens T of this pass
 * @param contextLength positions S that there is room for. A pass that goes beyond it is not noticed: whoever decodes counts.
 */
export function openCache(
  cache: 'begin' | ModelCache,
  seq: number,
  contextLength: number,
  documents?: Tensor,
): KeyValueCache {
  return cache === 'begin' ? beginCache(seq, contextLength, documents) : continueCache(cache, seq, contextLength)
}

function beginCache(seq: number, contextLength: number, documents: Tensor | undefined): KeyValueCache {
  const kept: Record<string, Tensor> = { tokens: full([], seq) }
  const wholeContext = (x: Tensor) => {
    const [b, , heads, width] = x.shape
    return seq === contextLength ? x : concatenate([x, full([b, contextLength - seq, heads, width], 0)], 1)
  }
  return {
    attend(layer, q, k, v, options) {
      kept[`layers.${layer}.keys`] = wholeContext(k)
      kept[`layers.${layer}.values`] = wholeContext(v)
      return attention(q, k, v, { documents, ...options })
    },
    kept: () => kept,
  }
}

function continueCache(cache: ModelCache, seq: number, contextLength: number): KeyValueCache {
  const { tokens } = cache
  const kept: Record<string, Tensor> = { tokens: tokens.add(seq) }
  // Where each position of the context lies in this pass: below 0 it came before.
  const offset = sub(cast(iota([contextLength], 0), 'float32'), tokens) // [S]
  const positions = add(cast(iota([seq, 1], 0), 'float32'), tokens) // [T, 1]
  const keyPositions = cast(iota([1, contextLength], 1), 'float32')
  const before = lessEqual(keyPositions, positions)
  /** Which keys each query sees, [T, S]. */
  const seen = (window?: number) =>
    window === undefined ? before : logicalAnd(before, greater(keyPositions, positions.sub(window)))
  const column = offset.reshape([1, contextLength, 1, 1])
  const isNew = less(column.sub((seq - 1) / 2).abs(), seq / 2)
  /** The context with this pass's rows in their places. */
  const written = (old: Tensor, x: Tensor) => where(isNew, seq === 1 ? x : take(x, cast(offset, 'int32'), 1), old)
  return {
    goesOn: { positions, length: kept.tokens },
    attend(layer, q, k, v, options) {
      const keys = written(cache[`layers.${layer}.keys`], k) // [B, S, KV, D]
      const values = written(cache[`layers.${layer}.values`], v)
      kept[`layers.${layer}.keys`] = keys
      kept[`layers.${layer}.values`] = values
      const [b, , heads, width] = q.shape
      const kv = k.shape[2]
      const group = heads / kv
      // Query heads that share a key head are rows of one product.
      const queries = q
        .reshape([b, seq, kv, group, width])
        .transpose([0, 2, 3, 1, 4])
        .reshape([b, kv, group * seq, width])
      const scores = matmul(queries, keys.transpose([0, 2, 3, 1])).mul(options.scale) // [B, KV, G T, S]
      const { window, softcap } = options
      const capped = softcap === undefined ? scores : tanh(scores.mul(1 / softcap)).mul(softcap)
      const masked = where(seen(window), capped.reshape([b, kv, group, seq, contextLength]), -1e30)
      const weights = softmax(masked).reshape([b, kv, group * seq, contextLength])
      const o = matmul(weights, swapAxes(values, 1, 2)) // [B, KV, G T, D]
      return o.reshape([b, kv, group, seq, width]).transpose([0, 3, 1, 2, 4]).reshape([b, seq, heads, width])
    },
    kept: () => kept,
  }
}
