/** One optimizer step of a model as a compiled function. */
import { type ForwardOptions, type LanguageModel, linear, type Parameters } from '@kumiki/models'
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
  groupedMatmul,
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
import { applyMomentDtype, checkPrecision, type PrecisionPolicy } from './precision.ts'

/**
 * The state that a step updates; frozen parameters are not part of it. `master` is empty if the parameters are float32,
 * or have no master weights.
 */
export interface TrainState {
  readonly params: Parameters
  readonly master: Parameters
  readonly optimizer: OptimizerState<Parameters>
  /** Scales and amax histories of delayed fp8 scaling; empty otherwise. */
  readonly scaling: ScalingState
}

export interface TrainStepOptions {
  readonly model: LanguageModel
  readonly optimizer: Optimizer
  readonly precision: PrecisionPolicy
  /** Weight of the squared log-sum-exp in the loss. */
  readonly zLoss: number
  /** Micro-batches per batch; their gradients are summed (gradient accumulation). */
  readonly accumulation: number
}

export interface StepResult {
  readonly state: TrainState
  /** Mean over the targets that are not ignored, float32 scalar. */
  readonly loss: Tensor
  /** L2 norm of all gradients before clipping, float32 scalar. */
  readonly gradNorm: Tensor
  /**
   * Sum of squares of each gradient before clipping, in the order of `state.params`: float32 [tensors]. The norm is
   * computed from the same sums.
   */
  readonly gradSquares: Tensor
  /**
   * Largest magnitudes (amaxes) of the tensors quantised to fp8, in the order of `Fp8Recipe.tensors`: float32
   * [tensors].
   */
  readonly amaxes?: Tensor
  /**
   * For delayed scaling: each tensor's amax relative to the largest value its scale can represent; above 1 it was
   * clipped. float32 [tensors].
   */
  readonly overflow?: Tensor
  /** Number of these tensors that were clipped or not finite: float32 scalar. */
  readonly clipped?: Tensor
  /** Other metrics of the optimizer and the model, such as `skipped` or `updateRatio`: scalars by name. */
  readonly metrics: Readonly<Record<string, Tensor | number>>
}

/** A batch on the device: int32 [batch, seq] each. */
export interface StepBatch {
  readonly inputs: Tensor
  /** Negative targets are ignored. */
  readonly targets: Tensor
  /** See `TrainingBatch.documents`. */
  readonly documents?: Tensor
}

/**
 * `(state, batch, scalars, frozen) => { state, loss, gradNorm, metrics }`; the state's memory is reused. `frozen`: the
 * parameters that are not in the state; empty if all are trained.
 */
export type TrainStep = Compiled<[TrainState, StepBatch, Record<string, number>, Parameters?], StepResult>

const isNarrow = (policy: PrecisionPolicy, t: Tensor) => policy.parameters !== 'float32' && t.ndim >= 2
/** Whether the policy keeps a float32 copy of a parameter. */
export const hasMaster = (policy: PrecisionPolicy, t: Tensor) => isNarrow(policy, t) && policy.master !== false

/** The fp8 recipe of a policy for a model; undefined without fp8. */
export function fp8RecipeOf(model: LanguageModel, policy: PrecisionPolicy): Fp8Recipe | undefined {
  return policy.fp8 && new Fp8Recipe(model, policy.fp8)
}

/** Casts a parameter to the policy's storage format. Narrow ones (frozen 8-bit weights) are returned unchanged. */
export function castParameter(policy: PrecisionPolicy, t: Tensor): Tensor {
  return isNarrow(policy, t) && t.dtype === 'float32' ? cast(t, policy.parameters) : t
}

/** The state before the first step, from float32 parameters, whose ownership it takes. @param recipe see fp8RecipeOf */
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
    params[name] = castParameter(policy, t)
    if (hasMaster(policy, t)) master[name] = t
  }
  const device = Object.values(parameters)[0].device!
  // Moments are allocated, because the step donates them and constants have no buffer.
  const zeros = applyMomentDtype(policy, optimizer).init(parameters)
  const moments = mapTensors(zeros, (t) => device.tensor(new Float32Array(t.size), t.shape, t.dtype))
  return { params, master, optimizer: moments, scaling: recipe?.initialState(device) ?? {} }
}

/**
 * The mean loss over the targets that are not negative.
 * @param count see countTargets
 * @returns float32 scalar
 */
