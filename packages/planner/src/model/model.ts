/** Model sizes for the planner, and parameter and FLOP counts. */
import { type Fields, fields, flag, integer, oneOf, positive } from '../check.ts'

/** Routed experts. */
export interface PlannerExperts {
  /** Experts per layer. */
  readonly count: number
  /** Experts per token. */
  readonly topK: number
  /** Inner width of one expert. */
  readonly ffn: number
  /** Inner width of the shared expert; default 0: none. */
  readonly sharedFfn?: number
  /** First layers that keep a dense MLP; default 0. */
  readonly firstDenseLayers?: number
}

/** Multi-head latent attention (DeepSeek-V2): queries, keys and values are projected from compressed vectors. */
export interface LatentAttention {
  /** Width of compressed queries; 0: not compressed. */
  readonly queryRank: number
  /** Width of compressed keys and values. */
  readonly keyValueRank: number
  /** Width of the rotary part of a query and key head, in addition to `headDim`. */
  readonly ropeDim: number
  /** Width of a value head. */
  readonly valueDim: number
}

/** Layers that attend only to the last `window` tokens. */
export interface SlidingWindow {
  readonly window: number
  /** Fraction of layers with the window, above 0 and at most 1. */
  readonly share: number
}

/** A decoder by its sizes. */
export interface PlannerModel {
  readonly name?: string
  readonly layers: number
  readonly hidden: number
  /** Inner width of the dense MLP. */
  readonly ffn: number
  readonly heads: number
  /** Key/value heads (query groups). */
  readonly kvHeads: number
  readonly headDim: number
  /** Vocabulary size, before padding. */
  readonly vocab: number
  /** Gated MLP (three matrices) or a plain one (two); default true. */
  readonly gatedMlp?: boolean
  /** Input and output embeddings are tied; default false. */
  readonly tiedEmbeddings?: boolean
  /** Rows of a learned position table; default 0: rotary. */
  readonly learnedPositions?: number
  readonly experts?: PlannerExperts
  /** Multi-head latent attention; default none. */
  readonly latentAttention?: LatentAttention
  /** Windowed layers; default none. */
  readonly slidingWindow?: SlidingWindow
  /** Norms of queries and keys (one weight per head channel each); default false. */
  readonly qkNorm?: boolean
  /** RMSNorm, or LayerNorm with its bias; default RMSNorm, LayerNorm with learned positions (GPT-2 and 3). */
  readonly norm?: 'rms' | 'layer'
  /** Norms per layer over the hidden size; default 2 (Gemma 2 and 3: 4). */
  readonly normsPerLayer?: number
  /**
   * Biases of linear layers: none, only of queries, keys and values, or all; default none, or all with learned
   * positions.
   */
  readonly biases?: 'none' | 'qkv' | 'all'
  /** Activation of the MLP; default silu if it is gated, else gelu. */
  readonly activation?: 'silu' | 'gelu'
}

/** A validated model with all defaults filled in. */
export interface ResolvedModel extends PlannerModel {
  readonly gatedMlp: boolean
  readonly tiedEmbeddings: boolean
  readonly learnedPositions: number
  readonly experts: Required<PlannerExperts> | undefined
  readonly qkNorm: boolean
  readonly norm: 'rms' | 'layer'
  readonly normsPerLayer: number
  readonly biases: 'none' | 'qkv' | 'all'
  readonly activation: 'silu' | 'gelu'
}

const modelFields: Fields<PlannerModel> = {
  name: 1,
  layers: 1,
  hidden: 1,
  ffn: 1,
  heads: 1,
  kvHeads: 1,
  headDim: 1,
  vocab: 1,
  gatedMlp: 1,
  tiedEmbeddings: 1,
  learnedPositions: 1,
  experts: 1,
  latentAttention: 1,
  slidingWindow: 1,
  qkNorm: 1,
  norm: 1,
  normsPerLayer: 1,
  biases: 1,
  activation: 1,
}
const expertFields: Fields<PlannerExperts> = { count: 1, topK: 1, ffn: 1, sharedFfn: 1, firstDenseLayers: 1 }
const latentFields: Fields<LatentAttention> = { queryRank: 1, keyValueRank: 1, ropeDim: 1, valueDim: 1 }
const windowFields: Fields<SlidingWindow> = { window: 1, share: 1 }

