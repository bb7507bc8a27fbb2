/** Searching for a plan: every legal one estimated, every other one refused with its reasons. */
import { type Estimate, estimateKnown } from './estimate.ts'
import { type Cluster, type KnownCluster, validateCluster } from './gpu.ts'
import { type KnownModel, type PlannerModel, validateModel } from './model.ts'
import { leavesNode } from './network.ts'
import { completePlan, type ParallelPlan, planFaults } from './parallel-plan.ts'

/** What the training run fixes. */
export interface SearchRecipe {
  /** Sequences in one optimizer step. */
  readonly globalBatchSize: number
  /** Tokens in a sequence. */
  readonly sequenceLength: number
  readonly precision?: ParallelPlan['precision']
}

export interface PlanSearch {
  readonly model: PlannerModel
  readonly cluster: Cluster
  readonly recipe: SearchRecipe
  /** Candidates kept in each ranking; default 10. */
  readonly limit?: number
}

/** A plan that is legal and fits. */
export interface Candidate {
  readonly estimate: Estimate
  /** What could stop a long run; empty is the aim. */
  readonly risks: readonly string[]
  /** Bytes left of the GPU's memory above the estimate. */
  readonly headroomBytes: number
}

/** A plan that was considered and why it cannot be. */
export interface Refusal {
  readonly plan: Required<ParallelPlan>
  readonly reasons: readonly string[]
}

export interface PlanResult {
  /** Fastest first. */
  readonly byThroughput: readonly Candidate[]
  /** Fewest risks first, then fastest: "not fast, but stable". */
  readonly byStability: readonly Candidate[]
  readonly refused: readonly Refusal[]
  /** Reasons that differ in more than their numbers: how often each came up, and one in full. Most frequent first. */
  readonly refusalSummary: readonly { readonly count: number; readonly example: string }[]
  /** Plans considered: legal and fitting ones, and refused ones. */
  readonly considered: number
}

/** CUDA context, NCCL and library buffers that no formula counts, in bytes. */
export const overheadBytes = 2.5e9

/**
 * Estimates below this part of a GPU's memory never ran out of it in 454 measured runs.
 * @see Fujii, Watanabe and Yokota 2024, arXiv:2411.06465
 */
export const stableMemoryFraction = 0.8

/** A mixture's load is uneven early in training: some ranks get more tokens than the mean. */
const expertImbalance = 1.25

/**
 * Enumerates plans under Megatron-LM's rules: TP up to a node, PP, interleaving, CP for long sequences, EP, micro-batch
 * sizes, with and without full recomputation, always with the distributed optimizer.
 * @returns rankings by throughput and by stability, and every refusal with its reasons; rankings are empty where nothing
 *   fits, and `refused` then says why
 * @throws RangeError or TypeError naming a field of the request that is none
 */
export function plan(search: PlanSearch): PlanResult {
  const model = validateModel(search.model)
  const cluster = validateCluster(search.cluster)
  const candidates: Candidate[] = []
  const refused: Refusal[] = []
  for (const shape of shapes(model, cluster, search.recipe)) {
    const complete = completePlan(shape)
    const faults = planFaults(model, cluster, complete)
    if (faults.length > 0) {
      refused.push({ plan: complete, reasons: faults })
      continue
    }
    const candidate = judge(model, cluster, complete)
    if ('reasons' in candidate) refused.push(candidate)
    else candidates.push(candidate)
  }
  const limit = search.limit ?? 10
  const faster = (a: Candidate, b: Candidate) => b.estimate.tokensPerSecond - a.estimate.tokensPerSecond
  return {
    byThroughput: [...candidates].sort(faster).slice(0, limit),
    byStability: [...candidates].sort((a, b) => a.risks.length - b.risks.length || faster(a, b)).slice(0, limit),
    refused,
    refusalSummary: summarize(refused),
    considered: candidates.length + refused.length,
  }
}

function summarize(refused: readonly Refusal[]): { count: number; example: string }[] {
  const kinds = new Map<string, { count: number; example: string }>()
  for (const reason of refused.flatMap(({ reasons }) => reasons)) {
    const kind = reason.replace(/\d+(\.\d+)?/g, '#')
    const entry = kinds.get(kind)
    if (entry) entry.count++
    else kinds.set(kind, { count: 1, example: reason })
  }
  return [...kinds.values()].sort((a, b) => b.count - a.count)
}

