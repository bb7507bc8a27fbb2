/** Peak memory of every pipeline stage, by part. Bytes throughout. */
import {
  attentionOutput,
  attentionWidths,
  layerParameters,
  mlpMatrices,
  normWeights,
  type ResolvedModel,
} from '../model/model.ts'
import type { RecomputeModule, ResolvedPlan } from '../plan/parallel-plan.ts'
import { type StageLayers, stageLayers } from '../plan/stages.ts'

/** Peak allocated bytes of a GPU of one pipeline stage. */
export interface StageMemory {
  readonly stage: number
  /** Parameters on this GPU before data-parallel sharding. */
  readonly parameters: number
  readonly weights: number
  readonly gradients: number
  readonly optimizer: number
  /** Activations of the micro-batches in flight. */
  readonly activations: number
  /** Logits and their gradient (last stage). */
  readonly logits: number
  /**
   * Gathered tensors of tensor parallelism, activations between stages, and fragmentation of the caching allocator with
   * FSDP.
   */
  readonly buffers: number
  readonly total: number
  /** Not in the total: CUDA context, NCCL and library workspaces, which torch does not count as allocated. */
  readonly reserve: number
}

/** Reserve for CUDA context, NCCL and library buffers in bytes. */
export const overheadBytes = 2.5e9

/**
 * Ratio of memory that torch reserves to what it allocates with FSDP, which gathers and frees weights of every layer
 * (torchtitan reports reserved memory).
 */
const fsdpFragmentation = 1.12

/** Fraction of a layer's activations that torch's per-operator checkpointing stores. */
const operatorShare = 0.45

/** Vocabulary rows after padding to a multiple of 128 x TP. */
export function paddedVocab(model: ResolvedModel, plan: { tensorParallel: number }): number {
  const multiple = 128 * plan.tensorParallel
  return Math.ceil(model.vocab / multiple) * multiple
}

/** Parameters by data-parallel group; experts have a separate group. */
export interface Held {
  readonly dense: number
  readonly experts: number
}

/**
 * Parameters on one GPU of one layer of each kind and of an embedding table, which do not depend on the pipeline.
 */
export interface LayerShares {
  readonly denseLayer: Held
  readonly mixtureLayer: Held
  /** Parameters of one table, padded. */
  readonly table: number
}

export function layerShares(model: ResolvedModel, plan: ResolvedPlan): LayerShares {
  const { tensorParallel: t, expertParallel: e, expertTensorParallel } = plan
  // Key and value heads are replicated if there are fewer of them than TP ranks.
  const widths = attentionWidths(model)
  const copied = Math.max(0, t / model.kvHeads - 1) * model.hidden * (widths.key + widths.value)
  const share = (layer: number): Held => {
    const one = layerParameters(model, layer)
    return {
      dense: (one.attention + copied + one.mlp) / t + one.replicated,
      experts: one.experts / (e * expertTensorParallel),
    }
  }
  return {
    denseLayer: share(0),
    mixtureLayer: share(model.layers - 1),
    table: (paddedVocab(model, plan) * model.hidden) / t,
  }
}

/** Parameters on one GPU of a stage: dense ones, and experts. */
export function stageParameters(
  model: ResolvedModel,
  plan: ResolvedPlan,
  stage: number,
  layers: StageLayers,
  { denseLayer, mixtureLayer, table }: LayerShares,
): Held {
  const last = plan.pipelineParallel - 1
  let dense = layers.dense * denseLayer.dense + layers.mixture * mixtureLayer.dense
  if (stage === 0) dense += table + model.learnedPositions * model.hidden
  if (stage === last) dense += normWeights(model) + (model.tiedEmbeddings && last === 0 ? 0 : table)
  return { dense, experts: layers.dense * denseLayer.experts + layers.mixture * mixtureLayer.experts }
}

