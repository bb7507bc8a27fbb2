/** The step in Kumiki. */
import { decoderModel } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm } from '@kumiki/optim'
import { type Device, init } from '@kumiki/tensor'
import { f32, initialState, makeTrainStep } from '@kumiki/train'
import type { Contestant, ContestantSpec, Environment } from './contestant.ts'
import { architecture, batch, hyperparameters } from './workload.ts'

const shape = [batch.sequences, batch.length]

export async function startKumiki(spec: ContestantSpec, { gpu }: Environment): Promise<Contestant> {
  return trainingStep(spec, gpu)
}

/** The step, and the device it runs on. */
export async function trainingStep(
  { backend, threads }: Pick<ContestantSpec, 'backend' | 'threads'>,
  gpu?: GPU,
): Promise<Contestant & { readonly device: Device }> {
  const { learningRate, maxNorm, ...adam } = hyperparameters
  const device = await init({ backend, threads, gpu })
  const model = decoderModel(architecture)
  const optimizer = chain(clipGlobalNorm(maxNorm), adamw(adam))
  const trainStep = makeTrainStep({ model, optimizer, precision: f32, zLoss: 0, accumulation: 1 })
  let state = initialState(model.initialize(device), optimizer, f32)
  return {
    device,
    async step({ inputs, targets }, step) {
      using x = device.tensor(inputs, shape)
      using y = device.tensor(targets, shape)
      const result = await trainStep(state, { inputs: x, targets: y }, optimizer.scalars(step, learningRate))
      state = result.state
      using loss = result.loss
      using _norm = result.gradNorm
      return await loss.item()
    },
  }
}
