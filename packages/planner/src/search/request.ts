/** What a search is asked for. */
import type { Cluster } from '../cluster/cluster.ts'
import type { RunRequest } from '../estimate/cost.ts'
import type { PlannerModel } from '../model/model.ts'
import type { ParallelPlan } from '../plan/parallel-plan.ts'

/** What the training run fixes. */
export interface SearchRecipe {
  /** Sequences in one optimizer step. */
  readonly globalBatchSize: number
  /** Tokens in a sequence. */
  readonly sequenceLength: number
  readonly precision?: ParallelPlan['precision']
  /** Plans that compute activations again are considered; default true. */
  readonly recompute?: boolean
  /** Tokens to train on and how the cluster behaves: for days, price and lost time. */
  readonly run?: RunRequest
}

export interface PlanSearch {
  readonly model: PlannerModel
  readonly cluster: Cluster
  readonly recipe: SearchRecipe
  /** Candidates kept in each ranking; default 10. */
  readonly limit?: number
}
