/** What could stop or slow a long run of a plan. */

import type { ResolvedCluster } from '../cluster/cluster.ts'
import type { ResolvedModel } from '../model/model.ts'
import type { ResolvedPlan } from '../plan/parallel-plan.ts'
import { defaultRun, lostTime, type ResolvedRun } from './cost.ts'
import type { StageMemory } from './memory.ts'
import { leavesNode } from './network.ts'
import type { StepTime } from './time.ts'

/**
 * Estimates below this part of a GPU's memory never ran out of it in 454 measured runs.
 * @see Fujii, Watanabe and Yokota 2024, arXiv:2411.06465
 */
export const stableMemoryFraction = 0.8

/** A mixture's load is uneven early in training: some ranks get more tokens than the mean. */
const expertImbalance = 1.25
/** A plan depends on overlap where a step without it would take this much longer. */
const overlapDependence = 0.2
/** Part of all time that failures and checkpoints may take. */
const acceptableLoss = 0.1

/** What risks are read from. */
export interface Judged {
  readonly plan: ResolvedPlan
  readonly memoryBytes: number
  readonly memoryByStage: readonly StageMemory[]
  readonly time: StepTime
}

/** Parts of a step that only overlap hides. */
export function hiddenFraction({ time }: Judged): number {
  let hidden = 0
  for (const { seconds, exposedSeconds } of time.collectives) hidden += Math.max(0, seconds - exposedSeconds)
  return hidden / time.step
}

/** Numbers of nodes, from half of those there are, on which the plan keeps its global batch; largest first. */
export function otherNodeCounts(model: ResolvedModel, cluster: ResolvedCluster, plan: ResolvedPlan): number[] {
  const { tensorParallel: t, pipelineParallel: p, contextParallel: c, virtualPipeline: v, microBatches } = plan
  const perRank = plan.globalBatchSize / plan.microBatchSize
  const counts: number[] = []
  // Fewer nodes do more micro-batches: up to twice as many on half of them. Longer searches find nothing that matters.
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
  judged: Judged,
  goodput: number,
  report: Reporter,
): void {
  const { plan, memoryBytes, memoryByStage } = judged
  const { tensorParallel: t, expertParallel: e } = plan
  const memory = cluster.gpu.memoryBytes
  const line = stableMemoryFraction * memory
  if (memoryBytes > line) {
    report(
      () =>
        `memory ${((100 * memoryBytes) / memory).toFixed(0)} % is above the ${100 * stableMemoryFraction} % under which runs do not run out of it`,
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
  const hidden = hiddenFraction(judged)
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

/** What could stop a long run of a plan, as sentences. */
export function risksOf(
  model: ResolvedModel,
  cluster: ResolvedCluster,
  judged: Judged,
  run: ResolvedRun = defaultRun,
): string[] {
  const risks: string[] = []
  const { goodput } = lostTime(model, cluster, judged.time.step, run)
  visit(model, cluster, judged, goodput, (text) => risks.push(text()))
  return risks
}

/** How many of them there are, where failures and checkpoints leave `goodput` of the time. */
export function countRisks(model: ResolvedModel, cluster: ResolvedCluster, judged: Judged, goodput: number): number {
  let count = 0
  visit(model, cluster, judged, goodput, () => {
    count++
  })
  return count
}
