/** A tiny model, text and trainer for tests. */
import { type BatchOptions, batches, type EvaluationSet, packEvaluation, type TokenDocument } from '@kumiki/data'
import { decoderModel, type ModelArchitecture, nano } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm, constant } from '@kumiki/optim'
import type { Device } from '@kumiki/tensor'
import { expect } from 'vitest'
import type { Trainer, TrainerOptions } from '../src/index.ts'

/** Two layers of 32: enough for everything a decoder has. */
export const tiny: ModelArchitecture = {
  ...nano,
  hiddenSize: 32,
  intermediateSize: 64,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 8,
  vocabSize: 50,
  paddedVocabSize: 50,
}

/** Counting texts: the next token is nearly always the one after. */
export const documents = Array.from({ length: 40 }, (_, d) =>
  Int32Array.from({ length: 20 + (d % 7) }, (_, i) => 3 + ((d + i) % 47)),
)

export const tinyModel = decoderModel(tiny)

/** A trainer's options, with the parts of its model and data in their places. */
export type TinyRun = Partial<Omit<TrainerOptions, 'device' | 'model' | 'data'>> &
  Partial<Pick<BatchOptions, 'documents' | 'eosId' | 'batchSize' | 'sequenceLength' | 'epochs'>> & {
    readonly architecture?: ModelArchitecture
  }

/** A decoder on endless batches of 4 x 16 of the counting texts. */
export function tinyOptions(device: Device, run: TinyRun): TrainerOptions {
  const { architecture = tiny, batchSize = 4, sequenceLength = 16, eosId = 2, epochs, ...rest } = run
  const { documents: texts = documents, ...options } = rest
  const { vocabSize } = architecture
  const data = batches({ documents: texts, eosId, batchSize, sequenceLength, vocabSize, epochs, seed: run.seed })
  return {
    device,
    model: decoderModel(architecture),
    data,
    optimizer: chain(clipGlobalNorm(1), adamw({ beta1: 0.9, beta2: 0.95, weightDecay: 0.1 })),
    schedule: constant(3e-3),
    ...options,
  }
}

/** Documents as windows of 16 to evaluate on. */
export const heldOut = (texts: readonly TokenDocument[], sequenceLength = 16): EvaluationSet =>
  packEvaluation(texts, sequenceLength, { eosId: 2, vocabSize: tiny.vocabSize })

/** Trains until `steps` updates are made. */
export async function lossesOf(trainer: Trainer, steps: number): Promise<number[]> {
  const losses: number[] = []
  for await (const { loss } of trainer.run(steps)) losses.push(loss)
  return losses
}

/** Everything two trainers hold is the same, bit for bit. */
export async function expectEqualStates(a: Trainer, b: Trainer): Promise<void> {
  const [x, y] = [await a.snapshot(), await b.snapshot()]
  expect([...y.arrays.keys()]).toEqual([...x.arrays.keys()])
  for (const [name, { data }] of x.arrays) expect(y.arrays.get(name)!.data, name).toEqual(data)
}
