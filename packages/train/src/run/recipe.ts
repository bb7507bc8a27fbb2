/** How a run trains, as plain numbers that stand in run.json: and the optimizer and schedule they make. */
import {
  adamw,
  chain,
  clipGlobalNorm,
  constant,
  cosine,
  type Optimizer,
  type Schedule,
  warmup,
  wsd,
} from '@kumiki/optim'
import { findPrecision, type PrecisionPolicy } from '../precision.ts'

/** Every number is per run. */
export interface Recipe {
  readonly steps: number
  /** Sequences in a batch. */
  readonly batchSize: number
  /** Parts of a batch worked on one after another. */
  readonly accumulation: number
  /** Tokens in a sequence. */
  readonly sequenceLength: number
  readonly learningRate: number
  /** Where the schedule ends, as a share of learningRate. */
  readonly finalRate: number
  readonly schedule: 'cosine' | 'wsd'
  readonly warmupSteps: number
  /** Share of the steps in which a wsd schedule decays. */
  readonly decayShare: number
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
  readonly gradientClip: number
  readonly zLoss: number
  readonly precision: string
  readonly seed: number
  /** Pieces of the tokenizer that is trained on the text. */
  readonly vocabSize: number
}

/** A recipe cannot be, or cannot be changed so. */
export class RecipeError extends RangeError {
  override name = 'RecipeError'
}

/** [lowest, highest] of every numeric field; integers where the lowest is one. */
const bounds: { readonly [K in keyof Recipe]?: readonly [number, number, 'integer' | 'number'] } = {
  steps: [1, 1e9, 'integer'],
  batchSize: [1, 1 << 20, 'integer'],
  accumulation: [1, 1 << 20, 'integer'],
  sequenceLength: [1, 1 << 24, 'integer'],
  learningRate: [0, 100, 'number'],
  finalRate: [0, 1, 'number'],
  warmupSteps: [0, 1e9, 'integer'],
  decayShare: [0, 1, 'number'],
  beta1: [0, 0.999999, 'number'],
  beta2: [0, 0.999999999, 'number'],
  epsilon: [0, 1, 'number'],
  weightDecay: [0, 100, 'number'],
  gradientClip: [1e-9, 1e9, 'number'],
  zLoss: [0, 1, 'number'],
  seed: [0, 2 ** 32 - 1, 'integer'],
  vocabSize: [260, 1 << 24, 'integer'],
}

/**
 * @param where what an error calls the recipe: a file or command
 * @throws RecipeError naming the field, what was given and what is allowed
 */
export function checkRecipe(recipe: Recipe, where: string): Recipe {
  for (const [key, [low, high, kind]] of Object.entries(bounds) as [
    keyof Recipe,
    readonly [number, number, string],
  ][]) {
    const value = recipe[key]
    if (
      typeof value !== 'number' ||
      !(value >= low && value <= high) ||
      (kind === 'integer' && !Number.isInteger(value))
    ) {
      throw new RecipeError(
        `${where}: ${key} must be ${kind === 'integer' ? 'an integer' : 'a number'} from ${low} to ${high}, got ${JSON.stringify(value)}`,
      )
    }
  }
  if (recipe.schedule !== 'cosine' && recipe.schedule !== 'wsd')
    throw new RecipeError(`${where}: schedule must be cosine or wsd, got ${JSON.stringify(recipe.schedule)}`)
  if (recipe.batchSize % recipe.accumulation !== 0)
    throw new RecipeError(`${where}: accumulation ${recipe.accumulation} does not divide batchSize ${recipe.batchSize}`)
  try {
    findPrecision(recipe.precision)
  } catch (error) {
    throw new RecipeError(`${where}: ${(error as Error).message}`)
  }
  return recipe
}

/** The fields in which two recipes differ: old and new. */
export function recipeChanges(before: Partial<Recipe>, after: Recipe): Record<string, [unknown, unknown]> {
  const changes: Record<string, [unknown, unknown]> = {}
  for (const key of Object.keys(after) as (keyof Recipe)[])
    if (before[key] !== after[key]) changes[key] = [before[key], after[key]]
  return changes
}

/** The learning rate by update. */
export function scheduleOf(recipe: Recipe): Schedule {
  const { learningRate, finalRate, steps, warmupSteps } = recipe
  const final = learningRate * finalRate
  const decaySteps = Math.min(steps - warmupSteps, Math.round(steps * recipe.decayShare))
  if (recipe.schedule === 'wsd') {
    if (decaySteps > 0) return wsd({ peak: learningRate, final, warmupSteps, steps, decaySteps })
    return warmupSteps > 0 ? warmup(constant(learningRate), warmupSteps) : constant(learningRate)
  }
  const falling = cosine({ from: learningRate, to: final, steps: Math.max(1, steps - warmupSteps) })
  return warmupSteps > 0 ? warmup(falling, warmupSteps) : falling
}

/** What a recipe says of a run: its part of a `RunConfiguration`. */
export function configurationOf(recipe: Recipe): {
  readonly steps: number
  readonly optimizer: Optimizer
  readonly schedule: Schedule
  readonly precision: PrecisionPolicy
  readonly accumulation: number
  readonly zLoss: number
  readonly seed: number
} {
  const { steps, gradientClip, beta1, beta2, epsilon, weightDecay, accumulation, zLoss, seed } = recipe
  return {
    steps,
    optimizer: chain(clipGlobalNorm(gradientClip), adamw({ beta1, beta2, epsilon, weightDecay })),
    schedule: scheduleOf(recipe),
    precision: findPrecision(recipe.precision),
    accumulation,
    zLoss,
    seed,
  }
}
