/** Time of one optimizer step, by part. Seconds throughout. */

import type { KnownCluster } from '../gpu.ts'
import { attendedTokens, attentionOutput, attentionWidths, type KnownModel, mlpMatrices } from '../model/model.ts'
import type { KnownPlan } from '../parallel-plan.ts'
import { type StageLayers, stageLayers } from '../stages.ts'
import { collectiveLatency, hiding, productLatency } from './efficiency.ts'
import { elementwiseBytes, momentBytes, paddedVocab, recomputes, stageParameters, trainedParameters } from './memory.ts'
import { collectiveBandwidth, exchangeSeconds, groupBandwidth } from './network.ts'

/** Compute of all micro-batches on the slowest stage, by class of operation, forward and backward. */
export interface ComputeTime {
  /** Projections of attention. */
  readonly projections: number
  /** Scores and their product with the values. */
  readonly attention: number
  /** Dense MLPs and shared experts. */
  readonly mlp: number
  /** Routed experts. */
  readonly experts: number
  /** Norms, rotary positions, activations, residuals, routing; launches. */
  readonly elementwise: number
  /** Output projection and loss. */
  readonly head: number
}

/** One kind of communication in a step, as one GPU sees it. */
export interface Collective {
  readonly axis: 'tensor' | 'context' | 'expert' | 'pipeline' | 'data'
  readonly operation: string
  /** Bytes a GPU sends. */
  readonly bytes: number
  /** Seconds it takes, hidden or not. */
  readonly seconds: number
  /** Seconds of it that the step waits for. */
  readonly exposedSeconds: number
}

/** One step on the slowest pipeline stage. The parts but `computeParts` and `collectives` add up to `step`. */
export interface StepTime {
  /** Matrix products, attention and elementwise work of all micro-batches. */
  readonly compute: number
  /** Work done again in the backward pass. */
  readonly recompute: number
  /** For the slowest GPU. */
  readonly waiting: number
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
  readonly computeParts: ComputeTime
  readonly collectives: readonly Collective[]
}

/** Bytes/s between a GPU and its host (PCIe 4, one direction), and of the host's memory, one GPU's part of it. */
const hostLinkRate = 25e9
const hostMemoryRate = 25e9

/** One layer and one micro-batch, forward only. */
interface LayerForward {
  readonly projections: number
  readonly attention: number
  readonly mlp: number
  readonly experts: number
  readonly elementwise: number
  /** What the backward pass computes again of it. */
  readonly again: number
  readonly forward: number
  readonly backward: number
}

/** What one layer and the head cost for one micro-batch: all that does not depend on the pipeline or on data parallelism. */
export interface ShapeCosts {
  readonly dense: LayerForward
  readonly mixture: LayerForward
  /** Output projection and loss, forward and backward. */
  readonly head: number
  /** Exposed communication of one layer, forward and backward: tensor, context, and (mixtures) expert parallelism. */
  readonly tensor: number
  readonly context: number
  readonly expert: number
  readonly tensorCollective: Collective
  readonly contextCollective: Collective
  readonly expertCollective: Collective
}

/** Seconds of an [m, k] x [k, n] product: the peak's share, plus moving the operands once. */
function product(cluster: KnownCluster, plan: KnownPlan, m: number, k: number, n: number): number {
  const { gpu, efficiency } = cluster
  const rate =
    plan.precision === 'fp8'
      ? gpu.peakFp8! * gpu.matmulEfficiency * efficiency.fp8
      : gpu.peakBf16 * gpu.matmulEfficiency
  const launch = plan.cudaGraphs ? 0.2 * productLatency : productLatency
  return (2 * m * k * n) / rate + (2 * (m * k + k * n + m * n)) / gpu.memoryBandwidth + launch
}

