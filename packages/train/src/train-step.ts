/** One optimizer step of a decoder as a compiled function. */
import type { Decoder, LinearRule, ModelArchitecture, Parameters } from '@kumiki/models'
import { globalNorm, type Optimizer, type OptimizerState } from '@kumiki/optim'
import {
  bitcast,
  bitwiseAnd,
  type Compiled,
  cast,
  castStochastic,
  compile,
  concatenate,
  full,
  greater,
  greaterEqual,
  less,
  mapTensors,
  maximum,
  sliceAxis,
  sum,
  type Tensor,
  valueAndGrad,
  where,
} from '@kumiki/tensor'
import { type Fp8Pass, Fp8Recipe, type ScalingState } from './fp8/recipe.ts'
import { checkPrecision, optimizerUnder, type PrecisionPolicy } from './precision.ts'

/** Everything a step changes. `master` is empty where the parameters are float32 themselves, or have no float32 copy. */
export interface TrainState {
  readonly params: Parameters
  readonly master: Parameters
  readonly optimizer: OptimizerState<Parameters>
  /** Scales and amax histories of delayed fp8 scaling; empty otherwise. */
  readonly scaling: ScalingState
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
  /** L2 norm of all gradients before clipping, float32 scalar. */
  readonly gradNorm: Tensor
  /** Largest magnitudes of the tensors that were quantised to fp8, in the order of `Fp8Recipe.tensors`: float32 [tensors]. */
  readonly amaxes?: Tensor
  /** For delayed scaling: how far each went beyond what its scale could hold; above 1 it was clipped. float32 [tensors]. */
  readonly overflow?: Tensor
  /** How many of them were clipped or not finite: float32 scalar. */
  readonly clipped?: Tensor
  /** Everything else the optimizer reports, such as `skipped` or `updateRatio`: scalars by name. */
  readonly metrics: Readonly<Record<string, Tensor | number>>
}

/** `(state, inputs, targets, scalars) => { state, loss, gradNorm, metrics }`; the state's memory is reused. */
export type TrainStep = Compiled<[TrainState, Tensor, Tensor, Record<string, number>], StepResult>

const isNarrow = (policy: PrecisionPolicy, t: Tensor) => policy.parameters !== 'float32' && t.ndim >= 2
const hasMaster = (policy: PrecisionPolicy, t: Tensor) => isNarrow(policy, t) && policy.master !== false

/** The recipe of a policy's fp8 part for an architecture, if it has one. */
export function fp8RecipeOf(architecture: ModelArchitecture, policy: PrecisionPolicy): Fp8Recipe | undefined {
  return policy.fp8 && new Fp8Recipe(architecture, policy.fp8)
}

/** The state before the first step, from float32 parameters (which it takes over). @param recipe see fp8RecipeOf */
export function initialState(
  parameters: Parameters,
  optimizer: Optimizer,
  policy: PrecisionPolicy,
  recipe?: Fp8Recipe,
): TrainState {
  checkPrecision(policy)
  if (policy.fp8 && !recipe) throw new RangeError(`initialState: the policy ${policy.name} needs its fp8 recipe`)
  const params: Parameters = {}
  const master: Parameters = {}
  for (const [name, t] of Object.entries(parameters)) {
    params[name] = isNarrow(policy, t) ? cast(t, policy.parameters) : t
    if (hasMaster(policy, t)) master[name] = t
  }
  const device = Object.values(parameters)[0].device!
  // Moments start as real memory: constants have none to donate.
  const zeros = optimizerUnder(policy, optimizer).init(parameters)
  const moments = mapTensors(zeros, (t) => device.tensor(new Float32Array(t.size), t.shape, t.dtype))
  return { params, master, optimizer: moments, scaling: recipe?.initialState(device) ?? {} }
}

/** The mean loss over the targets that are not negative. */
export function meanLoss(
  decoder: Decoder,
  params: Parameters,
  inputs: Tensor,
  targets: Tensor,
  count: Tensor,
  zLoss: number,
  linear?: LinearRule,
): Tensor {
  return decoder.losses(params, inputs, targets, { zLoss, linear }).sum().div(count)
}

/** Number of targets that are not negative, at least 1, as a float32 scalar. */
export function countTargets(targets: Tensor): Tensor {
  return where(less(targets, 0), 0, 1).astype('float32').sum().maximum(1)
}

function linearOf(decoder: Decoder, precision: PrecisionPolicy, recipe: Fp8Recipe, pass: Fp8Pass): LinearRule {
  // Layers that read the same tensor get the same narrow one.
  const narrowed = new Map<Tensor, Tensor>()
  const narrow = (x: Tensor) => {
    const known = narrowed.get(x) ?? cast(x, precision.activations)
    narrowed.set(x, known)
    return known
  }
  return (x, weight, name) => (recipe.includes(name) ? pass.linear(narrow(x), weight, name) : decoder.linear(x, weight))
}

/**
 * A model's linear layers as a policy computes them, for its forward pass: `decoder.logits(parameters, tokens, { linear })`. Make one for
 * every pass.
 * @param decoder made with the policy's activations: `new Decoder(device, architecture, policy)`
 * @param scaling of delayed scaling: `Trainer.scaling`, or tensors of the graph being built
 * @throws RangeError for a policy that cannot be, or delayed scaling without its scales
 */
