/** The training step of a shape, compiled and not run: its state is zeros that no kernel ever reads. */
import { Decoder, type ModelArchitecture, parameterShapes } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm } from '@kumiki/optim'
import { bytesPerElement, type Device, type DType, mapTensors, type ProgramMemory, type Tensor } from '@kumiki/tensor'
import { makeTrainStep, type PrecisionPolicy, type TrainState } from '@kumiki/train'
import { hyperparameters } from '../train-step/workload.ts'
import type { Shape } from './shapes.ts'

export interface CompiledStep {
  readonly memory: ProgramMemory
  readonly explained: string
}

export async function compileStep(device: Device, shape: Shape, precision: PrecisionPolicy): Promise<CompiledStep> {
  const { architecture, batch, sequence } = shape
  const { learningRate, maxNorm, ...adam } = hyperparameters
  const decoder = new Decoder(device, architecture, { activations: precision.activations })
  const optimizer = chain(clipGlobalNorm(maxNorm), adamw(adam))
  const step = makeTrainStep({ decoder, optimizer, precision, zLoss: 0, accumulation: 1 })
  const tokens = () => zeros(device, [batch, sequence], 'int32')
  await step.prepare(emptyState(device, architecture, optimizer, precision), tokens(), tokens(), {
    ...optimizer.scalars(1, learningRate),
  })
  const compiled = { memory: step.memory(), explained: step.explain() }
  step.dispose()
  decoder.dispose()
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

const arrays = { float32: Float32Array, bfloat16: Uint16Array, int32: Int32Array } as const

/** Pages that are never touched cost no memory, so a shape may be larger than what is free. */
function zeros(device: Device, shape: readonly number[], dtype: DType): Tensor {
  const count = shape.reduce((a, b) => a * b, 1)
  const kind = arrays[dtype as keyof typeof arrays]
  if (!kind) throw new TypeError(`zeros: no array holds ${dtype} (${bytesPerElement[dtype]} bytes)`)
  return device.tensor(new kind(count), shape, dtype)
}
