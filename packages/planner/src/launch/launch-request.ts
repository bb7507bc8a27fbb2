/** What a launch is written from. */
import type { Cluster } from '../cluster/cluster.ts'
import type { PlannerModel } from '../model/model.ts'
import type { ParallelPlan } from '../plan/parallel-plan.ts'
import type { LaunchRecipe } from './launch-recipe.ts'

export interface LaunchRequest {
  readonly model: PlannerModel
  readonly cluster: Cluster
  readonly plan: ParallelPlan
  readonly recipe: LaunchRecipe
  /** `upstream` (default), or LLM-jp's fork, which has `--use-z-loss`. */
  readonly megatron?: 'upstream' | 'llm-jp'
  readonly ropeTheta?: number
  readonly rmsNormEps?: number
  readonly initializerRange?: number
  readonly qkNorm?: boolean
  readonly maxPositionEmbeddings?: number
  readonly paths?: {
    /** SentencePiece model. */
    readonly tokenizerModel?: string
    /** What follows `--data-path`: weights and prefixes. */
    readonly data?: readonly string[]
    readonly checkpoints?: string
  }
  readonly saveInterval?: number
}
