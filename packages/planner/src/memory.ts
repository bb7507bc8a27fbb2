/** Peak memory of every pipeline stage, by part. Bytes throughout. */
import { type KnownModel, layerParameters, mlpMatrices } from './model.ts'
import type { KnownPlan } from './parallel-plan.ts'
import { firstLayers, layersPerStage, microBatchesInFlight } from './stages.ts'

/** Peak allocated bytes of a GPU of one pipeline stage. */
export interface StageMemory {
  readonly stage: number
  /** Parameters on this GPU before data-parallel sharding. */
  readonly parameters: number
  readonly weights: number
  readonly gradients: number
  readonly optimizer: number
  readonly activations: number
  /** Logits and their gradient (last stage). */
  readonly logits: number
  readonly total: number
}

/** Vocabulary rows after padding to a multiple of 128 x TP. */
export function paddedVocab(model: KnownModel, plan: { tensorParallel: number }): number {
  const multiple = 128 * plan.tensorParallel
  return Math.ceil(model.vocab / multiple) * multiple
}

/** Parameters on one GPU of a stage: dense ones, and experts (which have their own data-parallel group). */
export function stageParameters(model: KnownModel, plan: KnownPlan, stage: number): { dense: number; experts: number } {
  const { tensorParallel: t, pipelineParallel: p, expertParallel: e } = plan
  const perStage = layersPerStage(model.layers, p, plan.virtualPipeline, plan.anyLayout)!
  const first = firstLayers(perStage)[stage]
  // Key and value heads are copied where there are fewer of them than TP ranks.
  const copied = Math.max(0, t / model.kvHeads - 1) * 2 * model.hidden * model.headDim * model.kvHeads
  let dense = 0
  let experts = 0
  for (let layer = first; layer < first + perStage[stage]; layer++) {
    const counts = layerParameters(model, layer)
    dense += (counts.attention + copied + counts.mlp) / t + counts.replicated
    experts += counts.experts / e
  }
  const table = (paddedVocab(model, plan) * model.hidden) / t
  if (stage === 0) dense += table + model.learnedPositions * model.hidden
  if (stage === p - 1) dense += model.hidden + (model.tiedEmbeddings && p === 1 ? 0 : table)
  return { dense, experts }
}

/** Bytes of weights, gradients and optimizer for `count` parameters shared by `ranks` data-parallel ranks. */
function stateBytes(plan: KnownPlan, count: number, ranks: number) {
  // bf16 weights, gradients in fp32 or bf16, fp32 master weights and two fp32 moments: 2 + 4 + 12.
  const gradient = plan.gradientsInFp32 ? 4 : 2
  switch (plan.sharding) {
    case 'none':
      return { weights: 2 * count, gradients: gradient * count, optimizer: 12 * count }
    case 'optimizer':
      return { weights: 2 * count, gradients: gradient * count, optimizer: (12 * count) / ranks }
    case 'gradients':
      return { weights: 2 * count, gradients: (gradient * count) / ranks, optimizer: (12 * count) / ranks }
    case 'full':
      // FSDP keeps fp32 shards of weights, gradients and moments; bf16 weights exist layer by layer. With a pipeline,
      // weights and gradients stay whole from the first micro-batch to the last.
      return plan.pipelineParallel > 1
        ? { weights: (4 / ranks + 2) * count, gradients: gradient * count, optimizer: (8 * count) / ranks }
        : { weights: (4 * count) / ranks, gradients: (4 * count) / ranks, optimizer: (8 * count) / ranks }
  }
}

/**
 * Bytes of one layer's activations for one micro-batch, kept from forward to backward.
 * @see Korthikanti et al. 2022 (arXiv:2205.05198), table 2; without the s^2 terms for fused attention
 */
