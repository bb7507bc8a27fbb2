/**
 * The key/value cache: per layer one preallocated tensor of keys and one of values, each row filled from its beginning.
 */
import {
  add,
  attention,
  broadcastTo,
  cast,
  clamp,
  concatenate,
  full,
  greater,
  iota,
  lessEqual,
  logicalAnd,
  matmul,
  softmax,
  swapAxes,
  type Tensor,
  tanh,
  where,
  writeRows,
} from '@kumiki/tensor'
import type { CacheDType, CacheOptions, ModelCache } from '../language-model.ts'
import type { ScoreOptions } from './attention.ts'

/** Attention with a cache, which replaces plain attention in a block. */
export interface KeyValueCache {
  /**
   * For a pass that continues: its positions, float32 [B T, 1], and the number of tokens of its row after it, float32
   * [B T, 1].
   */
  readonly continuation?: { readonly positions: Tensor; readonly length: Tensor }
  /**
   * Attention over the cached tokens and those of this pass, whose keys and values are added to the cache.
   * @param q [B, T, H, D], rotated @param k [B, T, KV, D], rotated @param v [B, T, KV, D]
   * @returns like q
   */
  attend(layer: number, q: Tensor, k: Tensor, v: Tensor, options: ScoreOptions): Tensor
  /** The updated cache, after all layers. */
  kept(): ModelCache
}

interface PassOptions extends CacheOptions {
  readonly documents?: Tensor
  readonly lengths?: Tensor
}

/** The largest number of each narrow float8. @see arXiv:2209.05433, table 1 */
const largest: Partial<Record<CacheDType, number>> = { float8_e4m3fn: 448, float8_e5m2: 57344 }

/** Keys or values in their storage format. Values beyond the range of float8 saturate instead of becoming NaN. */
function stored(x: Tensor, dtype: CacheDType): Tensor {
  const bound = largest[dtype]
  return cast(bound === undefined ? x : clamp(x, -bound, bound), dtype)
}

/**
 * @param cache `begin`, or the cache of an earlier pass
 * @param shape of the pass's tokens, [B, T]
 * @param contextLength largest number of positions. Writes beyond the cache's room are not detected here: the caller
 * counts tokens.
 * @throws RangeError for a room too small for the pass or larger than the context, and for an unsupported format
 */
export function openCache(
  cache: 'begin' | ModelCache,
  [batch, seq]: readonly number[],
  contextLength: number,
  options: PassOptions,
): KeyValueCache {
  const { room, dtype = 'float32' } = options
  if (room !== undefined && !(Number.isInteger(room) && room >= seq && room <= contextLength))
    throw new RangeError(
      `decoder: cacheOptions.room must be an integer from ${seq} (the tokens of the pass) to ${contextLength} (maxPositionEmbeddings), got ${room}`,
    )
  if (dtype !== 'float32' && dtype !== 'bfloat16' && !largest[dtype])
    throw new RangeError(
      `decoder: cacheOptions.dtype must be float32, bfloat16, float8_e4m3fn or float8_e5m2, got ${dtype}`,
    )
  if (cache === 'begin') return beginCache(batch, seq, room ?? contextLength, dtype, options)
  return continueCache(cache, batch, seq, room ?? 0, options.lengths)
}

/** x [B, S, KV, D] padded with zeros to `room` positions. */
function withRoom(x: Tensor, room: number): Tensor {
  const [b, s, heads, width] = x.shape
  return s >= room ? x : concatenate([x, full([b, room - s, heads, width], 0, x.dtype)], 1)
}

function beginCache(
  batch: number,
  seq: number,
  room: number,
  dtype: CacheDType,
  { documents, lengths }: PassOptions,
): KeyValueCache {
  const kept: Record<string, Tensor> = { tokens: lengths ?? full([batch], seq, 'int32') }
  return {
    attend(layer, q, k, v, options) {
      kept[`layers.${layer}.keys`] = withRoom(stored(k, dtype), room)
      kept[`layers.${layer}.values`] = withRoom(stored(v, dtype), room)
      return attention(q, k, v, { documents, ...options })
    },
    kept: () => kept,
  }
}

function continueCache(
  cache: ModelCache,
  batch: number,
  seq: number,
  atLeast: number,
  lengths: Tensor | undefined,
): KeyValueCache {
  const { tokens } = cache // int32 [B]
  const filled = Object.entries(cache).find(([name]) => name.endsWith('.keys'))?.[1]
  const room = Math.max(atLeast, filled?.shape[1] ?? seq)
  const kept: Record<string, Tensor> = { tokens: lengths ? add(tokens, lengths) : tokens.add(seq) }
  const before = cast(tokens.reshape([batch, 1, 1]), 'float32')
  const positions = add(cast(iota([batch, seq, 1], 1), 'float32'), before) // [B, T, 1]
  const atEnd = broadcastTo(cast(kept.tokens.reshape([batch, 1, 1]), 'float32'), [batch, seq, 1])
  const keyPositions = cast(iota([1, 1, room], 2), 'float32')
  const past = lessEqual(keyPositions, positions)
  /** Which keys each query attends to, [B, 1, 1, T, S]. */
  const seen = (window?: number) =>
    (window === undefined ? past : logicalAnd(past, greater(keyPositions, positions.sub(window)))).reshape([
      batch,
      1,
      1,
      seq,
      room,
    ])
  const written = (name: string, x: Tensor) => {
    const old = cache[name]
    kept[name] = writeRows(withRoom(old, room), stored(x, old.dtype as CacheDType), tokens)
    return kept[name]
  }
  return {
    continuation: { positions: positions.reshape([-1, 1]), length: atEnd.reshape([-1, 1]) },
    attend(layer, q, k, v, { scale, window, softcap }) {
      const keys = written(`layers.${layer}.keys`, k) // [B, S, KV, D]
      const values = written(`layers.${layer}.values`, v)
      const [b, , heads, width] = q.shape
      const kv = k.shape[2]
      const group = heads / kv
      // Query heads that share a key head (grouped-query attention) become rows of one matrix product.
      const queries = q
        .reshape([b, seq, kv, group, width])
        .transpose([0, 2, 3, 1, 4])
        .reshape([b, kv, group * seq, width])
      const scores = matmul(queries, keys.transpose([0, 2, 3, 1]), { dtype: 'float32' }).mul(scale) // [B, KV, G T, S]
      const capped = softcap === undefined ? scores : tanh(scores.mul(1 / softcap)).mul(softcap)
      const masked = where(seen(window), capped.reshape([b, kv, group, seq, room]), -1e30)
      const weights = softmax(masked).reshape([b, kv, group * seq, room])
      const o = matmul(weights, swapAxes(values, 1, 2), { dtype: 'float32' }) // [B, KV, G T, D]
      return o.reshape([b, kv, group, seq, width]).transpose([0, 3, 1, 2, 4]).reshape([b, seq, heads, width])
    },
    kept: () => kept,
  }
}
