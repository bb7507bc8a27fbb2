/** Options of `kumiki finetune`, and the resulting run configuration. */
import { resolve } from 'node:path'
import { type ExcessLengthStrategy, packedBatches } from '@kumiki/data'
import type { LoraConfig } from '@kumiki/models'
import {
  changeRunConfiguration,
  checkRunConfiguration,
  type RunConfiguration,
  type RunConfigurationChanges,
} from '@kumiki/train'
import type { RunTuning } from '@kumiki/train/node'
import { UsageError } from '../usage-error.ts'
import type { TuningData } from './finetune-data.ts'

export interface FinetuneOptions {
  /** Folder, run folder or `hf:OWNER/NAME`. */
  readonly model?: string
  readonly data: readonly string[]
  readonly template?: string
  readonly lora?: number
  readonly loraAlpha?: number
  readonly loraTargets?: readonly string[]
  readonly basePrecision?: string
  readonly merge?: boolean
  readonly epochs?: number
  readonly evalData?: readonly string[]
  readonly evalSplit?: number
  readonly tooLong?: ExcessLengthStrategy
  readonly overrides: RunConfigurationChanges
  readonly device: 'auto' | 'webgpu' | 'cpu'
  readonly threads?: number
  readonly out?: string
  readonly overwrite?: boolean
  readonly resume?: string
  readonly evaluateEvery?: number
  readonly checkpointEvery?: number
  readonly checkpointMinutes?: number
  readonly keep?: number
}

/** Defaults of `finetune`. */
export const tuningDefaults = {
  epochs: 3,
  batchSize: 8,
  /** For all weights, and for adapters: usual values in papers on LoRA and instruction tuning at this model size. */
  learningRate: { full: 2e-5, lora: 2e-4 },
  warmup: 0.03,
  evalSplit: 0.05,
} as const

/** The tuning settings of a run. @throws UsageError for conflicting flags */
export function tuningOf(options: FinetuneOptions, model: string): RunTuning {
  const { lora, loraAlpha, loraTargets, basePrecision, merge = false, template, tooLong = 'truncate' } = options
  if (lora === undefined)
    for (const [flag, value] of Object.entries({
      'lora-alpha': loraAlpha,
      'lora-targets': loraTargets,
      'base-precision': basePrecision,
      merge: merge || undefined,
    }))
      if (value !== undefined) throw new UsageError(`--${flag} needs --lora RANK`)
  if (options.evalData && options.evalSplit !== undefined)
    throw new UsageError('--eval-data and --eval-split exclude each other; give one')
  const adapter: LoraConfig | undefined =
    lora === undefined
      ? undefined
      : {
          rank: lora,
          alpha: loraAlpha ?? 2 * lora,
          targets: !loraTargets || loraTargets.includes('all-linear') ? 'all-linear' : loraTargets,
        }
  const isName = template === undefined || /^[\w-]+$/.test(template)
  return {
    model: model.startsWith('hf:') ? model : resolve(model),
    ...(template !== undefined && { template: isName ? template : resolve(template) }),
    ...(adapter && { adapter, basePrecision: basePrecision ?? 'f32' }),
    tooLong,
    heldOut: options.evalData?.map((path) => resolve(path)) ?? options.evalSplit ?? tuningDefaults.evalSplit,
    merge,
  }
}

/** The run configuration of a fine-tuning: defaults, overridden by flags. */
export function configurationOf(options: FinetuneOptions, data: TuningData, vocabSize: number): RunConfiguration {
  const { overrides, lora, epochs = tuningDefaults.epochs } = options
  const { sequenceLength } = data
  const probe = packedBatches({ documents: data.train, sequenceLength, batchSize: 1 })
  const batchSize = overrides.batchSize ?? Math.min(tuningDefaults.batchSize, probe.sequencesPerEpoch)
  const steps = overrides.steps ?? Math.max(1, Math.ceil((epochs * probe.sequencesPerEpoch) / batchSize))
  const configuration: RunConfiguration = {
    steps,
    batchSize,
    accumulation: 1,
    sequenceLength,
    schedule: 'cosine',
    learningRate: tuningDefaults.learningRate[lora === undefined ? 'full' : 'lora'],
    minLearningRateRatio: 0.1,
    warmupSteps: Math.ceil(steps * tuningDefaults.warmup),
    decayFraction: 0.2,
    optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
    maxGradNorm: 1,
    zLoss: 0,
    precision: 'f32',
    seed: 0,
    // The tokenizer is the model's; this field is only used by runs that train one.
    vocabSize: Math.max(260, vocabSize),
  }
  return checkRunConfiguration(changeRunConfiguration(configuration, overrides), 'finetune')
}
