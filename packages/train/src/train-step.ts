/** One optimizer step of a decoder as a compiled function. */
import type { Decoder, Parameters } from '@kumiki/models'
import type { Optimizer, OptimizerState } from '@kumiki/optim'
import {
  type Compiled,
  cast,
  compile,
  less,
  mapTensors,
  sliceAxis,
  type Tensor,
  valueAndGrad,
  where,
} from '@kumiki/tensor'
import type { PrecisionPolicy } from './precision.ts'

/** Everything a step changes. `master` is empty where the parameters are float32 themselves. */
export interface TrainState {
  readonly params: Parameters
  readonly master: Parameters
  readonly optimizer: OptimizerState<Parameters>
}

export interface TrainStepOptions {
  readonly decoder: Decoder
  readonly optimizer: Optimizer
  readonly precision: PrecisionPolicy
  /** Weight of the squared log-sum-exp in the loss. */
  readonly zLoss: number
  /** The batch is worked on in this many parts, one after another; their gradients are summed. */
  readonly accumulation: number
}

export interface StepResult {
  readonly state: TrainState
  /** Mean over the counted targets, float32 scalar. */
  readonly loss: Tensor
  /** L2 norm of all gradients before clipping, if the optimizer reports it. */
  readonly gradNorm?: Tensor
  /** Everything else the optimizer reports, such as `skipped` or `updateRatio`: scalars by name. */
  readonly metrics: Readonly<Record<string, Tensor | number>>
}

/** `(state, inputs, targets, scalars) => { state, loss, gradNorm, metrics }`; the state's memory is reused. */
export type TrainStep = Compiled<[TrainState, Tensor, Tensor, Record<string, number>], StepResult>

const isNarrow = (policy: PrecisionPolicy, t: Tensor) => policy.parameters !== 'float32' && t.ndim >= 2

/** The state before the first step, from float32 parameters (which it takes over). */
export function initialState(parameters: Parameters, optimizer: Optimizer, policy: PrecisionPolicy): TrainState {
  const params: Parameters = {}
  const master: Parameters = {}
  for (const [name, t] of Object.entries(parameters)) {
    params[name] = isNarrow(policy, t) ? cast(t, policy.parameters) : t
    if (isNarrow(policy, t)) master[name] = t
  }
  const device = Object.values(parameters)[0].device!
  // Moments start as real memory: constants have none to donate.
  const zeros = optimizer.init(parameters)
  const state = mapTensors(zeros, (t) => device.tensor(new Float32Array(t.size), t.shape, t.dtype))
  return { params, master, optimizer: state }
}

/** The mean loss over the targets that are not negative. */
export function meanLoss(
  decoder: Decoder,
  params: Parameters,
  inputs: Tensor,
  targets: Tensor,
  count: Tensor,
  zLoss: number,
): Tensor {
  return decoder.losses(params, inputs, targets, { zLoss }).sum().div(count)
}

/** Number of targets that are not negative, at least 1, as a float32 scalar. */
export function countTargets(targets: Tensor): Tensor {
  return where(less(targets, 0), 0, 1).astype('float32').sum().maximum(1)
}

export function makeTrainStep(options: TrainStepOptions): TrainStep {
  const { decoder, optimizer, precision, zLoss, accumulation } = options
  const gradients = valueAndGrad((params: Parameters, inputs: Tensor, targets: Tensor, count: Tensor) =>
    meanLoss(decoder, params, inputs, targets, count, zLoss),
  )
  return compile(
    (state: TrainState, inputs: Tensor, targets: Tensor, scalars: Record<string, number>): StepResult => {
      const count = countTargets(targets)
      const rows = inputs.shape[0] / accumulation
      let loss: Tensor | undefined
      let grads: Parameters | undefined
      for (let part = 0; part < accumulation; part++) {
        const from = part * rows
        const piece = (t: Tensor) => sliceAxis(t, 0, from, from + rows)
        const result = gradients(state.params, piece(inputs), piece(targets), count)
        loss = loss ? loss.add(result.value) : result.value
        grads = grads ? addTrees(grads, result.grads) : result.grads
      }
      // The optimizer sees the master copy where there is one.
      const updated = { ...state.params, ...state.master }
      const result = optimizer.update(grads!, state.optimizer, updated, scalars)
      const params: Parameters = {}
      const master: Parameters = {}
      for (const [name, t] of Object.entries(result.params)) {
        const narrow = state.master[name] !== undefined
        params[name] = narrow ? cast(t, precision.parameters) : t
        if (narrow) master[name] = t
      }
      const { gradNorm, ...metrics } = result.metrics
      return {
        state: { params, master, optimizer: result.state },
        loss: loss!,
        ...(gradNorm ? { gradNorm } : {}),
        metrics,
      }
    },
    { donate: [0] },
  )
}

function addTrees(a: Parameters, b: Parameters): Parameters {
  return Object.fromEntries(Object.entries(a).map(([name, t]) => [name, t.add(b[name])]))
}
