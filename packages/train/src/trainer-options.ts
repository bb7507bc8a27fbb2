/** The options of a trainer. */
import type { LanguageModel, Parameters } from '@kumiki/models'
import type { Optimizer, Schedule } from '@kumiki/optim'
import type { Device } from '@kumiki/tensor'
import type { BatchSource } from './batch-source.ts'
import type { PrecisionPolicy } from './precision.ts'
import type { Trainable } from './trainable.ts'

export interface TrainerOptions {
  readonly device: Device
  /** `decoderModel(architecture)`, or a custom model. The trainer does not dispose it. */
  readonly model: LanguageModel
  /** The source of batches: `batches({ documents, ... })` of @kumiki/data, or a custom one. */
  readonly data: BatchSource
  readonly optimizer: Optimizer
  /** Learning rate by step, from 0; any function. */
  readonly schedule: Schedule | ((step: number) => number)
  /** Default f32. */
  readonly precision?: PrecisionPolicy
  /**
   * Parameters to update, by name. Default: all. The others are frozen and have no gradients, moments or master
   * weights.
   */
  readonly trainable?: Trainable
  /** Micro-batches per batch (gradient accumulation); must divide the source's batchSize. Default 1. */
  readonly accumulation?: number
  /** Weight of the squared log-sum-exp in the loss. Default 0. */
  readonly zLoss?: number
  /** Seed of the initial weights. Default 0. */
  readonly seed?: number
  /** Initial parameters instead of random ones, float32 if they are trained; the trainer takes ownership. */
  readonly parameters?: Parameters
}

/** @throws RangeError for inconsistent options */
export function checkOptions({ model, data, accumulation = 1, zLoss = 0 }: TrainerOptions): void {
  const { batchSize, sequenceLength } = data
  if (!Number.isInteger(accumulation) || accumulation < 1 || batchSize % accumulation !== 0) {
    throw new RangeError(
      `Trainer: accumulation must be an integer that divides batchSize ${batchSize}, got ${accumulation}`,
    )
  }
  if (sequenceLength > model.contextLength) {
    throw new RangeError(
      `Trainer: sequenceLength ${sequenceLength} is above the model's contextLength ${model.contextLength}`,
    )
  }
  if (!(zLoss >= 0)) throw new RangeError(`Trainer: zLoss must be 0 or more, got ${zLoss}`)
}
