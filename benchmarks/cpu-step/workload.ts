/** The model and the batch of both sides. */
import { findModel, type ModelArchitecture, nano } from '@kumiki/models'

export interface StepSpec {
  /** A name of the registry, or nano. */
  readonly model: string
  readonly batch: number
  readonly sequence: number
  readonly precision: 'f32' | 'bf16'
  readonly threads: number
  /** Where the weights lie between the two. */
  readonly folder: string
}

export const architectureOf = (model: string): ModelArchitecture =>
  model === 'nano' ? nano : findModel(model).architecture

/** Ids spread over the vocabulary, low ones frequent: [inputs, targets], one position apart. */
export function tokensOf({ model, batch, sequence }: StepSpec): [inputs: Int32Array, targets: Int32Array] {
  const { vocabSize } = architectureOf(model)
  const id = (i: number) => Math.floor(vocabSize * ((i * 0.618034) % 1) ** 3)
  const from = (first: number) => Int32Array.from({ length: batch * sequence }, (_, i) => id(i + first))
  return [from(0), from(1)]
}

/** How far apart the losses of the first steps may be, relative: rounding of bfloat16 products differs. */
export const lossTolerance = { f32: 1e-4, bf16: 3e-3 } as const
export const checkedSteps = 2

export interface StepReport {
  readonly seconds: number
  /** Of all threads: what counts where others use the machine. */
  readonly processorSeconds: number
  readonly loss: number
}
