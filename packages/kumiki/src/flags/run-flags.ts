/** The flags of `train` and `finetune` that change a run configuration. */
import type { OptimizerDescription, ScheduleDescription } from '@kumiki/optim'
import type { RunConfigurationChanges } from '@kumiki/train'

export interface RunFlags {
  steps?: number
  batchSize?: number
  accumulation?: number
  sequenceLength?: number
  learningRate?: number
  optimizer?: string | Partial<OptimizerDescription>
  schedule?: string | ScheduleDescription
  warmup?: number
  vocabSize?: number
  precision?: string
  seed?: number
  averageDecay?: number
}

/** Splits flags into those that change the configuration, under its field names, and the rest. */
export function takeRunFlags<F extends RunFlags>(
  flags: F,
): { readonly overrides: RunConfigurationChanges; readonly rest: Omit<F, keyof RunFlags> } {
  const { steps, batchSize, accumulation, sequenceLength, learningRate, optimizer, schedule, warmup, ...others } = flags
  const { vocabSize, precision, seed, averageDecay, ...rest } = others
  const sizes = { steps, batchSize, accumulation, sequenceLength, vocabSize }
  const given = { ...sizes, learningRate, optimizer, schedule, warmupSteps: warmup, precision, seed, averageDecay }
  const overrides = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return { overrides, rest: rest as Omit<F, keyof RunFlags> }
}