function judge(model: KnownModel, cluster: KnownCluster, complete: Required<ParallelPlan>): Candidate | Refusal {
  const { tensorParallel, pipelineParallel, contextParallel, microBatchSize, globalBatchSize } = complete
  const dataParallel = cluster.gpuCount / (tensorParallel * pipelineParallel * contextParallel)
  const microBatches = globalBatchSize / (microBatchSize * dataParallel)
  const estimate = estimateKnown(model, cluster, { ...complete, dataParallel, microBatches })
  const memory = cluster.gpu.memoryBytes
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
  if (estimate.memoryBytes + overheadBytes > memory) {
    const reason = `needs ${gigabytes(estimate.memoryBytes)} and ${gigabytes(overheadBytes)} of buffers, a ${cluster.gpu.name} has ${gigabytes(memory)}`
    return { plan: complete, reasons: [reason] }
  }
  return { estimate, risks: risksOf(model, cluster, estimate), headroomBytes: memory - estimate.memoryBytes }
}

/** What could stop a long run of a plan. */
export function risksOf(model: KnownModel, cluster: KnownCluster, estimate: Estimate): string[] {
  const risks: string[] = []
  const { tensorParallel: t, expertParallel: e } = estimate.plan
  const line = stableMemoryFraction * cluster.gpu.memoryBytes
  if (estimate.memoryBytes > line) {
    const percent = (100 * estimate.memoryFraction).toFixed(0)
    risks.push(`memory ${percent} % is above the ${100 * stableMemoryFraction} % under which runs do not run out of it`)
  } else if (model.experts) {
    const uneven = Math.max(...estimate.memoryByStage.map((s) => s.total + (expertImbalance - 1) * s.activations))
    if (uneven > line) risks.push(`uneven expert load (${expertImbalance} x) would take memory above 80 %`)
  }
  if (leavesNode(cluster, t, 1)) risks.push(`tensor parallelism ${t} leaves the node`)
  if (e > 1 && leavesNode(cluster, e, 1)) {
    risks.push(`expert parallelism ${e} leaves the node: all-to-all across nodes is 20 to 40 times slower than inside`)
  }
  return risks
}

function* shapes(model: KnownModel, cluster: KnownCluster, recipe: SearchRecipe): Generator<ParallelPlan> {
  const { globalBatchSize, sequenceLength, precision = 'bf16' } = recipe
  const tensor = powersOfTwo(Math.min(model.heads, cluster.gpusPerNode))
  const most = Math.min(model.layers, cluster.gpuCount, 64)
  const pipeline = [
    ...new Set([...powersOfTwo(most), ...divisors(model.layers, most), ...divisors(model.layers + 2, most)]),
  ]
  const context = sequenceLength >= 16_384 ? [1, 2, 4, 8, 16] : [1]
  const expert = model.experts ? powersOfTwo(Math.min(model.experts.count, cluster.gpuCount)) : [1]
  for (const tensorParallel of tensor) {
    for (const pipelineParallel of pipeline.sort((a, b) => a - b)) {
      const chunks = pipelineParallel > 1 ? divisors(Math.ceil(model.layers / pipelineParallel), 8) : [1]
      for (const virtualPipeline of chunks) {
        for (const contextParallel of context) {
          for (const expertParallel of expert) {
            for (const microBatchSize of [1, 2, 4, 8]) {
              for (const recompute of ['none', 'full'] as const) {
                yield {
                  tensorParallel,
                  pipelineParallel,
                  virtualPipeline,
                  contextParallel,
                  expertParallel,
                  microBatchSize,
                  recompute,
                  globalBatchSize,
                  sequenceLength,
                  precision,
                }
              }
            }
          }
        }
      }
    }
  }
}

function powersOfTwo(upTo: number): number[] {
  const powers: number[] = []
  for (let power = 1; power <= upTo; power *= 2) powers.push(power)
  return powers
}

function divisors(value: number, upTo: number): number[] {
  return Array.from({ length: Math.min(value, upTo) }, (_, i) => i + 1).filter((divisor) => value % divisor === 0)
}
