/** Text generation, one token at a time, with a cache of keys and values. */
import {
  type Compiled,
  cast,
  compile,
  type Device,
  equal,
  iota,
  lessEqual,
  matmul,
  rmsNorm,
  rotary,
  softmax,
  swapAxes,
  type Tensor,
  take,
  where,
} from '@kumiki/tensor'
import type { ModelArchitecture } from './architecture.ts'
import { Decoder, type Parameters } from './decoder.ts'
import { words } from './random.ts'

export interface SamplingOptions {
  /** 0 takes the likeliest token; 1 samples from the model's distribution. Default 0.8. */
  readonly temperature?: number
  /** Keep the likeliest tokens that together reach this probability. Default 1 (all). */
  readonly topP?: number
  /** Keep this many of the likeliest tokens. Default 0 (all). */
  readonly topK?: number
  /** Default 0. */
  readonly seed?: number
}

/** Keys and values so far: [1, positions, kvHeads, headDim] for each layer. */
type Cache = { k: Tensor; v: Tensor }[]

/** Generates from one set of parameters. Dispose it at the end. */
export class Generator {
  readonly maxPositions: number
  private readonly device: Device
  private readonly parameters: Parameters
  private readonly architecture: ModelArchitecture
  private readonly decoder: Decoder
  private readonly step: Compiled<[Parameters, Cache, Tensor, Tensor, Tensor, Tensor], { logits: Tensor; cache: Cache }>

  constructor(device: Device, architecture: ModelArchitecture, parameters: Parameters) {
    this.device = device
    this.parameters = parameters
    this.architecture = architecture
    this.decoder = new Decoder(device, architecture)
    this.maxPositions = architecture.maxPositionEmbeddings
    this.step = compile(
      (p: Parameters, cache: Cache, token: Tensor, cos: Tensor, sin: Tensor, position: Tensor) =>
        this.decode(p, cache, token, cos, sin, position),
      { donate: [1] },
    )
  }

  /**
   * Continues a prompt. The context slides: once it holds maxPositionEmbeddings tokens, its older half is dropped.
   * @param prompt token ids, at least one and fewer than maxPositions
   * @yields the ids of the continuation
   */
  async *generate(
    prompt: ArrayLike<number>,
    maxTokens: number,
    options: SamplingOptions & { readonly stopIds?: readonly number[] } = {},
  ): AsyncGenerator<number> {
    const { temperature = 0.8, topP = 1, topK = 0, seed = 0, stopIds = [] } = options
    if (!(temperature >= 0 && temperature < Infinity))
      throw new RangeError(`generate: temperature must be 0 or more, got ${temperature}`)
    if (!(topP > 0 && topP <= 1)) throw new RangeError(`generate: topP must be above 0 and at most 1, got ${topP}`)
    if (!Number.isInteger(topK) || topK < 0)
      throw new RangeError(`generate: topK must be an integer of 0 or more, got ${topK}`)
    if (!Number.isInteger(maxTokens) || maxTokens < 0)
      throw new RangeError(`generate: maxTokens must be an integer of 0 or more, got ${maxTokens}`)
    if (prompt.length === 0)
      throw new RangeError('generate: the prompt is empty; give at least one token (such as the end-of-text id)')
    const { vocabSize } = this.architecture
    for (let i = 0; i < prompt.length; i++)
      if (!Number.isInteger(prompt[i]) || prompt[i] < 0 || prompt[i] >= vocabSize)
        throw new RangeError(
          `generate: token ${i} of the prompt must be an integer from 0 to ${vocabSize - 1} (a vocabulary of ${vocabSize}), got ${prompt[i]}`,
        )
    if (prompt.length >= this.maxPositions)
      throw new RangeError(
        `generate: the prompt has ${prompt.length} tokens, the context of the model holds ${this.maxPositions} and needs room for one more; shorten it, or give its end alone`,
      )
    const next = words(seed, 0x5eed)
    let context = Array.from(prompt)
    let cache = this.emptyCache()
    let position = 0
    let logits: Float32Array | undefined
    const feed = async (id: number) => {
      const { cos, sin } = this.decoder.rotaryRow(position)
      const rows = await Promise.all(
        [cos, sin].map(async (t) => this.device.tensor((await t.data()) as Float32Array, t.shape)),
      )
      const out = await this.step(
        this.parameters,
        cache,
        this.device.tensor(Int32Array.of(id), [1, 1]),
        rows[0],
        rows[1],
        position,
      )
      cos.dispose()
      sin.dispose()
      cache = out.cache
      position++
      logits = (await out.logits.data()) as Float32Array
      out.logits.dispose()
    }
    try {
      for (const id of context) await feed(id)
      for (let made = 0; made < maxTokens; made++) {
        const id = sample(logits!, { temperature, topP, topK }, next() / 4294967296)
        if (stopIds.includes(id)) return
        yield id
        context.push(id)
        if (position === this.maxPositions) {
          context = context.slice(-Math.ceil(this.maxPositions / 2))
          this.release(cache)
          cache = this.emptyCache()
          position = 0
          for (const old of context) await feed(old)
        } else await feed(id)
      }
    } finally {
      this.release(cache)
    }
  }

