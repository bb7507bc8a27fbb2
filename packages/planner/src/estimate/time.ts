/** Time of one optimizer step, by part. Seconds throughout. */
import type { ResolvedCluster } from '../cluster/cluster.ts'
import type { ResolvedModel } from '../model/model.ts'
import type { ResolvedPlan } from '../plan/parallel-plan.ts'
import { type StageLayers, stageLayers } from '../plan/stages.ts'
import { dataParallelTime } from './data-parallel-time.ts'
import { type LayerShares, layerShares, momentBytes } from './memory.ts'
import { type Collective, type ShapeCosts, shapeCosts } from './shape-costs.ts'
import { hopBytes, hopSeconds, waiting } from './stage-costs.ts'

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

/** One step on the slowest pipeline stage. The parts but `computeParts` and `collectives` add up to `step`. */
export interface StepTime {
  /** Matrix products, attention and elementwise work of all micro-batches. */
  readonly compute: number
  /** Recomputation in the backward pass. */
  readonly recompute: number
  /** Waiting for the slowest GPU. */
  readonly waiting: number
  readonly tensorParallel: number
  readonly contextParallel: number
  readonly expertParallel: number
  /** Activations between pipeline stages. */
  readonly pipeline: number
  /** Pipeline bubble at the start and end of a step. */
  readonly bubble: number
  /** Exposed communication of gradients and parameters among data-parallel ranks. */
  readonly dataParallel: number
  readonly optimizer: number
  readonly step: number
  readonly computeParts: ComputeTime
  readonly collectives: readonly Collective[]
}

/**
 * Bytes/s between a GPU and its host (PCIe 4, one direction), and of one GPU's share of the host's memory bandwidth.
 */
const hostLinkRate = 25e9
const hostMemoryRate = 25e9

/** Estimates one step. */
export function estimateTime(
  model: ResolvedModel,
  cluster: ResolvedCluster,
  plan: ResolvedPlan,
  layers: readonly StageLayers[] = stageLayers(model, plan),
  costs: ShapeCosts = shapeCosts(model, cluster, plan),
  shares: LayerShares = layerShares(model, plan),
): StepTime {
  const { pipelineParallel: p, virtualPipeline: v, contextParallel: c } = plan
  const { gpu, efficiency } = cluster
  const m = plan.microBatches
  const { dense, mixture } = costs

  // The slowest stage, in computation and exposed communication, determines the step time.
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
  // Written out part by part: this runs for every plan that fits, and closures cost as much as the arithmetic.
  const { dense: d, mixture: x } = here
  const backward = d * dense.backward + x * mixture.backward
  const head = slowest === p - 1 ? costs.head : 0
  const compute = d * dense.forward + x * mixture.forward + backward + head
  const recomputed = d * dense.again + x * mixture.again
  const tensor = count * costs.tensor
  const context = count * costs.context
  const expert = here.mixture * costs.expert
  const hop = hopSeconds(model, cluster, plan)
  const pipe = p === 1 ? 0 : 2 * v * hop * (v > 1 ? 0.5 : 1)
  // All GPUs wait for the slowest: clocks differ under a power limit, and the slowest of more GPUs is further below the
  // mean.
  const waited = wait * (compute + recomputed)
  const microBatch = compute + recomputed + waited + tensor + context + expert + pipe
  const bubble = ((p - 1) / v) * (microBatch - pipe)

  const data = dataParallelTime(model, cluster, plan, layers[0], shares, backward, microBatch)
  const shard = plan.sharding === 'none' ? 1 : plan.dataParallel * c
  // Adam reads and writes master weights, moments and gradient; gradients are also zeroed, scaled, and read for the
  // norm.
  const states = ((18 + 2 * momentBytes(plan)) * data.held) / shard
  const gradients = 12 * (plan.sharding === 'full' ? data.held / shard : data.held)
  const memoryRate = gpu.memoryBandwidth * efficiency.memory
  // An offloaded update is limited by host memory bandwidth, after transferring gradients (fp32) and before
  // transferring weights (bf16) back.
  const update = plan.offloadOptimizer
    ? states / hostMemoryRate + (6 * data.held) / shard / hostLinkRate + gradients / memoryRate
    : (states + gradients) / memoryRate
  const optimizer = update + efficiency.stepLatency

  const step = m * microBatch + bubble + data.exposedSeconds + optimizer
  const collectives: Collective[] = []
  addCollective(collectives, costs.tensorCollective, m * count)
  addCollective(collectives, costs.contextCollective, m * count)
  addCollective(collectives, costs.expertCollective, m * here.mixture)
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
      projections: 3 * m * (d * dense.projections + x * mixture.projections),
      attention: (plan.attentionBackend === 'unfused' ? 3 : 3.5) * m * (d * dense.attention + x * mixture.attention),
      mlp: 3 * m * (d * dense.mlp + x * mixture.mlp),
      experts: 3 * m * (d * dense.experts + x * mixture.experts),
      elementwise: 3 * m * (d * dense.elementwise + x * mixture.elementwise),
      head: m * head,
    },
    collectives,
  }
}

/** A collective that runs so many times in a step. */
function addCollective(collectives: Collective[], once: Collective, times: number): void {
  if (once.bytes === 0) return
  collectives.push({
    axis: once.axis,
    operation: once.operation,
    bytes: times * once.bytes,
    seconds: times * once.seconds,
    exposedSeconds: times * once.exposedSeconds,
  })
}
