/** Requests for plan searches. */
import type { Cluster } from '../cluster/cluster.ts'
import type { RunRequest } from '../estimate/cost.ts'
import type { PlannerModel } from '../model/model.ts'
import type { ParallelPlan } from '../plan/parallel-plan.ts'

/** Properties of the training run that a search does not change. */
export interface SearchRecipe {
  /** Sequences in one optimizer step. */
  readonly globalBatchSize: number
  /** Tokens in a sequence. */
  readonly sequenceLength: number
  readonly precision?: ParallelPlan['precision']
  /** Whether plans with activation recomputation are considered; default true. */
  readonly recompute?: boolean
  /** Tokens to train on and reliability of the cluster, for days, price and lost time. */
  readonly run?: RunRequest
}

export interface PlanSearch {
  readonly model: PlannerModel
  readonly cluster: Cluster
  readonly recipe: SearchRecipe
  /** Candidates in each ranking; default 10. */
  readonly limit?: number
}
