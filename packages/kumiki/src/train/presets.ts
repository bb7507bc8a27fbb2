/**
 * The presets of `kumiki train --preset NAME`: the run configuration of a known model, from its recipe if it has one.
 */
import {
  findModel,
  type Model,
  type ModelArchitecture,
  scheduleNumbers,
  type TrainingRecipe,
} from '@kumiki/models/configs'
import type { RunConfiguration } from '@kumiki/train'
import type { RecipeDifference } from '@kumiki/train/node'
import { UsageError } from '../usage-error.ts'

/**
 * LLM-jp-3's recipe at nano's size: its optimizer, clipping, z-loss and bfloat16; learning rate and steps found by
 * experiment.
 */
export const nanoConfiguration: RunConfiguration = {
  steps: 800,
  batchSize: 8,
  accumulation: 1,
  sequenceLength: 128,
  learningRate: 3e-3,
  minLearningRateRatio: 0.1,
  schedule: 'cosine',
  warmupSteps: 50,
  decayFraction: 0.4,
  optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 },
  maxGradNorm: 1,
  zLoss: 1e-4,
  precision: 'bf16',
  seed: 0,
  vocabSize: 2048,
}

/** A preset's architecture and configuration. */
export interface Preset {
  readonly name: string
  readonly architecture: ModelArchitecture
  readonly configuration: RunConfiguration
  /** The model whose recipe it is; undefined for Kumiki's own presets. */
  readonly model?: Model & { readonly recipe: TrainingRecipe }
}

/** @throws UsageError for an unknown name, or a model that cannot be trained */
export function findPreset(preset: string): Preset {
  const model = known(preset)
  const { name, architecture, recipe } = model
  if (!recipe) return { name, architecture, configuration: nanoConfiguration }
  const { learningRate, minLearningRate, warmupSteps } = scheduleNumbers(recipe.schedule)
  const wsd = recipe.schedule.kind === 'wsd' ? recipe.schedule : undefined
  return {
    name,
    architecture,
    model: { ...model, recipe },
    configuration: {
      steps: recipe.trainSteps,
      batchSize: recipe.globalBatchSize,
      accumulation: 1,
      sequenceLength: recipe.sequenceLength,
      schedule: wsd ? 'wsd' : 'cosine',
      learningRate,
      minLearningRateRatio: Number((minLearningRate / learningRate).toPrecision(12)),
      warmupSteps,
      decayFraction: wsd ? wsd.decaySteps / wsd.steps : 0,
      optimizer: { ...recipe.optimizer },
      maxGradNorm: recipe.maxGradNorm,
      zLoss: recipe.zLoss ?? 0,
      ...(architecture.experts && {
        auxiliaryLoss: recipe.auxiliaryLoss ?? 0,
        routerZLoss: recipe.routerZLoss ?? 0,
      }),
      precision: recipe.precision,
      seed: 0,
      vocabSize: architecture.vocabSize,
    },
  }
}

function known(preset: string): Model {
  try {
    return findModel(preset)
  } catch (error) {
    throw new UsageError(`--preset: ${(error as Error).message}`, { cause: error })
  }
}

/** Fields that the user set, with their origin: a flag or a file. */
export type GivenFields = ReadonlyMap<string, string>

/** Limits for a run on one machine, a small part of the recipe's length. */
const presetSteps = 800
const presetVocabSize = 2048

export interface FittedPreset {
  readonly configuration: RunConfiguration
  readonly differences: readonly RecipeDifference[]
}

const text = (value: unknown): string =>
  typeof value === 'number' && Math.abs(value) >= 1000
    ? value.toLocaleString('en')
    : typeof value === 'object'
      ? JSON.stringify(value)
      : String(value)

/** Names of configuration fields in the list of differences. */
const words: Readonly<Partial<Record<keyof RunConfiguration, string>>> = {
  steps: 'steps',
  batchSize: 'sequences per batch',
  sequenceLength: 'tokens per sequence',
  schedule: 'schedule',
  learningRate: 'peak learning rate',
  minLearningRateRatio: 'minimum learning rate as a fraction of the peak',
  warmupSteps: 'warmup steps',
  optimizer: 'optimizer',
  maxGradNorm: 'maximum gradient norm',
  zLoss: 'z-loss',
  auxiliaryLoss: 'load-balancing loss',
  routerZLoss: 'router z-loss',
  precision: 'precision',
  vocabSize: 'vocabulary size',
}

/**
 * Scales a model's recipe to one machine. The batch size stays, with gradient accumulation; sequences become shorter if
 * a single one does not fit; steps and vocabulary suit a small text. Fields that the user set are not changed.
 * @param fits whether a configuration fits the memory
 * @returns the configuration, and its differences from the recipe
 */
