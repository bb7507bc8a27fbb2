/** The training step of a shape, compiled and not run: its state is zeros that no kernel reads. */
import { decoderModel, type ModelArchitecture, parameterShapes } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm } from '@kumiki/optim'
import { type Device, type DType, mapTensors, type ProgramMemory, type Tensor } from '@kumiki/tensor'
import { applyMomentDtype, makeTrainStep, type PrecisionPolicy, type TrainState } from '@kumiki/train'
import { hyperparameters } from '../train-step/workload.ts'
import type { Shape } from './shapes.ts'

export interface CompiledStep {
  readonly memory: ProgramMemory
  readonly explained: string
}

export async function compileStep(device: Device, shape: Shape, precision: PrecisionPolicy): Promise<CompiledStep> {
  const { architecture, batch, sequence, accumulation = 1 } = shape
  const { learningRate, maxNorm, ...adam } = hyperparameters
  const model = decoderModel(architecture)
  const optimizer = applyMomentDtype(precision, chain(clipGlobalNorm(maxNorm), adamw(adam)))
  const step = makeTrainStep({ model, optimizer, precision, zLoss: 0, accumulation })
  const tokens = () => zeros(device, [batch, sequence], 'int32')
  await step.prepare(
    emptyState(device, architecture, optimizer, precision),
    { inputs: tokens(), targets: tokens() },
    {
      ...optimizer.scalars(1, learningRate),
      ...(precision.master === false ? { roundingStep: 1 } : {}),
    },
  )
  const compiled = { memory: step.memory(), explained: step.explain() }
  step.dispose()
  model.dispose()
  return compiled
}

function emptyState(
  device: Device,
  architecture: ModelArchitecture,
  optimizer: ReturnType<typeof adamw>,
  precision: PrecisionPolicy,
): TrainState {
  const params: Record<string, Tensor> = {}
  const master: Record<string, Tensor> = {}
  for (const { name, shape } of parameterShapes(architecture)) {
    const narrow = precision.parameters !== 'float32' && shape.length >= 2
    params[name] = zeros(device, shape, narrow ? precision.parameters : 'float32')
    if (narrow && precision.master !== false) master[name] = zeros(device, shape, 'float32')
  }
  const moments = mapTensors(optimizer.init({ ...params, ...master }), (t) => zeros(device, t.shape, t.dtype))
  return { params, master, optimizer: moments, scaling: {} }
}

function zeros(device: Device, shape: readonly number[], dtype: DType): Tensor {
  const count = shape.reduce((a, b) => a * b, 1)
  if (dtype === 'bfloat16') return device.tensorFromCodes(new Uint16Array(count), shape, dtype)
  return device.tensor(dtype === 'int32' ? new Int32Array(count) : new Float32Array(count), shape, dtype)
}
