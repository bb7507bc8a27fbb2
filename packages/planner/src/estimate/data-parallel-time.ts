/** Time of gradient reduction and parameter gathering. */
import type { ResolvedCluster } from '../cluster/cluster.ts'
import type { ResolvedModel } from '../model/model.ts'
import type { ResolvedPlan } from '../plan/parallel-plan.ts'
import type { StageLayers } from '../plan/stages.ts'
import { hiding } from './efficiency.ts'
import { type LayerShares, stageParameters, trainedParameters } from './memory.ts'
import { collectiveBandwidth } from './network.ts'

/**
 * Time and volume of gradient reduction and parameter gathering in a step, as far as computation does not hide them;
 * with FSDP, for each micro-batch.
 */
export function dataParallelTime(
  model: ResolvedModel,
  cluster: ResolvedCluster,
  plan: ResolvedPlan,
  firstStage: StageLayers,
  shares: LayerShares,
  backward: number,
  microBatch: number,
) {
  const { tensorParallel: t, contextParallel: c } = plan
  const ranks = plan.dataParallel * c
  const all = stageParameters(model, plan, 0, firstStage, shares)
  const trained = trainedParameters(model, plan, firstStage, all)
  // Frozen weights are gathered if they are sharded, and have no gradients.
  const frozen = plan.loraRank > 0 && plan.sharding === 'full' ? all : { dense: 0, experts: 0 }
  const expertStride = plan.expertParallel * plan.expertTensorParallel
  const expertRanks = Math.max(1, (ranks * t) / expertStride)
  const held = trained.dense + trained.experts
  // With pipeline parallelism, FSDP keeps gathered weights from the first micro-batch to the last and reduces once; the
  // memory estimate assumes the same.
  if (plan.sharding === 'full' && plan.pipelineParallel === 1) {
    // For every micro-batch: weights gathered in bf16 forward and backward, gradients reduce-scattered in fp32.
    const forDense = movedBytes(trained.dense, ranks, 2 + 2 + 4) + movedBytes(frozen.dense, ranks, 2 + 2)
    const forExperts =
      movedBytes(trained.experts, expertRanks, 2 + 2 + 4) + movedBytes(frozen.experts, expertRanks, 2 + 2)
    const bytes = forDense + forExperts
    const seconds = secondsOf(cluster, forDense, ranks, t) + secondsOf(cluster, forExperts, expertRanks, expertStride)
    const m = plan.microBatches
    const exposed = Math.max(0, seconds - 0.9 * microBatch) + cluster.efficiency.interference * seconds
    const operation = 'all-gather of weights and reduce-scatter of gradients, each micro-batch'
    return { held, operation, bytes: m * bytes, seconds: m * seconds, exposedSeconds: m * exposed }
  }
  // Gradients are reduce-scattered (fp32 or bf16) during the last backward pass, and bf16 weights gathered during the
  // first forward pass; without sharding, gradients are all-reduced.
  const gradient = plan.gradientsInFp32 ? 4 : 2
  const whole = plan.sharding === 'none'
  const gathered = whole ? 0 : 2
  const each = gathered + (whole ? 2 * gradient : gradient)
  const forDense = movedBytes(trained.dense, ranks, each) + movedBytes(frozen.dense, ranks, gathered)
  const forExperts = movedBytes(trained.experts, expertRanks, each) + movedBytes(frozen.experts, expertRanks, gathered)
  const bytes = forDense + forExperts
  const seconds = secondsOf(cluster, forDense, ranks, t) + secondsOf(cluster, forExperts, expertRanks, expertStride)
  const reduced = whole ? 1 : gradient / (gradient + 2)
  const hidden =
    Math.min(reduced * seconds, hiding * backward) + Math.min((1 - reduced) * seconds, (hiding * backward) / 2)
  const exposedSeconds = plan.overlap ? Math.max(0.15 * seconds, seconds - hidden) : seconds
  const operation =
    plan.sharding === 'none' ? 'all-reduce of gradients' : 'reduce-scatter of gradients and all-gather of weights'
  return { held, operation, bytes, seconds, exposedSeconds }
}

/** Bytes that a ring collective over `group` ranks moves for `count` parameters of `each` bytes. */
const movedBytes = (count: number, group: number, each: number): number => (each * count * (group - 1)) / group

const secondsOf = (cluster: ResolvedCluster, bytes: number, group: number, stride: number): number =>
  bytes === 0 ? 0 : bytes / collectiveBandwidth(cluster, group, stride)