/** Bytes of weights, gradients and optimizer for `count` parameters shared by `ranks` data-parallel ranks. */
function stateBytes(plan: ResolvedPlan, count: number, ranks: number) {
  // bf16 weights, gradients in fp32 or bf16, fp32 master weights and two fp32 moments: 2 + 4 + 12.
  const gradient = plan.gradientsInFp32 ? 4 : 2
  const moments = momentBytes(plan)
  const states = optimizerStates(plan, count, ranks, gradient, moments)
  return plan.offloadOptimizer ? { ...states, optimizer: 0 } : states
}

/** Bytes of both moments per parameter: fp32, bf16, or 8 bits with an fp32 scale per block of 256. */
export function momentBytes(plan: ResolvedPlan): number {
  if (plan.eightBitMoments) return 2 * (1 + 4 / 256)
  return plan.momentsInFp32 ? 8 : 4
}

function optimizerStates(plan: ResolvedPlan, count: number, ranks: number, gradient: number, moments: number) {
  switch (plan.sharding) {
    case 'none':
      return { weights: 2 * count, gradients: gradient * count, optimizer: (4 + moments) * count }
    case 'optimizer':
      return { weights: 2 * count, gradients: gradient * count, optimizer: ((4 + moments) * count) / ranks }
    case 'gradients':
      return { weights: 2 * count, gradients: (gradient * count) / ranks, optimizer: ((4 + moments) * count) / ranks }
    case 'full':
      // FSDP keeps fp32 shards of weights, gradients and moments; bf16 weights exist layer by layer. With a pipeline,
      // weights and gradients stay unsharded from the first micro-batch to the last.
      return plan.pipelineParallel > 1
        ? { weights: (4 / ranks + 2) * count, gradients: gradient * count, optimizer: (moments * count) / ranks }
        : { weights: (4 * count) / ranks, gradients: (4 * count) / ranks, optimizer: (moments * count) / ranks }
  }
}

/**
 * Parameters of the adapters of one layer: rank x (in + out) for each linear layer; each tensor-parallel rank has its
 * part of the wide dimension. In a model with experts, only attention has adapters: experts, shared experts and router
 * are frozen.
 * @see Hu et al. 2021 (LoRA), arXiv:2106.09685
 */
function adapterParameters(model: ResolvedModel, plan: ResolvedPlan): number {
  const { query, key, value } = attentionWidths(model)
  const { hidden: h, ffn, latentAttention: latent } = model
  const t = plan.tensorParallel
  const linear = (inside: number, outside: number) => plan.loraRank * (inside + outside)
  let parameters = linear(attentionOutput(model) / t, h)
  if (latent) {
    const { queryRank, keyValueRank, ropeDim } = latent
    parameters += queryRank > 0 ? linear(h, queryRank) + linear(queryRank, query / t) : linear(h, query / t)
    parameters += linear(h, keyValueRank + ropeDim) + linear(keyValueRank, (model.heads * model.headDim + value) / t)
  } else parameters += linear(h, query / t) + linear(h, key / t) + linear(h, value / t)
  if (model.experts) return parameters
  return parameters + (mlpMatrices(model) - 1) * linear(h, ffn / t) + linear(ffn / t, h)
}

/** Trained parameters on one GPU of a stage. */
export function trainedParameters(model: ResolvedModel, plan: ResolvedPlan, layers: StageLayers, held: Held): Held {
  if (plan.loraRank === 0) return held
  return { dense: (layers.dense + layers.mixture) * adapterParameters(model, plan), experts: 0 }
}

/** Whether the plan recomputes a part of a layer. */
export function recomputes(plan: ResolvedPlan, module: RecomputeModule): boolean {
  return plan.recompute === 'selective' && plan.recomputeModules.includes(module)
}

/**
 * Bytes of one layer's activations for one micro-batch, stored from forward to backward.
 * @param mixture of a layer with routed experts
 * @see Korthikanti et al. 2022 (arXiv:2205.05198), table 2; without the s^2 terms for fused attention
 */