  dispose(): void {
    this.step.dispose()
    this.decoder.dispose()
  }

  private emptyCache(): Cache {
    const { numHiddenLayers, numKeyValueHeads, headDim } = this.architecture
    const zeros = () =>
      this.device.tensor(new Float32Array(this.maxPositions * numKeyValueHeads * headDim), [
        1,
        this.maxPositions,
        numKeyValueHeads,
        headDim,
      ])
    return Array.from({ length: numHiddenLayers }, () => ({ k: zeros(), v: zeros() }))
  }

  private release(cache: Cache): void {
    for (const { k, v } of cache) {
      k.dispose()
      v.dispose()
    }
  }

  /** One position through all layers; later positions of the cache hold zeros and are masked. */
  private decode(
    p: Parameters,
    cache: Cache,
    token: Tensor,
    cos: Tensor,
    sin: Tensor,
    position: Tensor,
  ): { logits: Tensor; cache: Cache } {
    const { numHiddenLayers, numAttentionHeads, numKeyValueHeads, headDim, rmsNormEps } = this.architecture
    const group = numAttentionHeads / numKeyValueHeads
    const s = this.maxPositions
    const index = cast(iota([1, s, 1, 1], 1), 'float32')
    const here = equal(index, position)
    const seen = lessEqual(cast(iota([1, 1, 1, s], 3), 'float32'), position)
    let x = cast(take(p['model.embed_tokens.weight'], token), 'float32') // [1, 1, C]
    const next: Cache = []
    for (let i = 0; i < numHiddenLayers; i++) {
      const prefix = `model.layers.${i}`
      const { q, k, v } = this.decoder.project(
        p,
        `${prefix}.self_attn`,
        rmsNorm(x, p[`${prefix}.input_layernorm.weight`], rmsNormEps),
      )
      const keys = where(here, rotary(k, cos, sin), cache[i].k) // [1, S, KV, D]
      const values = where(here, v, cache[i].v)
      next.push({ k: keys, v: values })
      const queries = rotary(q, cos, sin).reshape([1, numKeyValueHeads, group, headDim])
      const scores = matmul(queries, keys.transpose([0, 2, 3, 1])).mul(1 / Math.sqrt(headDim)) // [1, KV, G, S]
      const weights = softmax(where(seen, scores, -1e30))
      const o = matmul(weights, swapAxes(values, 1, 2)) // [1, KV, G, D]
      const h = x.add(
        this.decoder.linear(o.reshape([1, 1, numAttentionHeads * headDim]), p[`${prefix}.self_attn.o_proj.weight`]),
      )
      const n = rmsNorm(h, p[`${prefix}.post_attention_layernorm.weight`], rmsNormEps)
      x = h.add(this.decoder.feedForward(p, `${prefix}.mlp`, n))
    }
    const hidden = rmsNorm(x, p['model.norm.weight'], rmsNormEps)
    return { logits: this.decoder.linear(hidden, this.decoder.head(p)).reshape([-1]), cache: next }
  }
}

/**
 * Draws one id.
 * @param logits one score for each token
 * @param uniform a number in [0, 1)
 */
export function sample(
  logits: Float32Array,
  options: Required<Pick<SamplingOptions, 'temperature' | 'topP' | 'topK'>>,
  uniform: number,
): number {
  const { temperature, topP, topK } = options
  let best = 0
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i
  if (temperature === 0) return best
  const order = Array.from(logits.keys())
  const weights = Float64Array.from(logits, (x) => Math.exp((x - logits[best]) / temperature))
  let kept = order
  if (topP < 1 || topK > 0) {
    kept = order.sort((a, b) => weights[b] - weights[a] || a - b)
    if (topK > 0) kept = kept.slice(0, topK)
    if (topP < 1) {
      const total = kept.reduce((sum, i) => sum + weights[i], 0)
      let reached = 0
      const end = kept.findIndex((i) => (reached += weights[i]) >= topP * total)
      kept = kept.slice(0, end < 0 ? kept.length : end + 1)
    }
  }
  let left = uniform * kept.reduce((sum, i) => sum + weights[i], 0)
  for (const i of kept) {
    left -= weights[i]
    if (left < 0) return i
  }
  return kept[kept.length - 1]
}
