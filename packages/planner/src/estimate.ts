/** What a plan costs: memory of each stage, time of a step, utilisation. */
import { type Cluster, type KnownCluster, validateCluster } from './gpu.ts'
import { estimateMemory, type StageMemory } from './memory.ts'
import { type KnownModel, modelFlopsPerToken, type PlannerModel, totalParameters, validateModel } from './model.ts'
import { type KnownPlan, type ParallelPlan, validatePlan } from './parallel-plan.ts'
import { estimateTime, type StepTime } from './time.ts'

/** A plan with what it needs. */
export interface PlanRequest {
  readonly model: PlannerModel
  readonly cluster: Cluster
  readonly plan: ParallelPlan
}

/** What is expected of a plan. */
export interface Estimate {
  readonly plan: KnownPlan
  readonly gpuCount: number
  /** Parameters of the model, vocabulary not padded. */
  readonly parameters: number
  /** Peak allocated bytes on the fullest GPU. CUDA context and NCCL buffers (1 to 3 GB) come on top. */
  readonly memoryBytes: number
  /** memoryBytes over the GPU's memory. */
  readonly memoryFraction: number
  readonly memoryByStage: readonly StageMemory[]
  readonly time: StepTime
  readonly stepSeconds: number
  readonly tokensPerSecond: number
  readonly tokensPerSecondPerGpu: number
  /** Model FLOP/s of each GPU, causal attention counted half. */
  readonly modelFlopsPerGpu: number
  /** Utilisation of the peak of the plan's precision, causal attention counted half (Megatron-LM >= core_v0.12). */
  readonly mfu: number
  /** The same with attention counted full (Megatron-LM <= core_v0.11, PaLM appendix B). */
  readonly mfuFullAttention: number
}

/**
 * Estimates a plan.
 * @throws PlanError with every rule a plan breaks; RangeError or TypeError naming a field that is none
 * @example
 * estimate({ model, cluster: { gpu: 'H100', nodes: 16, gpusPerNode: 8 }, plan: { tensorParallel: 2, pipelineParallel: 2,
 *   microBatchSize: 2, globalBatchSize: 1024, sequenceLength: 4096 } }).mfu
 */
export function estimate(request: PlanRequest): Estimate {
  const model = validateModel(request.model)
  const cluster = validateCluster(request.cluster)
  return estimateKnown(model, cluster, validatePlan(model, cluster, request.plan))
}

/** Estimates what has been checked already. */
export function estimateKnown(model: KnownModel, cluster: KnownCluster, plan: KnownPlan): Estimate {
  const memoryByStage = estimateMemory(model, plan)
  const memoryBytes = Math.max(...memoryByStage.map(({ total }) => total))
  const time = estimateTime(model, cluster, plan)
  const tokensPerSecond = (plan.globalBatchSize * plan.sequenceLength) / time.step
  const tokensPerSecondPerGpu = tokensPerSecond / cluster.gpuCount
  const { gpu } = cluster
  const peak = plan.precision === 'fp8' ? gpu.peakFp8! : gpu.peakBf16
  const modelFlopsPerGpu = tokensPerSecondPerGpu * modelFlopsPerToken(model, plan.sequenceLength, true)
  const fullFlops = tokensPerSecondPerGpu * modelFlopsPerToken(model, plan.sequenceLength, false)
  return {
    plan,
    gpuCount: cluster.gpuCount,
    parameters: totalParameters(model),
    memoryBytes,
    memoryFraction: memoryBytes / gpu.memoryBytes,
    memoryByStage,
    time,
    stepSeconds: time.step,
    tokensPerSecond,
    tokensPerSecondPerGpu,
    modelFlopsPerGpu,
    mfu: modelFlopsPerGpu / peak,
    mfuFullAttention: fullFlops / peak,
  }
}
