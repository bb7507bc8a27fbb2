/** A compiled training step of any decoder with its state: the step of benchmarks/train-step for other shapes. */
import { decoderModel, type ModelArchitecture } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm } from '@kumiki/optim'
import { type Device, type ProgramMemory, tensorsOf } from '@kumiki/tensor'
import { f32, initialState, makeTrainStep, type TrainStep } from '@kumiki/train'
import { hyperparameters } from '../train-step/workload.ts'

export interface DecoderStep {
  /** Starts a step on the same batch; resolves when the call returns, possibly before the device has finished. */
  start(): Promise<void>
  /** The loss of the last step, after the device has computed it. @throws Error before the first step */
  loss(): Promise<number>
  memory(): ProgramMemory
  dispose(): void
}

/** @param shape number of sequences, and tokens of each; the token ids are spread over the vocabulary */
export async function decoderStep(
  device: Device,
  architecture: ModelArchitecture,
  shape: readonly [batch: number, sequence: number],
): Promise<DecoderStep> {
  const { learningRate, maxNorm, ...adam } = hyperparameters
  const model = decoderModel(architecture)
  const optimizer = chain(clipGlobalNorm(maxNorm), adamw(adam))
  const run: TrainStep = makeTrainStep({ model, optimizer, precision: f32, zLoss: 0, accumulation: 1 })
  let state = initialState(model.initialize(device), optimizer, f32)
  const tokens = (first: number) =>
    device.tensor(
      Int32Array.from({ length: shape[0] * shape[1] }, (_, i) => ((i + first) * 7919) % architecture.vocabSize),
      [...shape],
    )
  const batch = { inputs: tokens(0), targets: tokens(1) }
  let step = 0
  let last: { dispose(): void; item(): Promise<number> } | undefined
  await run.prepare(state, batch, optimizer.scalars(1, learningRate))
  return {
    async start() {
      last?.dispose()
      const result = await run(state, batch, optimizer.scalars(++step, learningRate))
      state = result.state
      last = result.loss
      result.gradNorm?.dispose()
    },
    async loss() {
      if (!last) throw new Error('decoderStep: no step was started yet')
      return last.item()
    },
    memory: () => run.memory(),
    dispose() {
      run.dispose()
      last?.dispose()
      for (const t of [...tensorsOf([state, batch])]) t.dispose()
      model.dispose()
    },
  }
}