/** Validates a model. @throws RangeError or TypeError naming field and bound */
export function validateModel(model: PlannerModel): ResolvedModel {
  fields('model', model, modelFields)
  const layers = integer('model.layers', model.layers, 1, 4096)
  integer('model.hidden', model.hidden, 1, 1 << 20)
  integer('model.ffn', model.ffn, 1, 1 << 22)
  const heads = integer('model.heads', model.heads, 1, 1 << 14)
  const kvHeads = integer('model.kvHeads', model.kvHeads, 1, heads)
  if (heads % kvHeads !== 0) {
    throw new RangeError(`model.kvHeads must divide model.heads, got ${kvHeads} and ${heads}`)
  }
  integer('model.headDim', model.headDim, 1, 1 << 14)
  integer('model.vocab', model.vocab, 1, 1 << 25)
  const learnedPositions = integer('model.learnedPositions', model.learnedPositions ?? 0, 0, 1 << 28)
  const gatedMlp = flag('model.gatedMlp', model.gatedMlp, true)
  const tiedEmbeddings = flag('model.tiedEmbeddings', model.tiedEmbeddings, false)
  const qkNorm = flag('model.qkNorm', model.qkNorm, false)
  const latentAttention = model.latentAttention && validateLatent(model.latentAttention)
  if (latentAttention && kvHeads !== heads) {
    throw new RangeError(
      `model.kvHeads must be model.heads with latentAttention (every head has its own keys and values), got ${kvHeads} and ${heads}`,
    )
  }
  const gpt = learnedPositions > 0
  const norm = oneOf('model.norm', model.norm ?? (gpt ? 'layer' : 'rms'), ['rms', 'layer'])
  const biases = oneOf('model.biases', model.biases ?? (gpt ? 'all' : 'none'), ['none', 'qkv', 'all'])
  const activation = oneOf('model.activation', model.activation ?? (gatedMlp ? 'silu' : 'gelu'), ['silu', 'gelu'])
  const normsPerLayer = integer('model.normsPerLayer', model.normsPerLayer ?? 2, 1, 16)
  const slidingWindow = model.slidingWindow && {
    window: integer(
      'model.slidingWindow.window',
      fields('model.slidingWindow', model.slidingWindow, windowFields).window,
      1,
      1 << 28,
    ),
    share: positive('model.slidingWindow.share', model.slidingWindow.share, 1),
  }
  const flags = { gatedMlp, tiedEmbeddings, learnedPositions, qkNorm, norm, normsPerLayer, biases, activation }
  const known = { ...model, ...flags, latentAttention, slidingWindow }
  if (model.experts === undefined || model.experts === null) return { ...known, experts: undefined }
  const given = model.experts
  fields('model.experts', given, expertFields)
  const count = integer('model.experts.count', given.count, 1, 1 << 14)
  const experts = {
    count,
    topK: integer('model.experts.topK', given.topK, 1, count),
    ffn: integer('model.experts.ffn', given.ffn, 1, 1 << 22),
    sharedFfn: integer('model.experts.sharedFfn', given.sharedFfn ?? 0, 0, 1 << 22),
    firstDenseLayers: integer('model.experts.firstDenseLayers', given.firstDenseLayers ?? 0, 0, layers),
  }
  return { ...known, experts }
}

/** Validates an untrusted model. @throws RangeError or TypeError naming the field */
export function checkModel(value: unknown): PlannerModel {
  validateModel(value as PlannerModel)
  return value as PlannerModel
}

function validateLatent(given: LatentAttention): LatentAttention {
  const latent = fields('model.latentAttention', given, latentFields)
  const field = (name: keyof LatentAttention, lower: number) =>
    integer(`model.latentAttention.${name}`, latent[name], lower, 1 << 16)
  return {
    queryRank: field('queryRank', 0),
    keyValueRank: field('keyValueRank', 1),
    ropeDim: field('ropeDim', 0),
    valueDim: field('valueDim', 1),
  }
}

/** Widths of attention, in channels of one token. */
export interface AttentionWidths {
  readonly query: number
  readonly key: number
  readonly value: number
  /** Compressed vectors (only with latent attention), on every tensor-parallel rank. */
  readonly compressed: number
}

/** Channels of all query, key and value heads. */
export function attentionWidths(model: ResolvedModel): AttentionWidths {
  const { heads: a, kvHeads: g, headDim: d, latentAttention: latent } = model
  if (!latent) return { query: a * d, key: g * d, value: g * d, compressed: 0 }
  const width = a * (d + latent.ropeDim)
  return {
    query: width,
    key: width,
    value: a * latent.valueDim,
    compressed: latent.queryRank + latent.keyValueRank + latent.ropeDim,
  }
}

/** Channels of attention's output, before the output projection. */
export function attentionOutput(model: ResolvedModel): number {
  return model.heads * (model.latentAttention?.valueDim ?? model.headDim)
}