export function layerActivationBytes(model: ResolvedModel, plan: ResolvedPlan, mixture: boolean): number {
  const { tensorParallel: t, contextParallel: c, expertTensorParallel } = plan
  const { hidden: h, heads: a, experts } = model
  const tokens = (plan.sequenceLength * plan.microBatchSize) / c
  const split = plan.sequenceParallel ? t : 1
  // Inputs of fp8 products are stored in fp8 by Transformer Engine; torch's float8 stores bf16.
  const input = plan.precision === 'fp8' && plan.sharding !== 'full' ? 1 : 2
  if (plan.recompute === 'full') return (2 * tokens * h) / split
  const widths = attentionWidths(model)
  // Two norms: their inputs, and their outputs as inputs of matrix products.
  const outside = 4 * h + (recomputes(plan, 'layernorm') ? 0 : 2 * input * h) + (plan.dropout ? 2 * h : 0)
  // Unfused kernels also store intermediates: the norms' input in fp32, queries and keys before rotation, SiLU's
  // output.
  const plain = !plan.fusedKernels && plan.sharding !== 'full'
  const apart = plain && !recomputes(plan, 'layernorm') ? 8 * h : 0
  const rotated = plain && model.learnedPositions === 0 ? 2 * (widths.query + widths.key) : 0
  const heads = recomputes(plan, 'mla_up_proj') ? 0 : 2 * (widths.query + widths.key + widths.value) + rotated
  let bytes =
    (tokens * (outside + apart + 2 * widths.compressed)) / split +
    (tokens * (heads + input * attentionOutput(model))) / t
  if (!recomputes(plan, 'core_attn')) {
    // The statistics of a fused softmax in fp32, or its probabilities, mask and dropped-out probabilities.
    bytes +=
      plan.attentionBackend !== 'unfused' ? (4 * tokens * a) / t : (5 * a * (plan.sequenceLength / c) * tokens) / t
  }
  const gates = 2 * (mlpMatrices(model) - 1) + (plain && model.gatedMlp ? 2 : 0)
  const perWidth = gates + input
  if (!mixture || !experts) {
    if (!recomputes(plan, 'mlp')) bytes += (tokens * perWidth * model.ffn) / t
    return plan.recompute === 'operators' ? operatorShare * bytes : bytes
  }
  if (!recomputes(plan, 'moe')) {
    // Router logits and probabilities in fp32; for each selected expert the token, the inner activations, and the
    // output.
    const inner = gates + (recomputes(plan, 'moe_act') ? 0 : input)
    const routed = 2 * input * h + (inner * experts.ffn) / expertTensorParallel
    bytes += (tokens / split) * (8 * experts.count + expertTensorParallel * experts.topK * routed)
    bytes += (tokens * perWidth * experts.sharedFfn) / t
  }
  return plan.recompute === 'operators' ? operatorShare * bytes : bytes
}

/**
 * Inputs of the memory estimate that do not depend on the pipeline, computed once for all plans that differ only in it.
 */
export interface LayerMemory extends LayerShares {
  /** Bytes of a dense layer's activations for one micro-batch, and of a mixture layer's. */
  readonly dense: number
  readonly mixture: number
  /** All activations of one layer of the larger kind, during full recomputation. */
  readonly whole: number
}

export function layerMemory(model: ResolvedModel, plan: ResolvedPlan): LayerMemory {
  const mixture = model.experts !== undefined
  const whole = plan.recompute === 'full' ? layerActivationBytes(model, { ...plan, recompute: 'none' }, mixture) : 0
  return {
    dense: layerActivationBytes(model, plan, false),
    mixture: mixture ? layerActivationBytes(model, plan, true) : 0,
    whole,
    ...layerShares(model, plan),
  }
}

/** Peak memory of each stage; a plan's peak is the largest total. */
export function estimateMemory(
  model: ResolvedModel,
  plan: ResolvedPlan,
  layers: readonly StageLayers[] = stageLayers(model, plan),
  each: LayerMemory = layerMemory(model, plan),
): StageMemory[] {
  const stages: StageMemory[] = []
  for (let stage = 0; stage < plan.pipelineParallel; stage++) {
    stages.push(stageMemory(model, plan, stage, layers[stage], each))
  }
  return stages
}

