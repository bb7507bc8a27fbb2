/** What a trainer is made of. */
import type { LanguageModel, Parameters } from '@kumiki/models'
import type { Optimizer, Schedule } from '@kumiki/optim'
import type { Device } from '@kumiki/tensor'
import type { BatchSource } from './batch-source.ts'
import type { PrecisionPolicy } from './precision.ts'
import type { Trainable } from './trainable.ts'

export interface TrainerOptions {
  readonly device: Device
  /** `decoderModel(architecture)`, or a model of your own. It stays yours: a trainer disposes its own memory alone. */
  readonly model: LanguageModel
  /** Where batches come from: `batches({ documents, ... })` of @kumiki/data, or a source of your own. */
  readonly data: BatchSource
  readonly optimizer: Optimizer
  /** Learning rate by update, 0 for the first. Any function will do. */
  readonly schedule: Schedule | ((step: number) => number)
  /** Default f32. */
  readonly precision?: PrecisionPolicy
  /** Which parameters are updated, by name. Default: all. The others have no gradient, no moments and no master copy. */
  readonly trainable?: Trainable
  /** Parts a batch is worked on in, one after another; divides the source's batchSize. Default 1. */
  readonly accumulation?: number
  /** Weight of the squared log-sum-exp in the loss. Default 0. */
  readonly zLoss?: number
  /** Decides initial weights. Default 0. */
  readonly seed?: number
  /** Tensors to start from instead of fresh weights, float32 where they are trained; the trainer takes them over. */
  readonly parameters?: Parameters
}

/** @throws RangeError for options that do not fit together */
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
