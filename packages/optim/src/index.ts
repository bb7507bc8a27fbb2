export { accumulate, type EmaOptions, ema } from './accumulate.ts'
export {
  type Arithmetic,
  arithmeticOf,
  type Elementwise,
  type MomentDtype,
  type ScalarOperations,
} from './arithmetic.ts'
export { type AverageWeightsOptions, averageWeights } from './average-weights.ts'
export { chain, clipGlobalNorm, clipValue, type GradientTransform, type TransformState } from './chain.ts'
export { clipByGlobalNorm, clipByValue, globalNorm } from './clip.ts'
export { type DynamicsOptions, type EpsilonShare, epsilonShare, updateToWeightRatio, withDynamics } from './dynamics.ts'
export {
  type LlmJp4ScheduleOptions,
  type LlmJpRecipe,
  llmJp3Recipes,
  llmJp3Schedule,
  llmJp4DecayStarts,
  llmJp4DecaySteps,
  llmJp4Recipes,
  llmJp4Schedule,
  llmJpAdamW,
  llmJpClipNorm,
} from './llm-jp.ts'
export type { MatrixOptimizerOptions, ShapeOf } from './matrix-optimizer.ts'
export type { MatrixMethodArray, MethodArray } from './method-arithmetic.ts'
export {
  decayMatrices,
  type ElementwiseRule,
  elementwiseOptimizer,
  type Mask,
  type Optimizer,
  type OptimizerState,
  type UpdateOptions,
  type UpdateResult,
} from './optimizer.ts'
export { type AdafactorOptions, adafactor } from './optimizers/adafactor.ts'
export { type AdamOptions, adam } from './optimizers/adam.ts'
export { adamw } from './optimizers/adamw.ts'
export { type LionOptions, lion } from './optimizers/lion.ts'
export { type MuonOptions, muon } from './optimizers/muon.ts'
export { optimizers } from './optimizers/registry.ts'
export { type SgdOptions, sgd } from './optimizers/sgd.ts'
export { type ParameterGroup, parameterGroups } from './parameter-groups.ts'
export { type PlotScheduleOptions, plotSchedule } from './plot-schedule.ts'
export { defineSchedule, describe, isDescribed, type Schedule, type ScheduleDescription } from './schedule.ts'
export { join, scale, type WarmupShape, warmup } from './schedules/combine.ts'
export { constant } from './schedules/constant.ts'
export { type CooldownOptions, cooldown } from './schedules/cooldown.ts'
export { cosine } from './schedules/cosine.ts'
export { type CosineRestartsOptions, cosineRestarts } from './schedules/cosine-restarts.ts'
export { type DecayOptions, type DecayShape, decayShapeNames, decayShapes } from './schedules/decay.ts'
export { type ExponentialOptions, exponential } from './schedules/exponential.ts'
export { fromJSON, type ScheduleBuilder, scheduleKinds } from './schedules/from-json.ts'
export { type InverseSqrtOptions, inverseSqrt } from './schedules/inverse-sqrt.ts'
export { linear, type RampOptions } from './schedules/linear.ts'
export { type OneCycleOptions, oneCycle } from './schedules/one-cycle.ts'
export { type PolynomialOptions, polynomial } from './schedules/polynomial.ts'
export { type WsdOptions, wsd } from './schedules/wsd.ts'
export { type SkipNonFiniteOptions, skipNonFinite } from './skip-non-finite.ts'
export { type SpikeDetector, type SpikeDetectorOptions, type SpikeReading, spikeDetector } from './spike-detector.ts'
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
} from './spike-policy.ts'
export { type JsonArray, stateFromJSON, stateToJSON } from './state-json.ts'
export { leavesOf, mapTree, type Tree } from './tree.ts'
export { type ZclipOptions, zclip } from './zclip.ts'