export function layerActivationBytes(model: KnownModel, plan: KnownPlan, layer: number): number {
  const { tensorParallel: t, contextParallel: c } = plan
  const { hidden: h, headDim: d, heads: a, kvHeads: g, experts } = model
  const tokens = (plan.sequenceLength * plan.microBatchSize) / c
  const split = plan.sequenceParallel ? t : 1
  // Inputs of matrix products are kept in fp8 where the products are.
  const input = plan.precision === 'fp8' ? 1 : 2
  if (plan.recompute === 'full') return (2 * tokens * h) / split
  const outside = (4 + 2 * input) * h + (plan.dropout ? 2 * h : 0)
  const attention = 2 * d * (a + 2 * g) + input * a * d
  const perWidth = model.gatedMlp ? 4 + input : 2 + input
  let bytes = (tokens * outside) / split + (tokens * attention) / t
  bytes += plan.flashAttention
    ? (4 * tokens * a) / t
    : plan.recompute === 'none'
      ? (5 * a * (plan.sequenceLength / c) * tokens) / t
      : 0
  if (!experts || layer < experts.firstDenseLayers) {
    bytes += (tokens * perWidth * model.ffn) / t
  } else {
    // Router logits and probabilities in fp32; for each chosen expert the token, its inner widths, and what comes back.
    bytes += (tokens / split) * (8 * experts.count + experts.topK * (2 * input * h + perWidth * experts.ffn))
    bytes += (tokens * perWidth * experts.sharedFfn) / t
  }
  return plan.recompute === 'operators' ? 0.6 * bytes : bytes
}

/** Peak memory of each stage. `bytes` of a plan is the largest total. */
export function estimateMemory(model: KnownModel, plan: KnownPlan): StageMemory[] {
  const { pipelineParallel: p, contextParallel: c, tensorParallel: t, dataParallel, expertParallel: e } = plan
  const perStage = layersPerStage(model.layers, p, plan.virtualPipeline, plan.anyLayout)!
  const firsts = firstLayers(perStage)
  const tokens = (plan.sequenceLength * plan.microBatchSize) / c
  const split = plan.sequenceParallel ? t : 1
  const expertRanks = Math.max(1, (dataParallel * c * t) / e)
  return perStage.map((layers, stage) => {
    const { dense, experts } = stageParameters(model, plan, stage)
    const denseState = stateBytes(plan, dense, dataParallel * c)
    const expertState = stateBytes(plan, experts, expertRanks)
    const inFlight = microBatchesInFlight(stage, p, plan.virtualPipeline, plan.microBatches)
    const kept = Array.from({ length: layers }, (_, i) => layerActivationBytes(model, plan, firsts[stage] + i))
    const keptBytes = kept.reduce((sum, bytes) => sum + bytes, 0)
    let activations = inFlight * keptBytes
    if (stage === 0) activations += (inFlight * 2 * tokens * model.hidden) / split
    // While one layer is recomputed all of its activations exist.
    const whole = { ...plan, recompute: 'none' } as const
    if (plan.recompute === 'full') activations += layerActivationBytes(model, whole, firsts[stage])
    let weights = denseState.weights + expertState.weights
    if (plan.sharding === 'full' && p === 1) weights += (2 * 2 * (dense + experts)) / Math.max(1, layers)
    // bf16 logits, then fp32 probabilities that become the gradient; torch keeps both with their gradients.
    const perLogit = plan.sharding === 'full' ? 12 : 6
    const logits = stage === p - 1 ? (perLogit * tokens * paddedVocab(model, plan)) / t : 0
    const gradients = denseState.gradients + expertState.gradients
    const optimizer = denseState.optimizer + expertState.optimizer
    return {
      stage,
      parameters: dense + experts,
      weights,
      gradients,
      optimizer,
      activations,
      logits,
      total: weights + gradients + optimizer + activations + logits,
    }
  })
}

/** Matrix bytes a dense layer moves in one forward pass besides its products: norms, residuals, rotary, activation. */
export function elementwiseBytes(model: KnownModel, plan: KnownPlan, layer: number): number {
  const { tensorParallel: t, contextParallel: c } = plan
  const { hidden: h, headDim: d, heads: a, kvHeads: g, experts } = model
  const tokens = (plan.sequenceLength * plan.microBatchSize) / c
  const split = plan.sequenceParallel ? t : 1
  const gate = 2 * mlpMatrices(model)
  const outside = (20 * h * tokens) / split
  const rotary = (4 * d * (a + 2 * g) * tokens) / t
  if (!experts || layer < experts.firstDenseLayers) return outside + rotary + (gate * model.ffn * tokens) / t
  const routed = experts.topK * (gate * experts.ffn + 12 * h)
  return outside + rotary + (tokens / split) * routed + (gate * experts.sharedFfn * tokens) / t
}
