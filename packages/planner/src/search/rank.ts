/** Ranks a given plan among all plans of a search. */
import { integer, object } from '../check.ts'
import { layerMemory } from '../estimate/memory.ts'
import { shapeCosts } from '../estimate/shape-costs.ts'
import type { ParallelPlan, ResolvedPlan } from '../plan/parallel-plan.ts'
import { completePlan, planFaults, validatePlan } from '../plan/plan-rules.ts'
import { type Candidate, candidatesOf, faster, moreStable } from './candidates.ts'
import { enumerate, size } from './enumerate.ts'
import type { PlanSearch } from './request.ts'

/** The rank of a plan among all feasible plans. */
export interface PlanRanking {
  /** Why it is invalid or does not fit; empty for a feasible plan. */
  readonly reasons: readonly string[]
  /** The plan's estimate, if it is feasible. */
  readonly candidate: Candidate | null
  /** Feasible plans, without this one. */
  readonly feasible: number
  /** Feasible plans that are faster, and that are more stable. */
  readonly faster: number
  readonly moreStable: number
  /** Fraction of feasible plans that are more stable: 0.2 or less is the top fifth. */
  readonly stabilityShare: number
  /** The faster plans, fastest first, at most `limit`. */
  readonly fasterPlans: readonly Candidate[]
}

/**
 * Ranks a given plan by throughput and by stability.
 * @throws RangeError or TypeError naming an invalid or unknown field; violated rules are returned in `reasons`
 * @example rankPlan({ model, cluster, recipe: { globalBatchSize: 1024, sequenceLength: 4096 } }, own).reasons // []
 */
export function rankPlan(search: PlanSearch, own: ParallelPlan): PlanRanking {
  object('search', search)
  const limit = integer('limit', search.limit ?? 10, 1, 1e6)
  const all = enumerate(search)
  const { model, cluster, run, feasible } = all
  const nothing = {
    candidate: null,
    feasible: feasible.length,
    faster: 0,
    moreStable: 0,
    stabilityShare: 1,
    fasterPlans: [],
  }
  const given = completePlan(own)
  const faults = planFaults(model, cluster, given)
  if (faults.length > 0) return { ...nothing, reasons: faults }
  const known = validatePlan(model, cluster, own)
  const sized = size(model, cluster, known, run, {
    costs: shapeCosts(model, cluster, known),
    memory: layerMemory(model, known),
  })
  const candidates = candidatesOf(all)
  if ('reasons' in sized) return { ...nothing, reasons: sized.reasons }
  const others = feasible.filter(({ plan: other }) => !sameLayout(other, known))
  const fasterOnes = others.filter((other) => faster(other, sized) < 0).sort(faster)
  const moreStableOnes = others.filter((other) => moreStable(other, sized) < 0).length
  return {
    reasons: [],
    candidate: candidates(sized),
    feasible: others.length,
    faster: fasterOnes.length,
    moreStable: moreStableOnes,
    stabilityShare: others.length === 0 ? 0 : moreStableOnes / others.length,
    fasterPlans: fasterOnes.slice(0, limit).map(candidates),
  }
}

function sameLayout(a: ResolvedPlan, b: ResolvedPlan): boolean {
  return (
    a.tensorParallel === b.tensorParallel &&
    a.pipelineParallel === b.pipelineParallel &&
    a.virtualPipeline === b.virtualPipeline &&
    a.contextParallel === b.contextParallel &&
    a.expertParallel === b.expertParallel &&
    a.microBatchSize === b.microBatchSize &&
    a.recompute === b.recompute &&
    a.recomputeModules.join() === b.recomputeModules.join()
  )
}
