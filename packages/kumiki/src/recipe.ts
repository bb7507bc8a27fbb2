/** What `kumiki train` trains and how: presets, a configuration file, and command-line overrides, resolved and checked. */
import { readFile } from 'node:fs/promises'
import { findModel, type ModelArchitecture, validateArchitecture } from '@kumiki/models/configs'
import { checkRecipe, type Recipe } from '@kumiki/train'
import type { RunDefinition } from '@kumiki/train/node'
import { UsageError } from './usage-error.ts'

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

export interface RecipeSources {
  readonly preset?: string
  /** A JSON file: { name?, architecture?: {...}, recipe?: {...} }, on top of the preset. */
  readonly config?: string
  readonly overrides: Partial<Recipe>
}

/** Preset, then configuration file, then command line. The vocabulary of the architecture becomes the tokenizer's later. */
export async function resolveRun({ preset = 'nano', config, overrides }: RecipeSources): Promise<RunDefinition> {
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