function layerForward(model: KnownModel, cluster: KnownCluster, plan: KnownPlan, mixture: boolean): LayerForward {
  const { tensorParallel: t, contextParallel: c, expertTensorParallel } = plan
  const { hidden: h, heads: a, headDim, experts, latentAttention: latent } = model
  const { gpu, efficiency } = cluster
  const tokens = (plan.sequenceLength * plan.microBatchSize) / c
  const inner = mlpMatrices(model) - 1
  const widths = attentionWidths(model)
  const output = attentionOutput(model)
  let projections = product(cluster, plan, tokens, output / t, h)
  let up = 0
  if (latent) {
    const { queryRank, keyValueRank, ropeDim } = latent
    up = product(cluster, plan, tokens, keyValueRank, (a * headDim + widths.value) / t)
    if (queryRank > 0) up += product(cluster, plan, tokens, queryRank, widths.query / t)
    else projections += product(cluster, plan, tokens, h, widths.query / t)
    projections += up + product(cluster, plan, tokens, h, queryRank + keyValueRank + ropeDim)
  } else {
    projections += product(cluster, plan, tokens, h, (widths.query + widths.key + widths.value) / t)
  }
  let mlp = 0
  let routedProducts = 0
  const feedForward = (width: number) =>
    product(cluster, plan, tokens, h, (inner * width) / t) + product(cluster, plan, tokens, width / t, h)
  if (!mixture || !experts) mlp = feedForward(model.ffn)
  else {
    const local = experts.count / plan.expertParallel
    const rows = ((tokens / (plan.sequenceParallel ? t : 1)) * expertTensorParallel * experts.topK) / local
    const width = experts.ffn / expertTensorParallel
    routedProducts = local * (product(cluster, plan, rows, h, inner * width) + product(cluster, plan, rows, width, h))
    if (experts.sharedFfn > 0) mlp = feedForward(experts.sharedFfn)
  }
  // A causal mask leaves half of the scores; kernels with heads under 128 channels reach less of the peak.
  const scores = (tokens * attendedTokens(model, plan.sequenceLength) * (widths.query + output)) / t
  const narrow = Math.min(1, Math.sqrt(headDim / 128))
  const rate =
    gpu.peakBf16 *
    gpu.attentionEfficiency *
    narrow *
    (plan.attentionBackend === 'flash' && gpu.architecture !== 'ampere' ? efficiency.flash2 : 1)
  // Unfused attention counts the masked half too and moves the s x s scores about eight times.
  const attention =
    plan.attentionBackend !== 'unfused'
      ? scores / rate
      : (2 * scores) / (gpu.peakBf16 * gpu.matmulEfficiency) +
        (8 * 2 * a * (plan.sequenceLength / c) * tokens) / t / gpu.memoryBandwidth
  const latency = (mixture ? efficiency.expertLatency : efficiency.layerLatency) * (plan.cudaGraphs ? 0.2 : 1)
  const moved = elementwiseBytes(model, plan, mixture) / (gpu.memoryBandwidth * efficiency.memory)
  const elementwise = moved / (plan.fusedKernels && !plan.deterministic ? 1 : efficiency.unfused) + latency
  const products = projections + mlp + routedProducts
  const forward = products + attention + elementwise
  return {
    projections,
    attention,
    mlp,
    experts: routedProducts,
    elementwise,
    forward,
    // Frozen weights have no gradients; those of adapters cost next to nothing.
    backward:
      (plan.loraRank > 0 ? 1 : 2) * products +
      (plan.attentionBackend === 'unfused' ? 2 : 2.5) * attention +
      2 * elementwise,
    again: again(),
  }

  function again(): number {
    if (plan.recompute === 'full') return forward
    if (plan.recompute === 'operators') return 0.3 * forward
    let seconds = 0
    if (recomputes(plan, 'core_attn')) seconds += attention
    if (recomputes(plan, 'mla_up_proj')) seconds += up
    if (recomputes(plan, 'mlp') && !mixture) seconds += mlp + 0.3 * elementwise
    if (recomputes(plan, 'moe') && mixture) seconds += mlp + routedProducts + 0.6 * elementwise
    else if (recomputes(plan, 'moe_act') && mixture) seconds += 0.1 * moved
    if (recomputes(plan, 'layernorm')) seconds += 0.2 * moved
    return seconds
  }
}

/** Output projection and loss of one micro-batch, forward and backward. */
function headSeconds(model: KnownModel, cluster: KnownCluster, plan: KnownPlan): number {
  const tokens = (plan.sequenceLength * plan.microBatchSize) / plan.contextParallel
  const columns = paddedVocab(model, plan) / plan.tensorParallel
  const bf16 = plan.precision === 'fp8' ? ({ ...plan, precision: 'bf16' } as const) : plan
  const softmax = (20 * tokens * columns) / (cluster.gpu.memoryBandwidth * cluster.efficiency.memory)
  return 3 * product(cluster, bf16, tokens, model.hidden, columns) + softmax
}

