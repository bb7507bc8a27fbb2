/** Plans parallel training: memory, speed and risks of plans, and launches for Megatron-LM and torchtitan. */

export { type Cluster, checkGpu, checkNetwork, type Network } from './cluster/cluster.ts'
export { findGpu, type Gpu, gpus } from './cluster/gpus.ts'
export type { LostTime, RunCost, RunRequest } from './estimate/cost.ts'
export { type Architecture, type Efficiency, fittedEfficiency } from './estimate/efficiency.ts'
export { type Estimate, estimate, type OrdinarySpeed, type PlanRequest } from './estimate/estimate.ts'
export {
  estimateLocalMemory,
  type LocalLayerBytes,
  type LocalMemory,
  type LocalMoment,
  type LocalPrecision,
  type LocalRun,
  localLayerBytes,
  localPrecisions,
} from './estimate/local-memory.ts'
export type { StageMemory } from './estimate/memory.ts'
export {
  type Pass,
  type PipelineRequest,
  type PipelineTimeline,
  type Schedule,
  type StageTimes,
  simulatePipeline,
} from './estimate/pipeline.ts'
export { estimateRun, type RunEstimate } from './estimate/published-run.ts'
export { stableMemoryFraction } from './estimate/risks.ts'
export type { Collective } from './estimate/shape-costs.ts'
export { closedFormBubble, type SimulateRequest, type Simulation, simulate } from './estimate/simulate.ts'
export type { ComputeTime, StepTime } from './estimate/time.ts'
export type { LaunchRecipe } from './launch/launch-recipe.ts'
export type { LaunchRequest } from './launch/launch-request.ts'
export { emitMegatron, type Launch } from './launch/megatron.ts'
export { fitRecipe, type RunLength, type SizedRecipe } from './launch/recipe-length.ts'
export { emitSlurm, type SlurmOptions } from './launch/slurm.ts'
export { emitTorchtitan, type TorchtitanJob } from './launch/torchtitan.ts'
export { countModel, type ModelCount } from './model/count-model.ts'
export { type ArchitectureLike, fromArchitecture } from './model/from-architecture.ts'
export { fromHuggingFace, type HuggingFaceModel, isHuggingFaceConfig } from './model/from-huggingface.ts'
export {
  checkModel,
  type LatentAttention,
  type PlannerExperts,
  type PlannerModel,
  type SlidingWindow,
} from './model/model.ts'
export type { ParallelPlan, RecomputeModule, ResolvedPlan } from './plan/parallel-plan.ts'
export { PlanError } from './plan/plan-rules.ts'
export { assessBudget, type BudgetAssessment, type BudgetRequest } from './search/budget.ts'
export type { Candidate } from './search/candidates.ts'
export type { Refusal } from './search/enumerate.ts'
export {
  changeMemory,
  type MemoryChange,
  type MinimumGpus,
  minimumGpus,
  type Sensitivity,
  sensitivity,
} from './search/queries.ts'
export { type PlanRanking, rankPlan } from './search/rank.ts'
export type { PlanSearch, SearchRecipe } from './search/request.ts'
export { type PlanResult, plan } from './search/search.ts'
export {
  blocksAfter,
  type LabelledCandidate,
  type PipelineSummary,
  type PlanSummary,
  planLabel,
  summarizePlans,
} from './search/summary.ts'
