export { bf16, f32, findPrecision, type PrecisionPolicy, precisions } from './precision.ts'
export { runThroughSpikes, type SpikeRunOptions, type SpikeStep } from './spike-run.ts'
export {
  countTargets,
  initialState,
  makeTrainStep,
  meanLoss,
  type StepResult,
  type TrainState,
  type TrainStep,
  type TrainStepOptions,
} from './train-step.ts'
export { type StepMetrics, Trainer, type TrainerOptions, type TrainerSnapshot, TrainingError } from './trainer.ts'
