/** Optimizer and schedule settings of a launch. */
import { type Fields, fields, integer, oneOf, positive } from '../check.ts'

/** Optimizer, schedule and runtime settings. Steps are optimizer steps. */
export interface LaunchRecipe {
  readonly learningRate: number
  readonly minLearningRate: number
  readonly warmupSteps: number
  readonly schedule: 'cosine' | 'wsd'
  readonly trainSteps: number
  /** Length of the schedule (`--lr-decay-iters`). */
  readonly decaySteps: number
  /** WSD: steps of the final decay (default 1: none before the last step) and its curve (default linear). */
  readonly wsdDecaySteps?: number
  readonly wsdDecayStyle?: 'linear' | 'cosine' | 'exponential' | 'minus_sqrt'
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
  readonly maxGradNorm: number
  /** Coefficient of log(Z)^2; upstream has no flag for it. */
  readonly zLoss?: number | null
  /** Load-balancing loss of mixtures. */
  readonly auxiliaryLoss?: number | null
  /** Coefficient of the router's own z-loss (mixtures), which upstream has. */
  readonly routerZLoss?: number | null
  /**
   * The router computes in fp32 (`--moe-router-dtype`); default: only with DeepEP, which requires it.
   */
  readonly routerPrecision?: 'fp32' | null
  /** false: token files are read instead of memory-mapped (`--no-mmap-bin-files`). */
  readonly memoryMappedData?: boolean
  /** Token permutation for experts is one fused kernel; so is the router. */
  readonly permuteFusion?: boolean
  readonly routerFusion?: boolean
  /** Steps between synchronized Python garbage collections on all ranks (`--manual-gc`). */
  readonly garbageCollectionSteps?: number | null
  /** The loss is computed by one kernel (`--cross-entropy-loss-fusion`). */
  readonly lossFusion?: boolean
  /** Timeout of collectives in minutes (`--distributed-timeout-minutes`); Megatron-LM's default is 10. */
  readonly timeoutMinutes?: number | null
}

const recipeFields: Fields<LaunchRecipe> = {
  learningRate: 1,
  minLearningRate: 1,
  warmupSteps: 1,
  schedule: 1,
  trainSteps: 1,
  decaySteps: 1,
  wsdDecaySteps: 1,
  wsdDecayStyle: 1,
  beta1: 1,
  beta2: 1,
  epsilon: 1,
  weightDecay: 1,
  maxGradNorm: 1,
  zLoss: 1,
  auxiliaryLoss: 1,
  routerZLoss: 1,
  routerPrecision: 1,
  memoryMappedData: 1,
  permuteFusion: 1,
  routerFusion: 1,
  garbageCollectionSteps: 1,
  lossFusion: 1,
  timeoutMinutes: 1,
}

/** Validates a recipe. @throws RangeError or TypeError naming an invalid field */
export function checkRecipe(recipe: LaunchRecipe): LaunchRecipe {
  fields('recipe', recipe, recipeFields, 'passed')
  integer('recipe.trainSteps', recipe.trainSteps, 1, 1e12)
  integer('recipe.decaySteps', recipe.decaySteps, 1, 1e12)
  integer('recipe.warmupSteps', recipe.warmupSteps, 0, recipe.trainSteps)
  positive('recipe.learningRate', recipe.learningRate, 100)
  if (recipe.minLearningRate !== 0) positive('recipe.minLearningRate', recipe.minLearningRate, recipe.learningRate)
  oneOf('recipe.schedule', recipe.schedule, ['cosine', 'wsd'])
  for (const field of ['beta1', 'beta2', 'epsilon'] as const) positive(`recipe.${field}`, recipe[field], 1)
  if (recipe.weightDecay !== 0) positive('recipe.weightDecay', recipe.weightDecay, 100)
  positive('recipe.maxGradNorm', recipe.maxGradNorm, 1e6)
  for (const field of ['zLoss', 'auxiliaryLoss', 'routerZLoss'] as const)
    if (recipe[field]) positive(`recipe.${field}`, recipe[field], 1e3)
  if (recipe.routerPrecision) oneOf('recipe.routerPrecision', recipe.routerPrecision, ['fp32'])
  for (const field of ['garbageCollectionSteps', 'timeoutMinutes'] as const)
    if (recipe[field] !== undefined && recipe[field] !== null) integer(`recipe.${field}`, recipe[field], 1, 1e6)
  return recipe
}
