/** Time of one optimizer step, by part. Seconds throughout. */
import type { KnownCluster } from './gpu.ts'
import { elementwiseBytes, paddedVocab, stageParameters } from './memory.ts'
import { type KnownModel, mlpMatrices } from './model.ts'
import { collectiveBandwidth, exchangeSeconds, groupBandwidth } from './network.ts'
import type { KnownPlan } from './parallel-plan.ts'
import { firstLayers, layersPerStage } from './stages.ts'

/** One step on the slowest pipeline stage. The parts add up to `step`. */
export interface StepTime {
  /** Matrix products, attention and elementwise work of all micro-batches. */
  readonly compute: number
  /** Work done again in the backward pass. */
  readonly recompute: number
  readonly tensorParallel: number
  readonly contextParallel: number
  readonly expertParallel: number
  /** Activations between pipeline stages. */
  readonly pipeline: number
  /** Stages that wait at the start and end of a step. */
  readonly bubble: number
  /** Gradients and parameters among data-parallel ranks, as far as computation does not hide them. */
  readonly dataParallel: number
  readonly optimizer: number
  readonly step: number
}

/** Fitted constants (seconds, or parts of a peak). */
export const constants = {
  /** Fixed cost of one matrix product. */
  kernelLatency: 6e-6,
  /** Fixed cost of the small kernels of a layer, each way. */
  layerLatency: 45e-6,
  /** Fixed cost of routing, permuting and dispatching in a mixture layer, each way. */
  expertLatency: 800e-6,
  /** Bytes of elementwise work without fused kernels, over those with. */
  unfusedElementwise: 1.6,
  /** fp8 products without fused casts, over those with. */
  unfusedFp8: 0.7,
  /** Rate of attention without fused kernels around it (FlashAttention 2 rather than cuDNN's or FlashAttention 3). */
  unfusedAttention: 0.62,
  /** Fixed cost of one collective. */
  collectiveLatency: 15e-6,
  /** Part of the memory bandwidth that elementwise kernels sustain. */
  memoryEfficiency: 0.67,
  /** fp8 products: part of what the bf16 efficiency would give on the fp8 peak (casts, scales). */
  fp8Efficiency: 0.95,
  /** Part of tensor-parallel communication left visible when it overlaps products. */
  exposedTensorParallel: 0.4,
  /** Part of a backward pass that can hide gradient reduction. */
  hiding: 0.95,
  /** Logging, data, host work each step. */
  stepLatency: 0.03,
} as const

interface Parts {
  forward: number
  backward: number
  attentionForward: number
}

/** Seconds of an [m, k] x [k, n] product: the peak's share, plus moving the operands once. */
function product(cluster: KnownCluster, plan: KnownPlan, m: number, k: number, n: number): number {
  const { gpu } = cluster
  const rate =
    plan.precision === 'fp8'
      ? gpu.peakFp8! * gpu.matmulEfficiency * constants.fp8Efficiency * (plan.fusedKernels ? 1 : constants.unfusedFp8)
      : gpu.peakBf16 * gpu.matmulEfficiency
  const bytes = 2 * (m * k + k * n + m * n)
  return (2 * m * k * n) / rate + bytes / gpu.memoryBandwidth + constants.kernelLatency
}

