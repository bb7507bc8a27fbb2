/** Risks that could stop or slow down a long run of a plan. */

import type { ResolvedCluster } from '../cluster/cluster.ts'
import type { ResolvedModel } from '../model/model.ts'
import type { ResolvedPlan } from '../plan/parallel-plan.ts'
import { defaultRun, lostTime, type ResolvedRun } from './cost.ts'
import type { StageMemory } from './memory.ts'
import { leavesNode } from './network.ts'
import type { StepTime } from './time.ts'

/**
 * In 454 measured runs, no plan with an estimate below this fraction of a GPU's memory ran out of memory.
 * @see Fujii, Watanabe and Yokota 2024, arXiv:2411.06465
 */
export const stableMemoryFraction = 0.8

/** Load imbalance of experts early in training: tokens of the most loaded rank relative to the mean. */
const expertImbalance = 1.25
/** A plan depends on overlap if a step without it would be longer by this fraction. */
const overlapDependence = 0.2
/** Acceptable fraction of time lost to failures and checkpoints. */
const acceptableLoss = 0.1

/** The parts of an estimate that risks depend on. */
export interface Assessed {
  readonly plan: ResolvedPlan
  readonly memoryBytes: number
  readonly memoryByStage: readonly StageMemory[]
  readonly time: StepTime
}

/** Communication hidden by overlap, as a fraction of the step. */
export function hiddenFraction({ time }: Assessed): number {
  let hidden = 0
  for (const { seconds, exposedSeconds } of time.collectives) hidden += Math.max(0, seconds - exposedSeconds)
  return hidden / time.step
}

/** Smaller node counts, down to half, on which the plan can keep its global batch; largest first. */
export function otherNodeCounts(model: ResolvedModel, cluster: ResolvedCluster, plan: ResolvedPlan): number[] {
  const { tensorParallel: t, pipelineParallel: p, contextParallel: c, virtualPipeline: v, microBatches } = plan
  const perRank = plan.globalBatchSize / plan.microBatchSize
  const counts: number[] = []
  // Fewer nodes run more micro-batches: up to twice as many on half of them. The search is limited to 4096 more.
  const most = Math.min(2 * microBatches, microBatches + 4096)
  for (let more = microBatches + 1; more <= most; more++) {
    if (perRank % more !== 0 || (v > 1 && more % p !== 0)) continue
    const world = (perRank / more) * t * p * c
    const nodes = world / cluster.gpusPerNode
    if (!Number.isInteger(nodes) || nodes < cluster.nodes / 2) continue
    if (model.experts && world % (plan.expertParallel * plan.expertTensorParallel * p) !== 0) continue
    counts.push(nodes)
  }
  return counts
}

type Reporter = (text: () => string) => void

function visit(
  model: ResolvedModel,
  cluster: ResolvedCluster,
  assessed: Assessed,
  goodput: number,
  report: Reporter,
): void {
  const { plan, memoryBytes, memoryByStage } = assessed
  const { tensorParallel: t, expertParallel: e } = plan
  const memory = cluster.gpu.memoryBytes
  const line = stableMemoryFraction * memory
  if (memoryBytes > line) {
    report(
      () =>
        `memory ${((100 * memoryBytes) / memory).toFixed(0)} % is above ${100 * stableMemoryFraction} %, below which measured runs did not run out of memory`,
    )
  } else if (model.experts) {
    let uneven = 0
    for (const { total, activations } of memoryByStage) {
      uneven = Math.max(uneven, total + (expertImbalance - 1) * activations)
    }
    if (uneven > line) report(() => `uneven expert load (${expertImbalance} x) would take memory above 80 %`)
  }
  if (leavesNode(cluster, t, 1)) report(() => `tensor parallelism ${t} leaves the node`)
  if (e > 1 && leavesNode(cluster, e * plan.expertTensorParallel, 1)) {
    report(
      () => `expert parallelism ${e} leaves the node: all-to-all across nodes is 20 to 40 times slower than inside`,
    )
  }
  const hidden = hiddenFraction(assessed)
  if (hidden > overlapDependence) {
    report(() => `depends on overlap: a step would take ${(100 * hidden).toFixed(0)} % longer if nothing were hidden`)
  }
  if (1 - goodput > acceptableLoss) {
    report(() => `failures and checkpoints are expected to take ${(100 * (1 - goodput)).toFixed(0)} % of the time`)
  }
  if (cluster.nodes > 1 && otherNodeCounts(model, cluster, plan).length === 0) {
    report(
      () => `no number of nodes from ${Math.ceil(cluster.nodes / 2)} to ${cluster.nodes - 1} keeps the global batch`,
    )
  }
}

/** The risks of a plan, as sentences. */
export function risksOf(
  model: ResolvedModel,
  cluster: ResolvedCluster,
  assessed: Assessed,
  run: ResolvedRun = defaultRun,
): string[] {
  const risks: string[] = []
  const { goodput } = lostTime(model, cluster, assessed.time.step, run)
  visit(model, cluster, assessed, goodput, (text) => risks.push(text()))
  return risks
}

/** The number of risks of a plan, given the goodput after failures and checkpoints. */
export function countRisks(
  model: ResolvedModel,
  cluster: ResolvedCluster,
  assessed: Assessed,
  goodput: number,
): number {
  let count = 0
  visit(model, cluster, assessed, goodput, () => {
    count++
  })
  return count
}
