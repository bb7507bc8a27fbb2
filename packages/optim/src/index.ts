export { accumulate, ema } from './accumulate.ts'
export { type Arithmetic, arithmeticOf, type Elementwise, type ScalarOperations } from './arithmetic.ts'
export { chain, clipGlobalNorm, clipValue, type GradientTransform, skipNonFinite } from './chain.ts'
export { clipByGlobalNorm, clipByValue, globalNorm } from './clip.ts'
export {
  type LlmJp4ScheduleOptions,
  type LlmJpRecipe,
  llmJp3Recipes,
  llmJp3Schedule,
  llmJp4Recipes,
  llmJp4Schedule,
  llmJpAdamW,
  llmJpClipNorm,
} from './llm-jp.ts'
export type { MethodArray } from './method-arithmetic.ts'
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
export { type AdamOptions, adam } from './optimizers/adam.ts'
export { adamw } from './optimizers/adamw.ts'
export { type LionOptions, lion } from './optimizers/lion.ts'
export { optimizers } from './optimizers/registry.ts'
export { type SgdOptions, sgd } from './optimizers/sgd.ts'
export { defineSchedule, describe, isDescribed, type Schedule, type ScheduleDescription } from './schedule.ts'
export { join, scale, warmup } from './schedules/combine.ts'
export { constant } from './schedules/constant.ts'
export { cosine } from './schedules/cosine.ts'
export { fromJSON, type ScheduleBuilder, scheduleKinds } from './schedules/from-json.ts'
export { type InverseSqrtOptions, inverseSqrt } from './schedules/inverse-sqrt.ts'
export { linear, type RampOptions } from './schedules/linear.ts'
export { type DecayShape, decayShapes, type WsdOptions, wsd } from './schedules/wsd.ts'
export { type SpikeDetector, type SpikeDetectorOptions, type SpikeReading, spikeDetector } from './spike-detector.ts'
export { leavesOf, mapTree, type Tree } from './tree.ts'
