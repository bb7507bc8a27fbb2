/** The model, hyperparameters and batches that every implementation trains with. */
import { nano } from '@kumiki/models'

export const architecture = nano
export const batch = { sequences: 4, length: 128 } as const
export const tokensPerStep = batch.sequences * batch.length

export const hyperparameters = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  /** On matrices only. */
  weightDecay: 0.1,
  /** Largest global norm of the gradients. */
  maxNorm: 1,
} as const

/** Number of first steps whose losses are compared before anything is timed. */
export const checkedSteps = 10
/** Largest relative difference of these losses. */
export const lossTolerance = 1e-3

export interface Batch {
  /** int32 [sequences, length], row-major. */
  readonly inputs: Int32Array
  /** The same tokens shifted by one. */
  readonly targets: Int32Array
}

/**
 * Random tokens, a different batch for every step and the same in every process. Low ids are more frequent, so that the
 * loss falls in training and a wrong update is visible in it.
 * @param step counted from 1
 */
export function batchOf(step: number): Batch {
  const random = generator(step)
  const inputs = new Int32Array(tokensPerStep)
  const targets = new Int32Array(tokensPerStep)
  for (let s = 0; s < batch.sequences; s++) {
    const row = Array.from({ length: batch.length + 1 }, () => draw(random))
    inputs.set(row.slice(0, -1), s * batch.length)
    targets.set(row.slice(1), s * batch.length)
  }
  return { inputs, targets }
}

/** A random token id, more likely the lower it is: proportional to the cube of a uniform number. */
function draw(random: () => number): number {
  return Math.floor(architecture.vocabSize * (random() / 2 ** 32) ** 3)
}

/** A counter hashed with the finalizer of MurmurHash3 (32 bits). */
function generator(seed: number): () => number {
  let counter = Math.imul(seed, 0x9e3779b1)
  return () => {
    counter = (counter + 0x9e3779b9) | 0
    let h = counter ^ (counter >>> 16)
    h = Math.imul(h, 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    return (h ^ (h >>> 16)) >>> 0
  }
}