export function fitPreset(
  preset: Preset & { readonly model: NonNullable<Preset['model']> },
  configuration: RunConfiguration,
  given: GivenFields,
  fits: (configuration: RunConfiguration) => boolean,
): FittedPreset {
  const { recipe, layout } = preset.model
  const why = new Map<string, string>([...given].map(([field, source]) => [field, `set by ${source}`]))
  let fitted = configuration
  const set = (field: keyof RunConfiguration, value: number, reason: string): void => {
    if (given.has(field) || fitted[field] === value) return
    fitted = { ...fitted, [field]: value }
    why.set(field, reason)
  }
  set('steps', Math.min(presetSteps, recipe.trainSteps), 'a run on one machine; --steps changes it')
  // A small text does not have enough words for a larger vocabulary.
  set('vocabSize', presetVocabSize, 'the tokenizer is trained on the text of this run; --vocab-size changes it')
  if (fitted.warmupSteps !== undefined)
    set('warmupSteps', Math.min(fitted.warmupSteps, Math.floor(fitted.steps / 10)), 'at most a tenth of the steps')
  // The fewest accumulation steps that fit; if a single sequence does not fit, half its length.
  const inParts = (candidate: RunConfiguration) =>
    divisors(candidate.batchSize)
      .map((accumulation) => ({ ...candidate, accumulation }))
      .find(fits)
  if (!given.has('accumulation')) {
    let candidate = fitted
    let parts = inParts(candidate)
    while (!parts && !given.has('sequenceLength') && candidate.sequenceLength >= 256) {
      candidate = { ...candidate, sequenceLength: candidate.sequenceLength / 2 }
      parts = inParts(candidate)
    }
    if (!parts) {
      // It does not fit by the estimate, but a GPU's memory is unknown, so it may.
      set('accumulation', fitted.batchSize, '')
    } else {
      if (parts.sequenceLength !== fitted.sequenceLength)
        why.set('sequenceLength', 'a longer one does not fit the memory')
      fitted = parts
    }
  }
  return {
    configuration: fitted,
    differences: [...changed(preset.configuration, fitted, why), ...elsewhere(preset, fitted)],
  }

  function elsewhere({ model }: Preset, { accumulation, batchSize }: RunConfiguration): RecipeDifference[] {
    const differences: RecipeDifference[] = []
    if (layout) {
      const {
        tensorParallel,
        pipelineParallel,
        contextParallel,
        dataParallel,
        microBatchSize,
        nodes,
        gpusPerNode,
        gpu,
      } = layout
      const many = nodes === null ? `many ${gpu}` : `${(nodes * gpusPerNode).toLocaleString('en')} ${gpu}`
      differences.push({
        what: 'devices',
        recipe: `${many}: TP ${tensorParallel}, PP ${pipelineParallel}, CP ${contextParallel}, DP ${dataParallel ?? '?'}, micro batch ${microBatchSize}`,
        run: `one, micro batch ${batchSize / accumulation}, ${accumulation.toLocaleString('en')} accumulation ${accumulation === 1 ? 'step' : 'steps'}`,
        why: 'accumulated gradients have the same sum',
      })
    }
    differences.push({
      what: 'text',
      recipe: model?.corpus ? `the blend ${model.corpus.name}` : 'its own blend',
      run: 'the text of this run',
      why: '--data selects the text',
    })
    if (model?.startsFrom)
      differences.push({
        what: 'initial weights',
        recipe: `those of ${model.startsFrom}`,
        run: 'random',
        why: 'kumiki train starts from random weights',
      })
    return differences
  }
}

function* fieldsOf(): Generator<[keyof RunConfiguration, string]> {
  for (const [field, word] of Object.entries(words)) yield [field as keyof RunConfiguration, word]
}

function changed(
  recipe: RunConfiguration,
  run: RunConfiguration,
  why: ReadonlyMap<string, string>,
): RecipeDifference[] {
  return [...fieldsOf()].flatMap(([field, what]) =>
    run[field] === undefined || JSON.stringify(recipe[field]) === JSON.stringify(run[field])
      ? []
      : [
          {
            what,
            recipe: text(recipe[field]),
            run: text(run[field]),
            why: why.get(field) ?? 'follows from the other changes',
          },
        ],
  )
}

function divisors(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0)
}

/** The differences as lines of text. */
export function differenceLines(model: string, differences: readonly RecipeDifference[]): string[] {
  return [
    `Differences from LLM-jp's recipe of ${model}:`,
    ...differences.map(({ what, recipe, run, why }) => `  ${what}: ${run} instead of ${recipe} (${why})`),
  ]
}
