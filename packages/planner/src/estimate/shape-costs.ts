/**
 * Times and collectives of one layer for one micro-batch, which do not depend on pipeline or data parallelism.
 */
import type { ResolvedCluster } from '../cluster/cluster.ts'
import { attentionWidths, type ResolvedModel } from '../model/model.ts'
import type { ResolvedPlan } from '../plan/parallel-plan.ts'
import { collectiveLatency } from './efficiency.ts'
import { headSeconds, type LayerTime, layerTime } from './layer-time.ts'
import { recomputes } from './memory.ts'
import { exchangeSeconds, groupBandwidth } from './network.ts'

/** One kind of communication in a step, per GPU. */
export interface Collective {
  readonly axis: 'tensor' | 'context' | 'expert' | 'pipeline' | 'data'
  readonly operation: string
  /** Bytes a GPU sends. */
  readonly bytes: number
  /** Its duration in seconds, hidden or exposed. */
  readonly seconds: number
  /** Seconds that the step waits for it. */
  readonly exposedSeconds: number
}

/**
 * Times of one layer and of the head for one micro-batch, which do not depend on pipeline or data parallelism.
 */
export interface ShapeCosts {
  readonly dense: LayerTime
  readonly mixture: LayerTime
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

/** Costs of one layer and one micro-batch. */
export function shapeCosts(model: ResolvedModel, cluster: ResolvedCluster, plan: ResolvedPlan): ShapeCosts {
  const { tensorParallel: t, contextParallel: c, expertParallel: e } = plan
  const { efficiency } = cluster
  const tokens = (plan.sequenceLength * plan.microBatchSize) / c
  const mixed = model.experts !== undefined
  const onlyMixture = mixed && model.experts.firstDenseLayers === 0
  const mixture = layerTime(model, cluster, plan, mixed)
  const dense = mixed && !onlyMixture ? layerTime(model, cluster, plan, false) : mixture

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
  // Dispatch and combine, forward and backward, and once more if the layer is recomputed.
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
