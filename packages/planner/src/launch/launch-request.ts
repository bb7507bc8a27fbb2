/** The inputs of a generated launch. */
import { type Fields, fields } from '../check.ts'
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
    /** A SentencePiece `.model`, or a folder with a `tokenizer.json`. */
    readonly tokenizerModel?: string
    /** Values of `--data-path`: weights and prefixes. */
    readonly data?: readonly string[]
    readonly checkpoints?: string
  }
  readonly saveInterval?: number
}

const requestFields: Fields<LaunchRequest> = {
  model: 1,
  cluster: 1,
  plan: 1,
  recipe: 1,
  megatron: 1,
  ropeTheta: 1,
  rmsNormEps: 1,
  initializerRange: 1,
  qkNorm: 1,
  maxPositionEmbeddings: 1,
  paths: 1,
  saveInterval: 1,
}
const pathFields: Fields<NonNullable<LaunchRequest['paths']>> = { tokenizerModel: 1, data: 1, checkpoints: 1 }

/** @throws RangeError naming a misspelt field */
export function checkLaunchRequest(request: LaunchRequest): void {
  // A request may contain further fields, because the result of `readMegatron` may be spread into it.
  fields('request', request, requestFields, 'passed')
  if (request.paths) fields('request.paths', request.paths, pathFields)
}
