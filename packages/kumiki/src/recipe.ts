/** What `kumiki train` trains and how: presets, a configuration file, and command-line overrides, resolved and checked. */
import { readFile } from 'node:fs/promises'
import { findModel, type ModelArchitecture, validateArchitecture } from '@kumiki/models/configs'
import { constant, cosine, type Schedule, warmup, wsd } from '@kumiki/optim'
import { findPrecision } from '@kumiki/train'
import { UsageError } from './usage-error.ts'

/** A training recipe; every number is per run. */
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

/** The LLM-jp-3 recipe at nano's size: its betas, epsilon, decay, clipping, z-loss and bfloat16; rate and length found by trial. */
export const nanoRecipe: Recipe = {
  steps: 800,
  batchSize: 8,
  accumulation: 1,
  sequenceLength: 128,
  learningRate: 3e-3,
  finalRate: 0.1,
  schedule: 'cosine',
  warmupSteps: 50,
  decayShare: 0.4,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  gradientClip: 1,
  zLoss: 1e-4,
  precision: 'bf16',
  seed: 0,
  vocabSize: 2048,
}

export interface ResolvedRun {
  readonly name: string
  readonly architecture: ModelArchitecture
  readonly recipe: Recipe
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

/** @throws UsageError naming the field, what was given and what is allowed */
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
      throw new UsageError(
        `${where}: ${key} must be ${kind === 'integer' ? 'an integer' : 'a number'} from ${low} to ${high}, got ${JSON.stringify(value)}`,
      )
    }
  }
  if (recipe.schedule !== 'cosine' && recipe.schedule !== 'wsd')
    throw new UsageError(`${where}: schedule must be cosine or wsd, got ${JSON.stringify(recipe.schedule)}`)
  if (recipe.batchSize % recipe.accumulation !== 0)
    throw new UsageError(`${where}: accumulation ${recipe.accumulation} does not divide batchSize ${recipe.batchSize}`)
  try {
    findPrecision(recipe.precision)
  } catch (error) {
    throw new UsageError(`${where}: ${(error as Error).message}`)
  }
  return recipe
}

export interface RecipeSources {
  readonly preset?: string
  /** A JSON file: { name?, architecture?: {...}, recipe?: {...} }, on top of the preset. */
  readonly config?: string
  readonly overrides: Partial<Recipe>
}

/** Preset, then configuration file, then command line. The vocabulary of the architecture becomes the tokenizer's later. */
export async function resolveRun({ preset = 'nano', config, overrides }: RecipeSources): Promise<ResolvedRun> {
  let architecture: ModelArchitecture
  let name: string
  try {
    const model = findModel(preset)
    architecture = model.architecture
    name = model.name
  } catch (error) {
    throw new UsageError(`--preset: ${(error as Error).message}`)
  }
  if (architecture.experts)
    throw new UsageError(`--preset ${name}: mixture-of-experts models cannot be trained yet; the dense ones can`)
  const file = config ? await readConfig(config) : {}
  const fromFile = pick(file.recipe, Object.keys(nanoRecipe), `${config}: recipe`)
  const sizes = pick(file.architecture, Object.keys(architecture), `${config}: architecture`)
  const given = Object.fromEntries(Object.entries(overrides).filter(([, v]) => v !== undefined))
  let recipe = { ...nanoRecipe, ...fromFile, ...given } as Recipe
  // A short run keeps the shape of its schedule.
  if (!('warmupSteps' in given) && !('warmupSteps' in fromFile))
    recipe = { ...recipe, warmupSteps: Math.min(recipe.warmupSteps, Math.floor(recipe.steps / 10)) }
  architecture = { ...architecture, ...sizes } as ModelArchitecture
  if (recipe.sequenceLength > architecture.maxPositionEmbeddings)
    architecture = { ...architecture, maxPositionEmbeddings: recipe.sequenceLength }
  try {
    validateArchitecture(architecture, config ?? name)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  return {
    name: typeof file.name === 'string' ? file.name : name,
    architecture,
    recipe: checkRecipe(recipe, config ?? 'train'),
  }
}

async function readConfig(path: string): Promise<Record<string, unknown>> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw new UsageError(`--config ${path}: cannot be read (${error.code ?? error.message})`)
  })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new UsageError(`--config ${path}: is not JSON: ${(error as Error).message}`)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new UsageError(`--config ${path}: must be an object { name?, architecture?, recipe? }`)
  const unknown = Object.keys(json).filter((k) => !['name', 'architecture', 'recipe'].includes(k))
  if (unknown.length > 0)
    throw new UsageError(`--config ${path}: unknown field ${unknown[0]}; known are name, architecture, recipe`)
  return json as Record<string, unknown>
}

function pick(value: unknown, known: readonly string[], where: string): Record<string, unknown> {
  if (value === undefined) return {}
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError(`${where}: must be an object`)
  const unknown = Object.keys(value).filter((k) => !known.includes(k))
  if (unknown.length > 0) throw new UsageError(`${where}: unknown field ${unknown[0]}; known are ${known.join(', ')}`)
  return value as Record<string, unknown>
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
