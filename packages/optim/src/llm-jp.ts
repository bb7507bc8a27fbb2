// How LLM-jp set optimizer and learning rate, from the training scripts in github.com/llm-jp/scripts and llm-jp/Megatron-LM.

import { checkInteger, describeValue } from './check.ts'
import type { AdamOptions } from './optimizers/adam.ts'
import { warmup } from './schedules/combine.ts'
import { cooldown } from './schedules/cooldown.ts'
import { cosine } from './schedules/cosine.ts'
import type { Schedule } from './schedules/schedule.ts'
import { wsd } from './schedules/wsd.ts'

/** The numbers of one run. A step is globalBatchSize * 4096 tokens. */
export interface LlmJpRecipe {
  readonly learningRate: number
  readonly finalLearningRate: number
  readonly warmupSteps: number
  readonly steps: number
  /** Sequences of 4096 tokens. */
  readonly globalBatchSize: number
}

/** AdamW of every LLM-jp-3 and LLM-jp-4 run. Gradients are clipped to a global norm of `llmJpClipNorm`. */
export const llmJpAdamW: Readonly<AdamOptions> = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 }

/** Global gradient norm to which LLM-jp clips. */
export const llmJpClipNorm = 1

function recipe(learningRate: number, finalLearningRate: number, steps: number, globalBatchSize: number): LlmJpRecipe {
  return { learningRate, finalLearningRate, warmupSteps: 2000, steps, globalBatchSize }
}

/** LLM-jp-3 (scripts v3-*-sakura): warmup over 2000 steps, cosine to a tenth. 2.07T tokens each. */
export const llmJp3Recipes = {
  '150m': recipe(3e-4, 3e-5, 988_240, 512),
  '440m': recipe(3e-4, 3e-5, 988_240, 512),
  '980m': recipe(3e-4, 3e-5, 988_240, 512),
  '1.8b': recipe(3e-4, 3e-5, 988_240, 512),
  '3.7b': recipe(3e-4, 3e-5, 494_120, 1024),
  '7.2b': recipe(2.5e-4, 2.5e-5, 494_120, 1024),
  '13b': recipe(2e-4, 2e-5, 494_120, 1024),
  '172b': recipe(8e-5, 8e-6, 292_812, 1728),
  '8x1.8b': recipe(3e-4, 3e-5, 492_120, 1024),
  '8x13b': recipe(3e-4, 3e-5, 494_120, 1024),
} as const satisfies Record<string, LlmJpRecipe>

/** LLM-jp-4, phase 1 (scripts v4-*-phase1): warmup over 2000 steps, then constant. `steps` is the plan; decay branches leave earlier. */
export const llmJp4Recipes = {
  '8b': recipe(3e-4, 3e-5, 12_000_000, 512),
  '32b': recipe(2e-4, 2e-5, 12_000_000, 512),
  '32b-a3.8b': recipe(4e-4, 4e-5, 12_000_000, 1024),
  '332b-a31b': recipe(4e-4, 4e-5, 12_000_000, 2048),
  '291b-a27b': recipe(4e-4, 4e-5, 12_000_000, 2880),
} as const satisfies Record<string, LlmJpRecipe>

/**
 * The learning rate of an LLM-jp-3 run. The scripts set `--lr-decay-iters` to steps - warmup, from which Megatron-LM takes the warmup off again: the
 * cosine ends 2000 steps before the run does.
 * @param options any of the recipe's numbers, to scale a run down
 * @throws RangeError for an unknown size, or where steps is not above twice warmupSteps
 */
export function llmJp3Schedule(size: keyof typeof llmJp3Recipes, options: Partial<LlmJpRecipe> = {}): Schedule {
  const r = { ...pick('llmJp3Schedule', llmJp3Recipes, size), ...options }
  checkInteger('llmJp3Schedule: warmupSteps', r.warmupSteps, 1)
  checkInteger('llmJp3Schedule: steps', r.steps, 2 * r.warmupSteps + 1)
  return warmup(
    cosine({ from: r.learningRate, to: r.finalLearningRate, steps: r.steps - 2 * r.warmupSteps }),
    r.warmupSteps,
  )
}

/** Steps at which LLM-jp-4's decay branches leave the stable run (8B and 32B); each ends `llmJp4DecaySteps` later, at a rate of 0. */
export const llmJp4DecayStarts: readonly number[] = [900_000, 1_900_000, 2_900_000]

/** Length of LLM-jp-4's decay branches, in steps. */
export const llmJp4DecaySteps = 100_000

export interface LlmJp4ScheduleOptions extends Partial<LlmJpRecipe> {
  /** A decay branch that ends at this step: 1 - sqrt over its last `decaySteps`, to 0. LLM-jp made them at 1M, 2M and 3M. Default: none. */
  decayEnd?: number
  /** Default 100,000, as in the scripts. */
  decaySteps?: number
}

/**
 * The learning rate of an LLM-jp-4 run: the stable run (which falls to a tenth at its very last step), or a decay branch of it, which is
 * `cooldown(llmJp4Schedule(size), { start: decayEnd - decaySteps, steps: decaySteps })`.
 * @throws RangeError for an unknown size or where the phases do not fit
 */
export function llmJp4Schedule(size: keyof typeof llmJp4Recipes, options: LlmJp4ScheduleOptions = {}): Schedule {
  const { decayEnd, decaySteps = llmJp4DecaySteps, ...overrides } = options
  const r = { ...pick('llmJp4Schedule', llmJp4Recipes, size), ...overrides }
  const { learningRate: peak, warmupSteps } = r
  const stable = wsd({ peak, final: r.finalLearningRate, warmupSteps, steps: r.steps, decaySteps: 1, shape: 'linear' })
  if (decayEnd === undefined) return stable
  checkInteger('llmJp4Schedule: decaySteps', decaySteps, 1)
  checkInteger('llmJp4Schedule: decayEnd', decayEnd, warmupSteps + decaySteps, r.steps - 1)
  return cooldown(stable, { start: decayEnd - decaySteps, steps: decaySteps })
}

function pick<R extends Record<string, LlmJpRecipe>>(what: string, recipes: R, size: keyof R): LlmJpRecipe {
  if (typeof size === 'string' && Object.hasOwn(recipes, size)) return recipes[size]
  throw new RangeError(`${what}: size must be one of ${Object.keys(recipes).join(', ')}, got ${describeValue(size)}`)
}