/** Compute of one layer for one micro-batch. */
function layerParts(model: KnownModel, cluster: KnownCluster, plan: KnownPlan, layer: number): Parts {
  const { tensorParallel: t, contextParallel: c } = plan
  const { hidden: h, headDim: d, heads: a, kvHeads: g, experts } = model
  const { gpu } = cluster
  const tokens = (plan.sequenceLength * plan.microBatchSize) / c
  const inner = mlpMatrices(model) - 1
  let products =
    product(cluster, plan, tokens, h, (d * (a + 2 * g)) / t) + product(cluster, plan, tokens, (a * d) / t, h)
  if (!experts || layer < experts.firstDenseLayers) {
    products +=
      product(cluster, plan, tokens, h, (inner * model.ffn) / t) + product(cluster, plan, tokens, model.ffn / t, h)
  } else {
    const local = experts.count / plan.expertParallel
    const routed = ((tokens / (plan.sequenceParallel ? t : 1)) * experts.topK) / local
    products += local * product(cluster, plan, routed, h, inner * experts.ffn)
    products += local * product(cluster, plan, routed, experts.ffn, h)
    if (experts.sharedFfn > 0) {
      products += product(cluster, plan, tokens, h, (inner * experts.sharedFfn) / t)
      products += product(cluster, plan, tokens, experts.sharedFfn / t, h)
    }
  }
  const scores = (2 * tokens * plan.sequenceLength * a * d) / t
  const rate = gpu.peakBf16 * gpu.attentionEfficiency * (plan.fusedKernels ? 1 : constants.unfusedAttention)
  // Unfused attention counts the masked half too and moves the s x s scores about eight times.
  const attentionForward = plan.flashAttention
    ? scores / rate
    : (2 * scores) / (gpu.peakBf16 * gpu.matmulEfficiency) +
      (8 * 2 * a * (plan.sequenceLength / c) * tokens) / t / gpu.memoryBandwidth
  const elementwise =
    ((plan.fusedKernels ? 1 : constants.unfusedElementwise) * elementwiseBytes(model, plan, layer)) /
      (gpu.memoryBandwidth * constants.memoryEfficiency) +
    (experts ? constants.expertLatency : constants.layerLatency)
  return {
    forward: products + attentionForward + elementwise,
    backward: 2 * products + (plan.flashAttention ? 2.5 : 2) * attentionForward + 2 * elementwise,
    attentionForward,
  }
}

/** Output projection and loss of one micro-batch, forward and backward. */
function headSeconds(model: KnownModel, cluster: KnownCluster, plan: KnownPlan): number {
  const tokens = (plan.sequenceLength * plan.microBatchSize) / plan.contextParallel
  const columns = paddedVocab(model, plan) / plan.tensorParallel
  const bf16 = { ...plan, precision: 'bf16' } as const
  const softmax = (20 * tokens * columns) / (cluster.gpu.memoryBandwidth * constants.memoryEfficiency)
  return 3 * product(cluster, bf16, tokens, model.hidden, columns) + softmax
}