/** Peak memory of one stage. */
export function stageMemory(
  model: ResolvedModel,
  plan: ResolvedPlan,
  stage: number,
  here: StageLayers,
  each: LayerMemory,
): StageMemory {
  const { pipelineParallel: p, contextParallel: c, tensorParallel: t, dataParallel } = plan
  const tokens = (plan.sequenceLength * plan.microBatchSize) / c
  const split = plan.sequenceParallel ? t : 1
  const denseRanks = dataParallel * c
  const expertRanks = Math.max(1, (dataParallel * c * t) / (plan.expertParallel * plan.expertTensorParallel))
  const fsdp = plan.sharding === 'full'
  // bf16 logits, then fp32 probabilities that become the gradient; torch without a fused loss keeps copies of both.
  const perLogit = fsdp || !plan.fusedKernels ? 12 : 6
  // An all-gathered input and its gradient, unsharded on every rank; buffers to send to and receive from other stages.
  const gathered =
    (plan.sequenceParallel ? 4 * tokens * model.hidden : 0) + (p > 1 ? (4 * tokens * model.hidden) / split : 0)
  const held = stageParameters(model, plan, stage, here, each)
  const { dense, experts } = held
  const trained = trainedParameters(model, plan, here, held)
  const denseState = stateBytes(plan, trained.dense, denseRanks)
  const expertState = stateBytes(plan, trained.experts, expertRanks)
  // Frozen weights are stored only in bf16.
  const frozenBytes =
    plan.loraRank > 0 ? (2 * dense) / (fsdp ? denseRanks : 1) + (2 * experts) / (fsdp ? expertRanks : 1) : 0
  const count = here.dense + here.mixture
  let activations = here.inFlight * (here.dense * each.dense + here.mixture * each.mixture)
  if (stage === 0) activations += (here.inFlight * 2 * tokens * model.hidden) / split
  // During recomputation, all activations of one layer are allocated.
  activations += each.whole
  let weights = denseState.weights + expertState.weights + frozenBytes
  if (fsdp && p === 1) weights += (2 * 2 * (dense + experts)) / Math.max(1, count)
  const logits = stage === p - 1 ? (perLogit * tokens * paddedVocab(model, plan)) / t : 0
  const gradients = denseState.gradients + expertState.gradients
  const optimizer = denseState.optimizer + expertState.optimizer
  const counted = weights + gradients + optimizer + activations + logits + gathered
  const buffers = gathered + (fsdp ? (fsdpFragmentation - 1) * counted : 0)
  return {
    stage,
    parameters: dense + experts,
    weights,
    gradients,
    optimizer,
    activations,
    logits,
    buffers,
    total: counted + buffers - gathered,
    reserve: overheadBytes,
  }
}

/**
 * Bytes that a layer's elementwise kernels transfer in one forward pass: norms, residuals, rotary embedding,
 * activation.
 */
export function elementwiseBytes(model: ResolvedModel, plan: ResolvedPlan, mixture: boolean): number {
  const { tensorParallel: t, contextParallel: c, expertTensorParallel } = plan
  const { hidden: h, experts } = model
  const widths = attentionWidths(model)
  const tokens = (plan.sequenceLength * plan.microBatchSize) / c
  const split = plan.sequenceParallel ? t : 1
  const gate = 2 * mlpMatrices(model)
  const outside = (20 * h * tokens) / split
  const rotary = (4 * (widths.query + widths.key) * tokens) / t
  if (!mixture || !experts) return outside + rotary + (gate * model.ffn * tokens) / t
  const routed = experts.topK * (gate * experts.ffn + 12 * h * expertTensorParallel)
  return outside + rotary + (tokens / split) * routed + (gate * experts.sharedFfn * tokens) / t
}