export function meanLoss(
  model: LanguageModel,
  params: Parameters,
  { inputs, targets, documents }: StepBatch,
  count: Tensor,
  options: LossOptions = {},
): Tensor {
  return lossOf(model, params, { inputs, targets, documents }, count, options).loss
}

type LossOptions = Omit<ForwardOptions, 'documents' | 'cache'> & {
  readonly zLoss?: number
  /** Number of micro-batches: each adds its share of the model's auxiliary loss. */
  readonly parts?: number
}

interface LossParts {
  /** The differentiated loss: the mean loss plus the model's auxiliary loss. */
  readonly loss: Tensor
  /** The mean loss without the auxiliary loss, if there is one. */
  readonly mean?: Tensor
  /** Auxiliary metrics of the model. */
  readonly metrics: Readonly<Record<string, Tensor>>
}

function lossOf(
  model: LanguageModel,
  params: Parameters,
  { inputs, targets, documents }: StepBatch,
  count: Tensor,
  { zLoss, parts = 1, ...options }: LossOptions,
): LossParts {
  const pass = model.forward(params, inputs, { ...options, documents })
  const mean = pass.losses(targets, { zLoss }).sum().div(count)
  const { auxiliary } = pass
  if (!auxiliary) return { loss: mean, metrics: {} }
  const shared = Object.entries(auxiliary.metrics).map(([name, t]) => [name, t.div(parts)] as const)
  return { loss: mean.add(auxiliary.loss.div(parts)), mean, metrics: Object.fromEntries(shared) }
}

/** Number of targets that are not negative, at least 1, as a float32 scalar. */
export function countTargets(targets: Tensor): Tensor {
  return where(less(targets, 0), 0, 1).astype('float32').sum().maximum(1)
}

type Rules = Required<Pick<ForwardOptions, 'linear' | 'grouped'>>

function rulesOf(precision: PrecisionPolicy, recipe: Fp8Recipe, pass: Fp8Pass): Rules {
  // Layers with the same input share its cast.
  const narrowed = new Map<Tensor, Tensor>()
  const narrow = (x: Tensor) => {
    const known = narrowed.get(x) ?? cast(x, precision.activations)
    narrowed.set(x, known)
    return known
  }
  return {
    linear: (x, weight, name) =>
      recipe.includes(name) ? pass.linear(narrow(x), weight, name) : linear(x, weight, precision.activations),
    grouped: (x, weight, sizes, name) =>
      recipe.includes(name)
        ? pass.grouped(narrow(x), weight, sizes, name)
        : groupedMatmul(x, weight, sizes, { transposeB: true }),
  }
}

/**
 * Options with which a model's forward pass follows a policy:
 * `model.forward(parameters, tokens, forwardOptions(model, policy))`. Make new ones for each pass.
 * @param scaling the state of delayed scaling: `Trainer.scaling`, or tensors of the graph being built
 * @throws RangeError for an invalid policy, or delayed scaling without its state
 * @example
 * const parameters = model.initialize(device, { seed: 1 })
 * model.forward(parameters, tokens, forwardOptions(model, bf16)).logits().shape // [1, 4, 64]
 */
export function forwardOptions(
  model: LanguageModel,
  precision: PrecisionPolicy,
  scaling: ScalingState = {},
): Pick<ForwardOptions, 'activations' | 'linear' | 'grouped'> {
  checkPrecision(precision)
  const { activations } = precision
  const recipe = fp8RecipeOf(model, precision)
  if (!recipe) return { activations }
  // No stochastic rounding in the forward pass.
  const pass = recipe.begin(scaling, recipe.gradientScales(scaling), full([], 0))
  return { activations, ...rulesOf(precision, recipe, pass) }
}

/** Name of the scalar with the step number, which seeds stochastic rounding. */
export const roundingStep = 'roundingStep'

/**
 * One training step as a compiled function: forward and backward passes, optimizer update and casts.
 * @throws RangeError for an invalid policy or optimizer
 * @example
 * const step = makeTrainStep({ model, optimizer, precision: f32, zLoss: 0, accumulation: 1 })
 * console.log(typeof step) // function
 */
