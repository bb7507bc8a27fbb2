/**
 * A plan search as plain data for a report: labels, numbers, and the simulated pipeline of the first plan that has one.
 */
import { object } from '../check.ts'
import { validateCluster } from '../cluster/cluster.ts'
import { stableMemoryFraction } from '../estimate/risks.ts'
import { type Simulation, simulate } from '../estimate/simulate.ts'
import type { ResolvedPlan } from '../plan/parallel-plan.ts'
import type { Candidate } from './candidates.ts'
import type { PlanSearch } from './request.ts'
import type { PlanResult } from './search.ts'

export interface LabelledCandidate extends Candidate {
  /** The plan's label (see `planLabel`). */
  readonly label: string
}

/** The contents of a report about a search, drawn by @kumiki/report. */
export interface PlanSummary {
  /** "llm-jp-3-13b on 16 nodes of 8 x H100-SXM-80GB" */
  readonly title: string
  /** Memory of one GPU in bytes. */
  readonly gpuMemoryBytes: number
  /** Fraction of it that a plan without memory risk does not exceed. */
  readonly stableMemoryFraction: number
  readonly considered: number
  readonly feasible: number
  readonly byStability: readonly LabelledCandidate[]
  readonly byThroughput: readonly LabelledCandidate[]
  /** Number of plans faster than the most stable one; at most the search's `limit`. */
  readonly fasterButRiskier: number
  readonly refused: number
  readonly refusals: PlanResult['refusalSummary']
  readonly pipeline?: PipelineSummary
}

export interface PipelineSummary {
  readonly label: string
  readonly timeline: Simulation
  /** Blocks after the pipeline in the timeline. */
  readonly after: readonly { readonly label: string; readonly seconds: number }[]
  /** Step time of the simulation, and by closed formulas. */
  readonly stepSeconds: number
  readonly estimatedStepSeconds: number
}

/** "TP 4, PP 2 x 5, EP 8, DP 32, MB 1, recompute full" */
export function planLabel(plan: ResolvedPlan): string {
  const recomputed = plan.recompute === 'selective' ? plan.recomputeModules.join('+') : plan.recompute
  return [
    `TP ${plan.tensorParallel}`,
    `PP ${plan.pipelineParallel}${plan.virtualPipeline > 1 ? ` x ${plan.virtualPipeline}` : ''}`,
    ...(plan.contextParallel > 1 ? [`CP ${plan.contextParallel}`] : []),
    ...(plan.expertParallel > 1 ? [`EP ${plan.expertParallel}`] : []),
    `DP ${plan.dataParallel}`,
    `MB ${plan.microBatchSize}`,
    ...(plan.recompute === 'none' ? [] : [`recompute ${recomputed}`]),
  ].join(', ')
}

/** The blocks after the pipeline in the timeline of a step. */
export function blocksAfter(simulation: Simulation): PipelineSummary['after'] {
  return [
    { label: 'gradient exchange', seconds: simulation.dataParallelSeconds },
    { label: 'optimizer and host', seconds: simulation.optimizerSeconds },
  ]
}

/**
 * Collects the data of a report about a search, and simulates the pipeline of the first plan that has one.
 * @param options.title default: the model's name, or "plan"
 * @throws RangeError or TypeError for an invalid request
 * @example writeFileSync('plan.html', planReport(summarizePlans(search, plan(search))))
 */
export function summarizePlans(
  search: PlanSearch,
  result: PlanResult,
  options: { readonly title?: string } = {},
): PlanSummary {
  object('search', search)
  const { nodes, gpusPerNode, gpu } = validateCluster(search.cluster)
  const name = options.title ?? search.model.name ?? 'plan'
  const labelled = (candidate: Candidate) => ({ ...candidate, label: planLabel(candidate.estimate.plan) })
  return {
    title: `${name} on ${nodes} node${nodes > 1 ? 's' : ''} of ${gpusPerNode} x ${gpu.name}`,
    gpuMemoryBytes: gpu.memoryBytes,
    stableMemoryFraction,
    considered: result.considered,
    feasible: result.feasible,
    byStability: result.byStability.map(labelled),
    byThroughput: result.byThroughput.map(labelled),
    fasterButRiskier: result.fasterButRiskier.length,
    refused: result.considered - result.feasible,
    refusals: result.refusalSummary,
    pipeline: pipelineOf(search, result),
  }
}

function pipelineOf(search: PlanSearch, result: PlanResult): PipelineSummary | undefined {
  const piped = [...result.byStability, ...result.byThroughput].find(
    ({ estimate }) => estimate.plan.pipelineParallel > 1,
  )
  if (!piped) return undefined
  const { plan } = piped.estimate
  const timeline = simulate({ model: search.model, cluster: search.cluster, plan })
  const { stepSeconds, estimatedStepSeconds } = timeline
  return { label: planLabel(plan), timeline, after: blocksAfter(timeline), stepSeconds, estimatedStepSeconds }
}
