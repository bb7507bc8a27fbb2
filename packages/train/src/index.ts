/**
 * Training: the loop, precision policies, runs and observers. Functions that read and write files are in
 * `@kumiki/train/node`.
 */
export type { BatchSource, TrainingBatch } from './batch-source.ts'
export type { HeldOutLoss, HeldOutText } from './evaluation.ts'
export { exceptFirstAndLastBlocks, type Fp8Layer, type Fp8Policy, type Fp8Scaling } from './fp8/policy.ts'
export type { Fp8Fit } from './fp8/quantize.ts'
export { type Fp8Pass, Fp8Recipe, type Fp8Role, type Fp8Tensor, type ScalingState } from './fp8/recipe.ts'
export {
  applyMomentDtype,
  bf16,
  bf16Pure,
  checkPrecision,
  f32,
  findPrecision,
  fp8Block,
  fp8Current,
  fp8Hybrid,
  innerBlocksOnly,
  mxfp8,
  type PrecisionPolicy,
  precisions,
  type StoredFloat,
} from './precision.ts'
export {
  changeRunConfiguration,
  checkRunConfiguration,
  configurationChanges,
  type RunConfiguration,
  type RunConfigurationChanges,
  RunConfigurationError,
  type RunKinds,
  runConfigurationFields,
  runOptionsOf,
  type ScheduleName,
  scheduleNames,
  scheduleOf,
} from './run/configuration.ts'
export { type DeviceLossOptions, isDeviceLost, trainWithDeviceRecovery } from './run/device-loss.ts'
export { EarlyStop, type EarlyStopOptions } from './run/early-stop.ts'
export {
  Run,
  type RunCadence,
  type RunEnd,
  type RunEvaluation,
  type RunObserver,
  type RunOptions,
  type RunRewind,
  type RunStop,
} from './run/run.ts'
export { FrozenParameterError, type TrainerSnapshot } from './snapshot.ts'
export { type SpikeRunOptions, type SpikeStep, trainWithSpikePolicy } from './spike-run.ts'
export type { StepMetrics } from './step-metrics.ts'
export {
  castParameter,
  countTargets,
  forwardOptions,
  fp8RecipeOf,
  initialState,
  makeTrainStep,
  meanLoss,
  type StepBatch,
  type StepResult,
  type TrainState,
  type TrainStep,
  type TrainStepOptions,
} from './train-step.ts'
export type { Trainable } from './trainable.ts'
export { Trainer } from './trainer.ts'
export type { TrainerOptions } from './trainer-options.ts'
export { TrainingError } from './training-error.ts'