export function linearUnder(decoder: Decoder, precision: PrecisionPolicy, scaling: ScalingState = {}): LinearRule {
  checkPrecision(precision)
  const recipe = fp8RecipeOf(decoder.architecture, precision)
  if (!recipe) return (x, weight) => decoder.linear(x, weight)
  // Nothing is rounded at random on the way forward.
  const pass = recipe.begin(scaling, recipe.gradientScales(scaling), full([], 0))
  return linearOf(decoder, precision, recipe, pass)
}

/** The name of the scalar that seeds stochastic rounding: the number of the step. */
export const roundingStep = 'roundingStep'

export function makeTrainStep(options: TrainStepOptions): TrainStep {
  const { decoder, precision, zLoss, accumulation } = options
  checkPrecision(precision)
  const optimizer = optimizerUnder(precision, options.optimizer)
  const recipe = fp8RecipeOf(decoder.architecture, precision)
  const gradients = valueAndGrad(
    (
      { params, scales }: { params: Parameters; scales: Record<string, Tensor> },
      scaling: ScalingState,
      inputs: Tensor,
      targets: Tensor,
      count: Tensor,
      step: Tensor | undefined,
    ): readonly [Tensor, Fp8Pass['seen'] | undefined] => {
      const pass = recipe?.begin(scaling, scales, step)
      const linear = pass && linearOf(decoder, precision, recipe!, pass)
      return [meanLoss(decoder, params, inputs, targets, count, zLoss, linear), pass?.seen]
    },
  )
  return compile(
    (state: TrainState, inputs: Tensor, targets: Tensor, scalars: Record<string, number>): StepResult => {
      const count = countTargets(targets)
      const rows = inputs.shape[0] / accumulation
      const scales = recipe?.gradientScales(state.scaling) ?? {}
      let loss: Tensor | undefined
      let grads: Parameters | undefined
      let amaxes: Tensor | undefined
      for (let part = 0; part < accumulation; part++) {
        const from = part * rows
        const piece = (t: Tensor) => sliceAxis(t, 0, from, from + rows)
        const result = gradients(
          { params: state.params, scales },
          state.scaling,
          piece(inputs),
          piece(targets),
          count,
          scalars[roundingStep] as unknown as Tensor | undefined,
        )
        loss = loss ? loss.add(result.value) : result.value
        grads = grads ? addTrees(grads, result.grads.params) : result.grads.params
        const seen = result.aux && recipe?.amaxes(result.aux, result.grads.scales)
        if (seen) amaxes = amaxes ? maximum(amaxes, seen) : seen
      }
      if (precision.gradients === 'bfloat16')
        grads = Object.fromEntries(
          Object.entries(grads!).map(([name, g]) => [name, g.ndim >= 2 ? cast(cast(g, 'bfloat16'), 'float32') : g]),
        )
      // The optimizer sees float32: the master copy where there is one.
      const updated = Object.fromEntries(
        Object.entries({ ...state.params, ...state.master }).map(([name, t]) => [name, cast(t, 'float32')]),
      )
      const result = optimizer.update(grads!, state.optimizer, updated, scalars)
      const params: Parameters = {}
      const master: Parameters = {}
      Object.entries(result.params).forEach(([name, t], i) => {
        const narrow = isNarrow(precision, t)
        const kept = state.master[name] !== undefined
        params[name] = !narrow
          ? t
          : kept
            ? cast(t, precision.parameters)
            : castStochastic(t, precision.parameters, roundingKey(precision, scalars, i))
        if (kept) master[name] = t
      })
      // Optimizers that clip or skip know the norm already.
      const { gradNorm = globalNorm(grads), ...metrics } = result.metrics
      const overflow = amaxes && recipe?.overflow(state.scaling, amaxes)
      return {
        state: { params, master, optimizer: result.state, scaling: recipe?.advance(state.scaling, amaxes) ?? {} },
        loss: loss!,
        gradNorm,
        ...(amaxes ? { amaxes, clipped: countOutOfRange(amaxes, overflow) } : {}),
        ...(overflow ? { overflow } : {}),
        metrics,
      }
    },
    { donate: [0] },
  )
}

/** Another random stream for every parameter and every step. */
function roundingKey(policy: PrecisionPolicy, scalars: Record<string, number>, parameter: number): Tensor {
  const step = scalars[roundingStep] as unknown as Tensor | undefined
  if (step === undefined)
    throw new RangeError(
      `makeTrainStep: the policy ${policy.name} rounds weights at random: give the number of the step as scalars.${roundingStep}`,
    )
  return concatenate([cast(step, 'uint32').reshape([1]), full([1], parameter, 'uint32')])
}

/** How many tensors were clipped or not finite. */
function countOutOfRange(amaxes: Tensor, overflow: Tensor | undefined): Tensor {
  // By bits: shaders may assume that no number is NaN.
  const magnitude = bitwiseAnd(bitcast(amaxes, 'uint32'), 0x7fffffff)
  const out = cast(greaterEqual(magnitude, 0x7f800000), 'float32')
  return sum(overflow ? maximum(out, cast(greater(overflow, 1), 'float32')) : out)
}

function addTrees(a: Parameters, b: Parameters): Parameters {
  return Object.fromEntries(Object.entries(a).map(([name, t]) => [name, t.add(b[name])]))
}