/** Estimates one step. */
export function estimateTime(model: KnownModel, cluster: KnownCluster, plan: KnownPlan): StepTime {
  const { tensorParallel: t, pipelineParallel: p, contextParallel: c, expertParallel: e, virtualPipeline: v } = plan
  const { gpu } = cluster
  const m = plan.microBatches
  const perStage = layersPerStage(model.layers, p, v, plan.anyLayout)!
  const firsts = firstLayers(perStage)
  const tokens = (plan.sequenceLength * plan.microBatchSize) / c
  const again = plan.recompute === 'full' ? 1 : plan.recompute === 'operators' ? 0.3 : 0

  // One layer kind is computed once: layers before and after `firstDenseLayers` are alike among themselves.
  const dense = layerParts(model, cluster, plan, 0)
  const last = layerParts(model, cluster, plan, model.layers - 1)
  const kinds = model.experts?.firstDenseLayers ?? 0
  const stages = perStage.map((layers, stage) => {
    const denseLayers = Math.max(0, Math.min(layers, kinds - firsts[stage]))
    const sum = (pick: (parts: Parts) => number) => denseLayers * pick(dense) + (layers - denseLayers) * pick(last)
    const recomputed =
      plan.recompute === 'selective' ? sum((parts) => parts.attentionForward) : again * sum((parts) => parts.forward)
    return {
      layers,
      moeLayers: model.experts ? layers - denseLayers : 0,
      compute:
        sum((parts) => parts.forward + parts.backward) + (stage === p - 1 ? headSeconds(model, cluster, plan) : 0),
      backward: sum((parts) => parts.backward),
      recomputed,
    }
  })
  const slowest = stages.reduce((best, stage) =>
    stage.compute + stage.recomputed > best.compute + best.recomputed ? stage : best,
  )

  // Korthikanti et al. 2022, section 4: 4 collectives forward, 4 backward (2 more overlap the weight gradients).
  const tensorOps = 8 + (plan.recompute === 'full' ? 4 : 0)
  const tensorBytes = (tensorOps * 2 * tokens * model.hidden * (t - 1)) / t
  const tensorExposed = plan.overlapTensorParallel ? constants.exposedTensorParallel : 1
  const tensor =
    t === 1
      ? 0
      : slowest.layers *
        (tensorBytes / groupBandwidth(cluster, t, 1) + tensorOps * constants.collectiveLatency) *
        tensorExposed

  const ringBytes =
    3 * (c - 1) * 4 * (tokens / plan.microBatchSize) * plan.microBatchSize * ((model.kvHeads * model.headDim) / t)
  const ring = c === 1 ? 0 : ringBytes / groupBandwidth(cluster, c, t)
  const attentionSeconds = 3.5 * last.attentionForward
  const context = slowest.layers * (c === 1 ? 0 : Math.max(0.1 * ring, ring - attentionSeconds))

  const localTokens = plan.sequenceParallel ? tokens / t : tokens
  // Dispatch and combine, forward and backward.
  const exchange =
    e === 1 || !model.experts
      ? 0
      : exchangeSeconds(
          cluster,
          e,
          2 * localTokens * model.hidden,
          model.experts.topK,
          plan.expertDispatch === 'deepep',
        )
  const expert = e === 1 ? 0 : 4 * slowest.moeLayers * (exchange + constants.collectiveLatency)

  const hop =
    (2 * tokens * model.hidden) /
    (plan.sequenceParallel ? t : 1) /
    groupBandwidth(cluster, 2, t * c * plan.dataParallel)
  const pipe = p === 1 ? 0 : 2 * v * (hop + constants.collectiveLatency) * (v > 1 ? 0.5 : 1)

  const microBatch = slowest.compute + slowest.recomputed + tensor + context + expert + pipe
  const bubble = ((p - 1) / v) * (microBatch - pipe)

  const data = dataParallelSeconds(model, cluster, plan, slowest.backward)
  const shard = plan.sharding === 'none' ? 1 : plan.dataParallel * c
  const { dense: denseCount, experts: expertCount } = stageParameters(model, plan, 0)
  const held = denseCount + expertCount
  // Adam reads and writes master weights, moments and gradient; gradients are cleared, scaled and normed too.
  const adamBytes = (34 * held) / shard + 12 * (plan.sharding === 'full' ? held / shard : held)
  const optimizer = adamBytes / (gpu.memoryBandwidth * constants.memoryEfficiency) + constants.stepLatency

  const visible =
    plan.sharding === 'full'
      ? Math.max(0, data.perMicroBatch - 0.9 * microBatch) * m + 0.03 * data.perMicroBatch * m
      : 0
  const dataParallel = plan.sharding === 'full' ? visible : data.exposed
  const parts = {
    compute: m * slowest.compute,
    recompute: m * slowest.recomputed,
    tensorParallel: m * tensor,
    contextParallel: m * context,
    expertParallel: m * expert,
    pipeline: m * pipe,
    bubble,
    dataParallel,
    optimizer,
  }
  return { ...parts, step: Object.values(parts).reduce((sum, seconds) => sum + seconds, 0) }
}

/** Gradient reduction and parameter gathering: what a step shows of them, and what FSDP moves for each micro-batch. */
function dataParallelSeconds(model: KnownModel, cluster: KnownCluster, plan: KnownPlan, backward: number) {
  const { tensorParallel: t, contextParallel: c, expertParallel: e } = plan
  const ranks = plan.dataParallel * c
  const { dense, experts } = stageParameters(model, plan, 0)
  const expertRanks = Math.max(1, (ranks * t) / e)
  const seconds = (count: number, group: number, stride: number, bytes: number) =>
    group <= 1 ? 0 : (bytes * count * ((group - 1) / group)) / collectiveBandwidth(cluster, group, stride)
  const both = (bytes: number) => seconds(dense, ranks, t, bytes) + seconds(experts, expertRanks, e, bytes)
  if (plan.sharding === 'full') {
    // Weights gathered forward and backward in bf16, gradients scattered in fp32, for every micro-batch.
    return { exposed: 0, perMicroBatch: both(2 + 2 + 4) }
  }
  // fp32 gradients scattered and bf16 weights gathered; without sharding an all-reduce of the gradients.
  const total = both(plan.sharding === 'none' ? 8 : 6)
  const exposed = plan.overlap ? Math.max(0.15 * total, total - constants.hiding * backward) : total
  return { exposed, perMicroBatch: 0 }
}