export function makeTrainStep(options: TrainStepOptions): TrainStep {
  const { model, precision, zLoss, accumulation } = options
  checkPrecision(precision)
  const { activations } = precision
  const optimizer = applyMomentDtype(precision, options.optimizer)
  const recipe = fp8RecipeOf(model, precision)
  const gradients = valueAndGrad(
    (
      { params, scales }: { params: Parameters; scales: Record<string, Tensor> },
      frozen: Parameters,
      scaling: ScalingState,
      batch: StepBatch,
      count: Tensor,
      step: Tensor | undefined,
    ): readonly [Tensor, { readonly seen?: Fp8Pass['seen'] } & Omit<LossParts, 'loss'>] => {
      const pass = recipe?.begin(scaling, scales, step)
      const rules = pass && rulesOf(precision, recipe!, pass)
      const options = { zLoss, activations, ...rules, parts: accumulation }
      const { loss, ...more } = lossOf(model, { ...params, ...frozen }, batch, count, options)
      return [loss, { seen: pass?.seen, ...more }]
    },
  )
  return compile(
    (
      state: TrainState,
      batch: StepBatch,
      scalars: Record<string, number>,
      frozen: Parameters | undefined = {},
    ): StepResult => {
      const count = countTargets(batch.targets)
      const rows = batch.inputs.shape[0] / accumulation
      const scales = recipe?.gradientScales(state.scaling) ?? {}
      let loss: Tensor | undefined
      let grads: Parameters | undefined
      let amaxes: Tensor | undefined
      let ownMetrics: Parameters = {}
      for (let part = 0; part < accumulation; part++) {
        const from = part * rows
        const piece = (t: Tensor) => sliceAxis(t, 0, from, from + rows)
        const result = gradients(
          { params: state.params, scales },
          frozen,
          state.scaling,
          {
            inputs: piece(batch.inputs),
            targets: piece(batch.targets),
            ...(batch.documents && { documents: piece(batch.documents) }),
          },
          count,
          scalars[roundingStep] as unknown as Tensor | undefined,
        )
        grads = grads ? addTrees(grads, result.grads.params) : result.grads.params
        const { seen: tensors, mean = result.value, metrics } = result.aux
        loss = loss ? loss.add(mean) : mean
        const seen = tensors && recipe?.amaxes(tensors, result.grads.scales)
        ownMetrics = part === 0 ? metrics : addTrees(ownMetrics, metrics)
        if (seen) amaxes = amaxes ? maximum(amaxes, seen) : seen
      }
      if (precision.gradients === 'bfloat16')
        grads = Object.fromEntries(
          Object.entries(grads!).map(([name, g]) => [name, g.ndim >= 2 ? cast(cast(g, 'bfloat16'), 'float32') : g]),
        )
      // The optimizer updates float32 values: master weights if there are any.
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
      // Optimizers that clip or skip report the norm themselves.
      const { gradNorm = globalNorm(grads), ...metrics } = result.metrics
      const overflow = amaxes && recipe?.overflow(state.scaling, amaxes)
      return {
        state: { params, master, optimizer: result.state, scaling: recipe?.advance(state.scaling, amaxes) ?? {} },
        loss: loss!,
        gradNorm,
        gradSquares: concatenate(Object.keys(state.params).map((name) => grads![name].square().sum().reshape([1]))),
        ...(amaxes ? { amaxes, clipped: countOutOfRange(amaxes, overflow) } : {}),
        ...(overflow ? { overflow } : {}),
        metrics: { ...ownMetrics, ...metrics },
      }
    },
    { donate: [0] },
  )
}

/** A separate random stream for each parameter and step. */
function roundingKey(policy: PrecisionPolicy, scalars: Record<string, number>, parameter: number): Tensor {
  const step = scalars[roundingStep] as unknown as Tensor | undefined
  if (step === undefined)
    throw new RangeError(
      `makeTrainStep: the policy ${policy.name} uses stochastic rounding; give the step number as scalars.${roundingStep}`,
    )
  return concatenate([cast(step, 'uint32').reshape([1]), full([1], parameter, 'uint32')])
}

/** The number of tensors that were clipped or not finite. */
function countOutOfRange(amaxes: Tensor, overflow: Tensor | undefined): Tensor {
  // Tested by bits, because shaders may assume that NaN does not occur.
  const magnitude = bitwiseAnd(bitcast(amaxes, 'uint32'), 0x7fffffff)
  const out = cast(greaterEqual(magnitude, 0x7f800000), 'float32')
  return sum(overflow ? maximum(out, cast(greater(overflow, 1), 'float32')) : out)
}

function addTrees(a: Parameters, b: Parameters): Parameters {
  return Object.fromEntries(Object.entries(a).map(([name, t]) => [name, t.add(b[name])]))
}
