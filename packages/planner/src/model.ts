/** What the planner has to know of a model, and the counts that follow. */
import { integer, object } from './check.ts'

/** Routed experts. */
export interface PlannerExperts {
  /** Experts in a layer. */
  readonly count: number
  /** Experts a token visits. */
  readonly topK: number
  /** Inner width of one expert. */
  readonly ffn: number
  /** Inner width of the shared expert; default 0: none. */
  readonly sharedFfn?: number
  /** First layers that keep a dense MLP; default 0. */
  readonly firstDenseLayers?: number
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
  /** Tokens of the vocabulary, before padding. */
  readonly vocab: number
  /** SwiGLU (three matrices) rather than two; default true. */
  readonly gatedMlp?: boolean
  /** One table for input and output; default false. */
  readonly tiedEmbeddings?: boolean
  /** Rows of a learned position table; default 0: rotary. */
  readonly learnedPositions?: number
  readonly experts?: PlannerExperts
}

/** A checked model with every default filled in. */
export interface KnownModel extends PlannerModel {
  readonly gatedMlp: boolean
  readonly tiedEmbeddings: boolean
  readonly learnedPositions: number
  readonly experts: Required<PlannerExperts> | undefined
}

/** Checks a model. @throws RangeError or TypeError naming field and bound */
export function validateModel(model: PlannerModel): KnownModel {
  object('model', model)
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
  const { gatedMlp = true, tiedEmbeddings = false } = model
  if (!model.experts) return { ...model, gatedMlp, tiedEmbeddings, learnedPositions, experts: undefined }
  const given = model.experts
  const count = integer('model.experts.count', given.count, 1, 1 << 14)
  const experts = {
    count,
    topK: integer('model.experts.topK', given.topK, 1, count),
    ffn: integer('model.experts.ffn', given.ffn, 1, 1 << 22),
    sharedFfn: integer('model.experts.sharedFfn', given.sharedFfn ?? 0, 0, 1 << 22),
    firstDenseLayers: integer('model.experts.firstDenseLayers', given.firstDenseLayers ?? 0, 0, layers),
  }
  return { ...model, gatedMlp, tiedEmbeddings, learnedPositions, experts }
}

/** Matrices of an MLP: gate, up and down, or up and down. */
export function mlpMatrices(model: KnownModel): 2 | 3 {
  return model.gatedMlp ? 3 : 2
}

/** Parameters by where they live. Norms are counted as RMSNorm weights. */
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

/** Parameters of layer `layer`. */
export function layerParameters(model: KnownModel, layer: number): LayerParameters {
  const { hidden: h, headDim: d, heads, kvHeads, experts } = model
  const attention = 2 * h * d * (heads + kvHeads)
  const matrices = mlpMatrices(model)
  if (!experts || layer < experts.firstDenseLayers) {
    return { attention, mlp: matrices * h * model.ffn, experts: 0, replicated: 2 * h }
  }
  return {
    attention,
    mlp: matrices * h * experts.sharedFfn,
    experts: experts.count * matrices * h * experts.ffn,
    replicated: 2 * h + h * experts.count,
  }
}

/** All parameters, with the vocabulary as given (not padded). */
export function totalParameters(model: KnownModel): number {
  let total = model.hidden + model.hidden * (model.vocab * (model.tiedEmbeddings ? 1 : 2) + model.learnedPositions)
  for (let layer = 0; layer < model.layers; layer++) {
    const { attention, mlp, experts, replicated } = layerParameters(model, layer)
    total += attention + mlp + experts + replicated
  }
  return total
}

/**
 * Model FLOPs per trained token, forward and backward, by Megatron-LM's formula.
 * @param causal true: a causal mask halves attention (Megatron-LM >= core_v0.12); false: attention counted full
 * @see megatron/training/training.py `num_floating_point_operations`
 */
export function modelFlopsPerToken(model: KnownModel, sequenceLength: number, causal: boolean): number {
  const { hidden: h, headDim: d, heads, kvHeads, experts } = model
  const projections = 4 * h * d * (heads + kvHeads)
  const attention = (causal ? 2 : 4) * sequenceLength * heads * d
  const perWidth = 2 * mlpMatrices(model) * h
  const dense = experts ? experts.firstDenseLayers : model.layers
  const width = experts ? experts.topK * experts.ffn + experts.sharedFfn : 0
  const mlp = perWidth * (dense * model.ffn + (model.layers - dense) * width)
  return 3 * (model.layers * (projections + attention) + mlp + 2 * h * model.vocab)
}