/** Weights of attention: those split by tensor parallelism, and those on every rank (compressions). */
export function attentionWeights(model: ResolvedModel): { split: number; copied: number } {
  const { hidden: h, latentAttention: latent } = model
  const { query, key, value } = attentionWidths(model)
  const output = attentionOutput(model) * h
  if (!latent) return { split: h * (query + key + value) + output, copied: 0 }
  const { queryRank, keyValueRank, ropeDim } = latent
  const queries = queryRank > 0 ? queryRank * query : h * query
  return {
    split: queries + keyValueRank * (model.heads * model.headDim + value) + output,
    copied: h * (queryRank + keyValueRank + ropeDim),
  }
}

/**
 * Tokens that a token attends to without a causal mask, averaged over layers: the sequence, or twice the window in
 * windowed layers.
 */
export function attendedTokens(model: ResolvedModel, sequenceLength: number): number {
  const { slidingWindow } = model
  if (!slidingWindow) return sequenceLength
  const windowed = Math.min(sequenceLength, 2 * slidingWindow.window)
  return sequenceLength * (1 - slidingWindow.share) + windowed * slidingWindow.share
}

/** Matrices of an MLP: gate, up and down, or up and down. */
export function mlpMatrices(model: ResolvedModel): 2 | 3 {
  return model.gatedMlp ? 3 : 2
}

/** Parameters of a layer by how they are distributed. */
export interface LayerParameters {
  /** Attention projections, split by tensor parallelism. */
  readonly attention: number
  /** Dense MLP, or shared expert. */
  readonly mlp: number
  /** All routed experts together. */
  readonly experts: number
  /** Norms and router, on every rank. */
  readonly replicated: number
}

/** Parameters of a layer. @param layer index from 0 */
export function layerParameters(model: ResolvedModel, layer: number): LayerParameters {
  const { hidden: h, experts, latentAttention: latent } = model
  const { split, copied } = attentionWeights(model)
  const { query, key, value } = attentionWidths(model)
  const all = model.biases === 'all'
  const attention = split + (model.biases === 'none' ? 0 : query + key + value)
  const matrices = mlpMatrices(model)
  const mlpOf = (width: number) => (width === 0 ? 0 : matrices * h * width + (all ? (matrices - 1) * width : 0))
  const norms =
    normWeights(model) * model.normsPerLayer +
    (model.qkNorm ? 2 * model.headDim : 0) +
    (latent ? latent.queryRank + latent.keyValueRank : 0)
  // Output biases of attention and of the MLP are on every tensor-parallel rank.
  const replicated = norms + copied + (all ? h : 0)
  if (!experts || layer < experts.firstDenseLayers) {
    return { attention, mlp: mlpOf(model.ffn), experts: 0, replicated: replicated + (all ? h : 0) }
  }
  return {
    attention,
    mlp: mlpOf(experts.sharedFfn),
    experts: experts.count * (mlpOf(experts.ffn) + (all ? h : 0)),
    replicated: replicated + h * experts.count + (all && experts.sharedFfn > 0 ? h : 0),
  }
}

/** Weights of one norm over the hidden size. */
export function normWeights(model: ResolvedModel): number {
  return model.norm === 'layer' ? 2 * model.hidden : model.hidden
}

/** All parameters, with the vocabulary as given (not padded). */
export function totalParameters(model: ResolvedModel): number {
  const dense = model.experts ? model.experts.firstDenseLayers : model.layers
  const sum = (layer: number) => {
    const { attention, mlp, experts, replicated } = layerParameters(model, layer)
    return attention + mlp + experts + replicated
  }
  const tables = model.vocab * (model.tiedEmbeddings ? 1 : 2) + model.learnedPositions
  return (
    normWeights(model) +
    model.hidden * tables +
    (dense > 0 ? dense * sum(0) : 0) +
    (dense < model.layers ? (model.layers - dense) * sum(model.layers - 1) : 0)
  )
}

/**
 * Model FLOPs per trained token, forward and backward, by Megatron-LM's formula.
 * @param causal true: a causal mask halves attention (Megatron-LM >= core_v0.12); false: attention counted in full
 * @see megatron/training/training.py `num_floating_point_operations`
 */
export function modelFlopsPerToken(model: ResolvedModel, sequenceLength: number, causal: boolean): number {
  const { hidden: h, experts } = model
  const { query } = attentionWidths(model)
  const { split, copied } = attentionWeights(model)
  const projections = 2 * (split + copied)
  const attention = (causal ? 1 : 2) * attendedTokens(model, sequenceLength) * (query + attentionOutput(model))
  const perWidth = 2 * mlpMatrices(model) * h
  const dense = experts ? experts.firstDenseLayers : model.layers
  const width = experts ? experts.topK * experts.ffn + experts.sharedFfn : 0
  const mlp = perWidth * (dense * model.ffn + (model.layers - dense) * width)
  return 3 * (model.layers * (projections + attention) + mlp + 2 * h * model.vocab)
}