/** Costs of one layer and one micro-batch. */
export function shapeCosts(model: KnownModel, cluster: KnownCluster, plan: KnownPlan): ShapeCosts {
  const { tensorParallel: t, contextParallel: c, expertParallel: e } = plan
  const { efficiency } = cluster
  const tokens = (plan.sequenceLength * plan.microBatchSize) / c
  const mixed = model.experts !== undefined
  const onlyMixture = mixed && model.experts.firstDenseLayers === 0
  const mixture = layerForward(model, cluster, plan, mixed)
  const dense = mixed && !onlyMixture ? layerForward(model, cluster, plan, false) : mixture

  // Korthikanti et al. 2022, section 4: 4 collectives forward, 4 backward (2 more overlap the weight gradients).
  const tensorOps = t === 1 ? 0 : 8 + (plan.recompute === 'full' ? 4 : 0)
  const tensorBytes = (tensorOps * 2 * tokens * model.hidden * (t - 1)) / t
  const tensorSeconds = tensorBytes / groupBandwidth(cluster, t, 1) + tensorOps * collectiveLatency
  const tensorExposed = tensorSeconds * (plan.overlapTensorParallel ? efficiency.exposedTensorParallel : 1)

  const widths = attentionWidths(model)
  const ringBytes = (3 * (c - 1) * 2 * tokens * (widths.key + widths.value)) / t
  const ringSeconds = ringBytes / groupBandwidth(cluster, c, t)
  const ringExposed = c === 1 ? 0 : Math.max(0.1 * ringSeconds, ringSeconds - 3.5 * mixture.attention)

  const localTokens = plan.sequenceParallel ? tokens / t : tokens
  // Dispatch and combine, forward and backward; again where the layer is computed again.
  const times = 4 + (plan.recompute === 'full' || recomputes(plan, 'moe') ? 2 : 0)
  const copies = model.experts?.topK ?? 0
  const ranks = e * plan.expertTensorParallel
  const exchange =
    ranks === 1 || !mixed
      ? 0
      : exchangeSeconds(cluster, ranks, 2 * localTokens * model.hidden, copies, plan.expertDispatch === 'deepep') +
        collectiveLatency
  const expert = times * exchange
  const expertBytes = exchange === 0 ? 0 : (times * copies * 2 * localTokens * model.hidden * (ranks - 1)) / ranks
  return {
    dense,
    mixture,
    head: headSeconds(model, cluster, plan),
    tensor: tensorExposed,
    context: ringExposed,
    expert,
    tensorCollective: {
      axis: 'tensor',
      operation: plan.sequenceParallel ? 'all-gather and reduce-scatter of activations' : 'all-reduce of activations',
      bytes: tensorBytes,
      seconds: tensorSeconds,
      exposedSeconds: tensorExposed,
    },
    contextCollective: {
      axis: 'context',
      operation: 'ring of keys and values',
      bytes: ringBytes,
      seconds: ringSeconds,
      exposedSeconds: ringExposed,
    },
    expertCollective: {
      axis: 'expert',
      operation: 'all-to-all of tokens',
      bytes: expertBytes,
      seconds: expert,
      exposedSeconds: expert,
    },
  }
}

/** What one stage does for one micro-batch (all of its chunks together), in seconds. */
export interface StageCosts {
  readonly forward: number
  /** Backward pass with what is computed again. */
  readonly backward: number
  /** Gradients of weights: the part of `backward` that no other stage waits for. */
  readonly weightGradient: number
  /** Exposed tensor-, context- and expert-parallel communication within forward and backward. */
  readonly communication: number
}

/** Costs of every stage: compute with exposed communication. */
export function stageCosts(
  model: KnownModel,
  cluster: KnownCluster,
  plan: KnownPlan,
  layers: readonly StageLayers[] = stageLayers(model, plan),
  costs: ShapeCosts = shapeCosts(model, cluster, plan),
): StageCosts[] {
  return layers.map((here, stage) => {
    const { dense, mixture } = costs
    const count = here.dense + here.mixture
    const sum = (pick: (layer: LayerForward) => number) => here.dense * pick(dense) + here.mixture * pick(mixture)
    const head = stage === layers.length - 1 ? costs.head : 0
    const communication = count * (costs.tensor + costs.context) + here.mixture * costs.expert
    const products = sum((layer) => layer.projections + layer.mlp + layer.experts)
    return {
      forward: sum((layer) => layer.forward) + head / 3 + communication / 2,
      backward: sum((layer) => layer.backward + layer.again) + (2 * head) / 3 + communication / 2,
      weightGradient: products + head / 3,
      communication,
    }
  })
}

