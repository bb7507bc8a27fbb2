/** Plan search, with rankings by throughput and by stability. */
import { integer, object } from '../check.ts'
import { type Candidate, candidatesOf, faster, moreStable } from './candidates.ts'
import { enumerate, type Refusal } from './enumerate.ts'
import type { RefusalKind } from './refusals.ts'
import type { PlanSearch } from './request.ts'

export interface PlanResult {
  /** Fastest first. */
  readonly byThroughput: readonly Candidate[]
  /** Fewest risks first, then fastest with lost time counted. */
  readonly byStability: readonly Candidate[]
  /** Plans faster than the first by stability, at the cost of more risks. Fastest first, at most `limit`. */
  readonly fasterButRiskier: readonly Candidate[]
  /** All refused plans with reasons; computed on first access. */
  readonly refused: readonly Refusal[]
  /** Counts of refusal reasons by kind, with one example each. Most frequent first. */
  readonly refusalSummary: readonly RefusalKind[]
  /** Number of plans considered, feasible and refused. */
  readonly considered: number
  /** Number of valid plans that fit. */
  readonly feasible: number
}

/**
 * Enumerates plans under Megatron-LM's rules: TP up to two nodes, PP, interleaving, CP for long sequences, EP,
 * micro-batch sizes, with and without recomputation, always with the distributed optimizer.
 * @returns rankings by throughput and by stability, and every refusal with its reasons; if nothing fits, rankings are
 * empty and `refused` has the reasons
 * @throws RangeError or TypeError naming an invalid or unknown field of the request
 * @example
 * const { byStability } = plan({ model, cluster, recipe: { globalBatchSize: 1024, sequenceLength: 4096 } })
 * console.log(byStability[0].estimate.plan.tensorParallel, byStability[0].risks.length) // 2 0
 */
export function plan(search: PlanSearch): PlanResult {
  object('search', search)
  const limit = integer('limit', search.limit ?? 10, 1, 1e6)
  const all = enumerate(search)
  const { feasible, tally } = all
  let refused: readonly Refusal[] | undefined
  const candidates = candidatesOf(all)
  const byThroughput = [...feasible].sort(faster)
  const byStability = [...feasible].sort(moreStable)
  const [best] = byStability
  return {
    byThroughput: byThroughput.slice(0, limit).map(candidates),
    byStability: byStability.slice(0, limit).map(candidates),
    fasterButRiskier: best
      ? byThroughput
          .filter((one) => one.stepSeconds < best.stepSeconds)
          .slice(0, limit)
          .map(candidates)
      : [],
    // Computed on access, because there are tens of thousands and few callers read them.
    get refused() {
      refused ??= enumerate(search, { keepRefused: true }).refused
      return refused
    },
    refusalSummary: tally.summary(),
    considered: feasible.length + tally.plans,
    feasible: feasible.length,
  }
}
