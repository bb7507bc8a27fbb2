// `@kumiki/optim`: optimizers, schedules, gradient clipping and loss spike policies, for typed arrays and array
// objects.

export type { Arithmetic, Elementwise, MomentDtype, ScalarOperations } from './arrays/arithmetic.ts'
export { arithmeticOf } from './arrays/arithmetic-of.ts'
export type { MatrixMethodArray, MethodArray } from './arrays/method-arithmetic.ts'
export { leavesOf, mapTree, type Tree } from './arrays/tree.ts'
export { accumulate, type EmaOptions, ema } from './gradients/accumulate.ts'
export { clipGradNorm, clipGradValue, globalNorm } from './gradients/clip.ts'
export { type ZclipOptions, zclip } from './gradients/zclip.ts'
export { type AdafactorOptions, adafactor } from './optimizers/adafactor.ts'
export { type AdamOptions, adam } from './optimizers/adam.ts'
export { adamw } from './optimizers/adamw.ts'
export {
  type OptimizerBuilder,
  type OptimizerDescription,
  optimizerFromJSON,
  optimizerKinds,
} from './optimizers/from-json.ts'
export { type LionOptions, lion } from './optimizers/lion.ts'
export type { MatrixOptimizerOptions, ShapeOf } from './optimizers/matrix-optimizer.ts'
export { type MuonOptions, muon } from './optimizers/muon.ts'
export {
  decayMatrices,
  type ElementwiseRule,
  elementwiseOptimizer,
  type Mask,
  type Optimizer,
  type OptimizerState,
  type UpdateOptions,
  type UpdateResult,
} from './optimizers/optimizer.ts'
export { optimizers } from './optimizers/registry.ts'
export { type SgdOptions, sgd } from './optimizers/sgd.ts'
export { type JsonArray, stateFromJSON, stateToJSON } from './optimizers/state-json.ts'
export { join, scale, type WarmupShape, warmup } from './schedules/combine.ts'
export { constant } from './schedules/constant.ts'
export { type CooldownOptions, cooldown } from './schedules/cooldown.ts'
export { cosine } from './schedules/cosine.ts'
export { type CosineRestartsOptions, cosineRestarts } from './schedules/cosine-restarts.ts'
export { type DecayOptions, type DecayShape, decayShapeNames, decayShapes } from './schedules/decay.ts'
export { type ExponentialOptions, exponential } from './schedules/exponential.ts'
export { type ScheduleBuilder, scheduleFromJSON, scheduleKinds } from './schedules/from-json.ts'
export { type InverseSqrtOptions, inverseSqrt } from './schedules/inverse-sqrt.ts'
export { linear, type RampOptions } from './schedules/linear.ts'
export { type OneCycleOptions, oneCycle } from './schedules/one-cycle.ts'
export { type PolynomialOptions, polynomial } from './schedules/polynomial.ts'
export {
  defineSchedule,
  isDescribed,
  type Schedule,
  type ScheduleDescription,
  scheduleToJSON,
} from './schedules/schedule.ts'
export { type WsdOptions, wsd } from './schedules/wsd.ts'
export {
  type SpikeDetector,
  type SpikeDetectorOptions,
  type SpikeReading,
  spikeDetector,
} from './spikes/spike-detector.ts'
export {
  continueThroughSpikes,
  type RewindAndSkipOptions,
  rewindAndSkip,
  type SkipBatchesOptions,
  type SpikeAction,
  type SpikeDecision,
  type SpikeInput,
  type SpikePolicy,
  type SpikePolicyOptions,
  type SpikePolicyState,
  skipBatches,
} from './spikes/spike-policy.ts'
export { type AverageWeightsOptions, averageWeights } from './wrappers/average-weights.ts'
export { chain, clipGlobalNorm, clipValue, type GradientTransform, type TransformState } from './wrappers/chain.ts'
export {
  type DynamicsOptions,
  type EpsilonShare,
  epsilonShare,
  updateToWeightRatio,
  withDynamics,
} from './wrappers/dynamics.ts'
export { type ParameterGroup, parameterGroups } from './wrappers/parameter-groups.ts'
export { type SkipNonFiniteOptions, skipNonFinite } from './wrappers/skip-non-finite.ts'