/** Part of computing time that the mean GPU waits for the slowest of all: spread x the expected largest of N normal deviates. */
export function waiting(cluster: KnownCluster): number {
  return cluster.efficiency.spread * Math.sqrt(2 * Math.log(cluster.gpuCount))
}

/** Seconds to pass one micro-batch's activations to the next stage. */
export function hopSeconds(model: KnownModel, cluster: KnownCluster, plan: KnownPlan): number {
  if (plan.pipelineParallel === 1) return 0
  const stride = plan.tensorParallel * plan.contextParallel * plan.dataParallel
  return hopBytes(model, plan) / groupBandwidth(cluster, 2, stride) + collectiveLatency
}

function hopBytes(model: KnownModel, plan: KnownPlan): number {
  const tokens = (plan.sequenceLength * plan.microBatchSize) / plan.contextParallel
  return (2 * tokens * model.hidden) / (plan.sequenceParallel ? plan.tensorParallel : 1)
}

/** Estimates one step. */
export function estimateTime(
  model: KnownModel,
  cluster: KnownCluster,
  plan: KnownPlan,
  layers: readonly StageLayers[] = stageLayers(model, plan),
  costs: ShapeCosts = shapeCosts(model, cluster, plan),
): StepTime {
  const { pipelineParallel: p, virtualPipeline: v, contextParallel: c } = plan
  const { gpu, efficiency } = cluster
  const m = plan.microBatches
  const { dense, mixture } = costs

  // The slowest stage, in computation and exposed communication, sets the pace.
  const wait = waiting(cluster)
  const shared = costs.tensor + costs.context
  const perDense = (1 + wait) * (dense.forward + dense.backward + dense.again) + shared
  const perMixture = (1 + wait) * (mixture.forward + mixture.backward + mixture.again) + shared + costs.expert
  let slowest = 0
  let most = -1
  for (let stage = 0; stage < p; stage++) {
    const { dense: denseLayers, mixture: mixtureLayers } = layers[stage]
    const head = stage === p - 1 ? (1 + wait) * costs.head : 0
    const seconds = denseLayers * perDense + mixtureLayers * perMixture + head
    if (seconds > most) {
      most = seconds
      slowest = stage
    }
  }
  const here = layers[slowest]
  const count = here.dense + here.mixture
  const sum = (pick: (layer: LayerForward) => number) => here.dense * pick(dense) + here.mixture * pick(mixture)
  const backward = sum((layer) => layer.backward)
  const head = slowest === p - 1 ? costs.head : 0
  const compute = sum((layer) => layer.forward) + backward + head
  const recomputed = sum((layer) => layer.again)
  const tensor = count * costs.tensor
  const context = count * costs.context
  const expert = here.mixture * costs.expert
  const hop = hopSeconds(model, cluster, plan)
  const pipe = p === 1 ? 0 : 2 * v * hop * (v > 1 ? 0.5 : 1)
  // All wait for the slowest: clocks under a power limit differ between GPUs, the more of them the further the slowest is behind.
  const waited = wait * (compute + recomputed)
  const microBatch = compute + recomputed + waited + tensor + context + expert + pipe
  const bubble = ((p - 1) / v) * (microBatch - pipe)

  const data = dataParallelTime(model, cluster, plan, layers[0], backward, microBatch)
  const shard = plan.sharding === 'none' ? 1 : plan.dataParallel * c
  // Adam reads and writes master weights, moments and gradient; gradients are cleared, scaled and normed too.
  const states = ((18 + 2 * momentBytes(plan)) * data.held) / shard
  const gradients = 12 * (plan.sharding === 'full' ? data.held / shard : data.held)
  const memoryRate = gpu.memoryBandwidth * efficiency.memory
  // On the host the update goes at the pace of its memory, after gradients (fp32) went there and before weights (bf16) come back.
  const update = plan.offloadOptimizer
    ? states / hostMemoryRate + (6 * data.held) / shard / hostLinkRate + gradients / memoryRate
    : (states + gradients) / memoryRate
  const optimizer = update + efficiency.stepLatency

  const step = m * microBatch + bubble + data.exposedSeconds + optimizer
  const products = (pick: (layer: LayerForward) => number) => 3 * m * sum(pick)
  const collectives: Collective[] = []
  const add = (collective: Collective, factor: number) => {
    if (collective.bytes === 0) return
    collectives.push({
      ...collective,
      bytes: factor * collective.bytes,
      seconds: factor * collective.seconds,
      exposedSeconds: factor * collective.exposedSeconds,
    })
  }
  add(costs.tensorCollective, m * count)
  add(costs.contextCollective, m * count)
  add(costs.expertCollective, m * here.mixture)
  if (p > 1) {
    collectives.push({
      axis: 'pipeline',
      operation: 'activations and their gradients to the next stage',
      bytes: 2 * v * m * hopBytes(model, plan),
      seconds: 2 * v * m * hop,
      exposedSeconds: m * pipe,
    })
  }
  if (data.bytes > 0) {
    collectives.push({
      axis: 'data',
      operation: data.operation,
      bytes: data.bytes,
      seconds: data.seconds,
      exposedSeconds: data.exposedSeconds,
    })
  }
  return {
    compute: m * compute,
    recompute: m * recomputed,
    waiting: m * waited,
    tensorParallel: m * tensor,
    contextParallel: m * context,
    expertParallel: m * expert,
    pipeline: m * pipe,
    bubble,
    dataParallel: data.exposedSeconds,
    optimizer,
    step,
    computeParts: {
      projections: products((layer) => layer.projections),
      attention: (plan.attentionBackend === 'unfused' ? 3 : 3.5) * m * sum((layer) => layer.attention),
      mlp: products((layer) => layer.mlp),
      experts: products((layer) => layer.experts),
      elementwise: products((layer) => layer.elementwise),
      head: m * head,
    },
    collectives,
  }
}

