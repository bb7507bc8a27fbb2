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
import { checkPrecision, optimizerUnder, type PrecisionPolicy } from './precision.ts'

/** Everything a step changes: what is trained, and nothing that is frozen. `master` is empty where the parameters are float32 themselves, or have no float32 copy. */
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
  /** The batch is worked on in this many parts, one after another; their gradients are summed. */
  readonly accumulation: number
}

export interface StepResult {
  readonly state: TrainState
  /** Mean over the counted targets, float32 scalar. */
  readonly loss: Tensor
  /** L2 norm of all gradients before clipping, float32 scalar. */
  readonly gradNorm: Tensor
  /** Sum of squares of each gradient before clipping, in the order of `state.params`: float32 [tensors]. The norm is made of the same sums. */
  readonly gradSquares: Tensor
  /** Largest magnitudes of the tensors that were quantised to fp8, in the order of `Fp8Recipe.tensors`: float32 [tensors]. */
  readonly amaxes?: Tensor
  /** For delayed scaling: how far each went beyond what its scale could hold; above 1 it was clipped. float32 [tensors]. */
  readonly overflow?: Tensor
  /** How many of them were clipped or not finite: float32 scalar. */
  readonly clipped?: Tensor
  /** Everything else the optimizer reports, such as `skipped` or `updateRatio`: scalars by name. */
  readonly metrics: Readonly<Record<string, Tensor | number>>
}

/** A batch on the device: int32 [batch, seq] each. */
export interface StepBatch {
  readonly inputs: Tensor
  /** Negative ones do not count. */
  readonly targets: Tensor
  /** See `TrainingBatch.documents`. */
  readonly documents?: Tensor
}

/**
 * `(state, batch, scalars, frozen) => { state, loss, gradNorm, metrics }`; the state's memory is reused. `frozen`: the parameters that are
 * not in the state, as they are stored; none where all are trained.
 */
export type TrainStep = Compiled<[TrainState, StepBatch, Record<string, number>, Parameters?], StepResult>

const isNarrow = (policy: PrecisionPolicy, t: Tensor) => policy.parameters !== 'float32' && t.ndim >= 2
const hasMaster = (policy: PrecisionPolicy, t: Tensor) => isNarrow(policy, t) && policy.master !== false

/** The recipe of a policy's fp8 part for a model, if it has one. */
export function fp8RecipeOf(model: LanguageModel, policy: PrecisionPolicy): Fp8Recipe | undefined {
  return policy.fp8 && new Fp8Recipe(model, policy.fp8)
}

/** A parameter as the forward pass reads it. What is narrow already (frozen weights in 8 bits) stays as it is. */
export function storedUnder(policy: PrecisionPolicy, t: Tensor): Tensor {
  return isNarrow(policy, t) && t.dtype === 'float32' ? cast(t, policy.parameters) : t
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
    params[name] = storedUnder(policy, t)
    if (hasMaster(policy, t)) master[name] = t
  }
  const device = Object.values(parameters)[0].device!
  // Moments start as real memory: constants have none to donate.
  const zeros = optimizerUnder(policy, optimizer).init(parameters)
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
  /** Parts of the batch that this one is one of: each adds its share of what the model itself adds to the loss. */
  readonly parts?: number
}

interface LossParts {
  /** What is differentiated: the mean loss, with what the model adds to it. */
  readonly loss: Tensor
  /** The mean loss alone, where the model adds something. */
  readonly mean?: Tensor
  /** The model's own. */
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
  // Layers that read the same tensor get the same narrow one.
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
 * How a policy computes a model's forward pass: `model.forward(parameters, tokens, forwardUnder(model, policy))`. Make one for every pass.
 * @param scaling of delayed scaling: `Trainer.scaling`, or tensors of the graph being built
 * @throws RangeError for a policy that cannot be, or delayed scaling without its scales
 * @example model.forward(model.initialize(device, { seed: 1 }), tokens, forwardUnder(model, bf16)).logits().shape // [1, 4, 64]
 */
export function forwardUnder(
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

/** The name of the scalar that seeds stochastic rounding: the number of the step. */
export const roundingStep = 'roundingStep'

/**
 * @example
 * const step = makeTrainStep({ model, optimizer, precision: f32, zLoss: 0, accumulation: 1 })
 * console.log(typeof step) // function
 */
export function makeTrainStep(options: TrainStepOptions): TrainStep {
  const { model, precision, zLoss, accumulation } = options
  checkPrecision(precision)
  const { activations } = precision
  const optimizer = optimizerUnder(precision, options.optimizer)
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
        gradSquares: concatenate(Object.keys(state.params).map((name) => grads![name].square().sum().reshape([1]))),
        ...(amaxes ? { amaxes, clipped: countOutOfRange(amaxes, overflow) } : {}),
        ...(overflow ? { overflow } : {}),
        metrics: { ...ownMetrics, ...metrics },
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
