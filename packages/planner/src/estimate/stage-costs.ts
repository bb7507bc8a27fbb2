/** Times of each pipeline stage for one micro-batch, and of transfers between stages. */
import type { ResolvedCluster } from '../cluster/cluster.ts'
import type { ResolvedModel } from '../model/model.ts'
import type { ResolvedPlan } from '../plan/parallel-plan.ts'
import { type StageLayers, stageLayers } from '../plan/stages.ts'
import { collectiveLatency } from './efficiency.ts'
import type { LayerTime } from './layer-time.ts'
import { groupBandwidth } from './network.ts'
import { type ShapeCosts, shapeCosts } from './shape-costs.ts'

/** Times of one stage for one micro-batch (all of its chunks together), in seconds. */
export interface StageCosts {
  readonly forward: number
  /** Backward pass with recomputation. */
  readonly backward: number
  /** Gradients of weights: the part of `backward` that no other stage waits for. */
  readonly weightGradient: number
  /** Exposed tensor-, context- and expert-parallel communication within forward and backward. */
  readonly communication: number
}

/** Costs of every stage: compute with exposed communication. */
export function stageCosts(
  model: ResolvedModel,
  cluster: ResolvedCluster,
  plan: ResolvedPlan,
  layers: readonly StageLayers[] = stageLayers(model, plan),
  costs: ShapeCosts = shapeCosts(model, cluster, plan),
): StageCosts[] {
  return layers.map((here, stage) => {
    const { dense, mixture } = costs
    const count = here.dense + here.mixture
    const sum = (pick: (layer: LayerTime) => number) => here.dense * pick(dense) + here.mixture * pick(mixture)
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

/**
 * Fraction of compute time that the average GPU waits for the slowest: spread times the expected maximum of N normal
 * variables.
 */
export function waiting(cluster: ResolvedCluster): number {
  return cluster.efficiency.spread * Math.sqrt(2 * Math.log(cluster.gpuCount))
}

/** Seconds to pass one micro-batch's activations to the next stage. */
export function hopSeconds(model: ResolvedModel, cluster: ResolvedCluster, plan: ResolvedPlan): number {
  if (plan.pipelineParallel === 1) return 0
  const stride = plan.tensorParallel * plan.contextParallel * plan.dataParallel
  return hopBytes(model, plan) / groupBandwidth(cluster, 2, stride) + collectiveLatency
}

/** Bytes of one micro-batch's activations sent to the next stage. */
export function hopBytes(model: ResolvedModel, plan: ResolvedPlan): number {
  const tokens = (plan.sequenceLength * plan.microBatchSize) / plan.contextParallel
  return (2 * tokens * model.hidden) / (plan.sequenceParallel ? plan.tensorParallel : 1)
}
