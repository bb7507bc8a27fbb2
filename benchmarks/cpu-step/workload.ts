/** The model and the batch of Kumiki's and PyTorch's steps. */
import { findModel, type ModelArchitecture, nano } from '@kumiki/models'

export interface StepSpec {
  /** A name of the list of @kumiki/models, or nano. */
  readonly model: string
  readonly batch: number
  readonly sequence: number
  readonly precision: 'f32' | 'bf16'
  readonly threads: number
  /** Folder into which Kumiki writes the initial weights, and from which PyTorch reads them. */
  readonly folder: string
}

export const architectureOf = (model: string): ModelArchitecture =>
  model === 'nano' ? nano : findModel(model).architecture

/** Ids over the whole vocabulary, low ones more frequent; the targets are the inputs shifted by one position. */
export function tokensOf({ model, batch, sequence }: StepSpec): [inputs: Int32Array, targets: Int32Array] {
  const { vocabSize } = architectureOf(model)
  const id = (i: number) => Math.floor(vocabSize * ((i * 0.618034) % 1) ** 3)
  const from = (first: number) => Int32Array.from({ length: batch * sequence }, (_, i) => id(i + first))
  return [from(0), from(1)]
}

/** Largest relative difference of the first steps' losses; larger for bf16, whose products are rounded differently. */
export const lossTolerance = { f32: 1e-4, bf16: 3e-3 } as const
export const checkedSteps = 2

export interface StepReport {
  readonly seconds: number
  /** Processor time of all threads, which other processes on the machine affect less than elapsed time. */
  readonly processorSeconds: number
  readonly loss: number
}