/** Gradient reduction and parameter gathering: what a step shows of them, and what FSDP moves for each micro-batch. */
function dataParallelTime(
  model: KnownModel,
  cluster: KnownCluster,
  plan: KnownPlan,
  firstStage: StageLayers,
  backward: number,
  microBatch: number,
) {
  const { tensorParallel: t, contextParallel: c } = plan
  const ranks = plan.dataParallel * c
  const { dense, experts } = stageParameters(model, plan, 0, firstStage)
  const trained = trainedParameters(model, plan, firstStage, dense)
  const expertStride = plan.expertParallel * plan.expertTensorParallel
  const expertRanks = Math.max(1, (ranks * t) / expertStride)
  const bytesOf = (count: number, group: number, each: number) => (each * count * (group - 1)) / group
  const total = (each: number) => {
    const [forDense, forExperts] = [bytesOf(trained, ranks, each), bytesOf(experts, expertRanks, each)]
    return {
      bytes: forDense + forExperts,
      seconds:
        forDense / collectiveBandwidth(cluster, ranks, t) +
        (forExperts === 0 ? 0 : forExperts / collectiveBandwidth(cluster, expertRanks, expertStride)),
    }
  }
  const held = trained + experts
  // With a pipeline FSDP keeps gathered weights from the first micro-batch to the last and reduces once, as memory counts it.
  if (plan.sharding === 'full' && plan.pipelineParallel === 1) {
    // Weights gathered forward and backward in bf16, gradients scattered in fp32, for every micro-batch.
    const { bytes, seconds } = total(2 + 2 + 4)
    const m = plan.microBatches
    const exposed = Math.max(0, seconds - 0.9 * microBatch) + cluster.efficiency.interference * seconds
    const operation = 'all-gather of weights and reduce-scatter of gradients, each micro-batch'
    return { held, operation, bytes: m * bytes, seconds: m * seconds, exposedSeconds: m * exposed }
  }
  // Gradients scattered (fp32 or bf16) beside the last backward pass, and bf16 weights gathered beside the first forward pass;
  // without sharding an all-reduce of the gradients.
  const gradient = plan.gradientsInFp32 ? 4 : 2
  const whole = plan.sharding === 'none'
  const { bytes, seconds } = total(whole ? 2 * gradient : gradient + 2)
  const reduced = whole ? 1 : gradient / (gradient + 2)
  const hidden =
    Math.min(reduced * seconds, hiding * backward) + Math.min((1 - reduced) * seconds, (hiding * backward) / 2)
  const exposedSeconds = plan.overlap ? Math.max(0.15 * seconds, seconds - hidden) : seconds
  const operation =
    plan.sharding === 'none' ? 'all-reduce of gradients' : 'reduce-scatter of gradients and all-gather of weights'
  return { held, operation, bytes, seconds, exposedSeconds }
}
