/** Planning parallel training: what fits, how fast it is, what is stable, and how Megatron-LM is told. */
export { assessBudget, type BudgetAssessment, type BudgetRequest } from './budget.ts'
export type { LostTime, RunCost, RunRequest } from './cost.ts'
export { countModel, type ModelCount } from './count-model.ts'
export { type Architecture, type Efficiency, fittedEfficiency } from './efficiency.ts'
export { type Estimate, estimate, type OrdinarySpeed, type PlanRequest } from './estimate.ts'
export { type ArchitectureLike, fromArchitecture } from './from-architecture.ts'
export { fromHuggingFace, type HuggingFaceModel, isHuggingFaceConfig } from './from-huggingface.ts'
export { type Cluster, findGpu, type Gpu, gpus, type Network } from './gpu.ts'
export {
  estimateLocalMemory,
  type LocalLayerBytes,
  type LocalMemory,
  type LocalMoment,
  type LocalPrecision,
  type LocalRun,
  localLayerBytes,
  localPrecisions,
} from './local-memory.ts'
export { emitMegatron, type Launch, type LaunchRecipe, type LaunchRequest } from './megatron.ts'
export { type MegatronLaunch, type ReadOptions, readMegatron } from './megatron-read.ts'
export type { StageMemory } from './memory.ts'
export type { LatentAttention, PlannerExperts, PlannerModel, SlidingWindow } from './model.ts'
export { type ParallelPlan, PlanError, type RecomputeModule } from './parallel-plan.ts'
export {
  type Pass,
  type PipelineRequest,
  type PipelineTimeline,
  type Schedule,
  type StageTimes,
  simulatePipeline,
} from './pipeline.ts'
export { estimateRun, type RunEstimate } from './published-run.ts'
export {
  changeMemory,
  type MemoryChange,
  type MinimumGpus,
  minimumGpus,
  type Sensitivity,
  sensitivity,
} from './queries.ts'
export { fitRecipe, type RunLength, type SizedRecipe } from './recipe-length.ts'
export { type PlanReportOptions, planLabel, planReport } from './report.ts'
export {
  type Candidate,
  type Placement,
  type PlanResult,
  type PlanSearch,
  placePlan,
  plan,
  type Refusal,
  type SearchRecipe,
  stableMemoryFraction,
} from './search.ts'
export { closedFormBubble, type SimulateRequest, type Simulation, simulate } from './simulate.ts'
export { emitSlurm, type SlurmOptions } from './slurm.ts'
export type { Collective, ComputeTime, StepTime } from './time.ts'
export { type TimelineOptions, timelineSvg } from './timeline-svg.ts'
export { emitTorchtitan, type TorchtitanJob } from './torchtitan.ts'
