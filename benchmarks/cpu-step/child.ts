/** The process of Kumiki's step: makes or profiles a step on request. Started by `../cpu-step.ts`. */
import { decoderModel } from '@kumiki/models'
import { saveModel } from '@kumiki/models/node'
import { adamw, chain, clipGlobalNorm } from '@kumiki/optim'
import { init, profile } from '@kumiki/tensor'
import { findPrecision, initialState, makeTrainStep } from '@kumiki/train'
import { hyperparameters } from '../train-step/workload.ts'
import { byKind } from './kinds.ts'
import { architectureOf, type StepReport, type StepSpec, tokensOf } from './workload.ts'

const spec = JSON.parse(process.argv[2]) as StepSpec
const shape = [spec.batch, spec.sequence]
const { learningRate, maxNorm, ...adam } = hyperparameters
const architecture = architectureOf(spec.model)
const precision = findPrecision(spec.precision)
const device = await init({ backend: 'cpu', threads: spec.threads })
const model = decoderModel(architecture)
const optimizer = chain(clipGlobalNorm(maxNorm), adamw(adam))
const trainStep = makeTrainStep({ model, optimizer, precision, zLoss: 0, accumulation: 1 })
const weights = model.initialize(device, { seed: 1 })
await saveModel(spec.folder, architecture, weights, { dtype: 'float32' })
let state = initialState(weights, optimizer, precision)
const [inputs, targets] = tokensOf(spec).map((ids) => device.tensor(ids, shape))
let steps = 0

async function step(): Promise<StepReport> {
  const before = process.cpuUsage()
  const started = performance.now()
  const result = await trainStep(state, { inputs, targets }, optimizer.scalars(++steps, learningRate))
  state = result.state
  using loss = result.loss
  using _norm = result.gradNorm
  const value = await loss.item()
  const seconds = (performance.now() - started) / 1000
  const { user, system } = process.cpuUsage(before)
  return { seconds, processorSeconds: (user + system) / 1e6, loss: value }
}

process.on('message', async ({ kind }: { kind: 'step' | 'profile' }) => {
  if (kind === 'step') {
    process.send!(await step())
    return
  }
  const { kernels } = await profile(device, step)
  process.send!(byKind(kernels, 2 * inputs.size * architecture.hiddenSize * (spec.precision === 'bf16' ? 2 : 4)))
})
process.send!({ device: device.name })
