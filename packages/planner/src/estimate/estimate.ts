/** Estimates of a plan: memory per stage, step time, utilisation. */

import { type Fields, fields } from '../check.ts'
import { type Cluster, type ResolvedCluster, validateCluster } from '../cluster/cluster.ts'
import {
  mlpMatrices,
  modelFlopsPerToken,
  type PlannerModel,
  type ResolvedModel,
  totalParameters,
  validateModel,
} from '../model/model.ts'
import type { ParallelPlan, ResolvedPlan } from '../plan/parallel-plan.ts'
import { validatePlan } from '../plan/plan-rules.ts'
import { type ResolvedRun, type RunCost, type RunRequest, runCost, validateRun } from './cost.ts'
import { estimateMemory, overheadBytes, type StageMemory } from './memory.ts'
import { estimateTime, type StepTime } from './time.ts'

/** A plan to estimate. */
export interface PlanRequest {
  readonly model: PlannerModel
  readonly cluster: Cluster
  readonly plan: ParallelPlan
  /** Tokens to train on, for days, energy, price and lost time. */
  readonly run?: RunRequest
}

/** The estimate of a plan. */
export interface Estimate {
  readonly plan: ResolvedPlan
  readonly gpuCount: number
  /** Parameters of the model, with the unpadded vocabulary. */
  readonly parameters: number
  /**
   * Peak allocated bytes on the GPU with the highest usage. CUDA context and NCCL buffers (1 to 3 GB) are not included.
   */
  readonly memoryBytes: number
  /** memoryBytes over the GPU's memory. */
  readonly memoryFraction: number
  /** Whether memoryBytes plus the reserve for CUDA and NCCL (`memoryByStage[].reserve`) fit into the GPU's memory. */
  readonly fits: boolean
  readonly memoryByStage: readonly StageMemory[]
  readonly time: StepTime
  readonly stepSeconds: number
  readonly tokensPerSecond: number
  readonly tokensPerSecondPerGpu: number
  /** Model FLOP/s of each GPU, with causal attention counted as half. */
  readonly modelFlopsPerGpu: number
  /**
   * Utilisation of the peak of the plan's precision, with causal attention counted as half (Megatron-LM >= core_v0.12).
   */
  readonly mfu: number
  /** The same with attention counted in full (Megatron-LM <= core_v0.11, PaLM appendix B). */
  readonly mfuFullAttention: number
  /** Hardware utilisation: recomputation counts as work, causal attention as half. */
  readonly hfu: number
  /** The same with attention counted in full. */
  readonly hfuFullAttention: number
  /** The whole run; null if no tokens were given. */
  readonly run: RunCost | null
  /**
   * The same for typical runs. All other times and rates are those of tuned runs, because the estimates are fitted to
   * published runs.
   */
  readonly ordinary: OrdinarySpeed
}

/** Speed of typical runs with little tuning. */
export interface OrdinarySpeed {
  /** Step time relative to a tuned run. */
  readonly slowdown: number
  readonly stepSeconds: number
  readonly tokensPerSecond: number
  readonly tokensPerSecondPerGpu: number
  readonly modelFlopsPerGpu: number
  readonly mfu: number
  readonly run: RunCost | null
}

/**
 * Measured over estimated step time in reports of users (2024 to 2026): Llama 13B and 70B with FSDP on A100 1.12 to
 * 1.26, Qwen2.5-32B on H200 1.14, a 1B model 1.24; Mixtral 8x7B on 16 H100 1.29 to 1.40. Rounded medians, without
 * mixtures of unfused kernels, which take three times as long.
 */
export const ordinarySlowdown = { dense: 1.2, mixture: 1.35 } as const

const requestFields: Fields<PlanRequest> = { model: 1, cluster: 1, plan: 1, run: 1 }

/**
 * Estimates a plan.
 * @throws PlanError with every rule a plan breaks; RangeError or TypeError naming an invalid or unknown field
 * @example
 * const cluster = { gpu: 'H100', nodes: 16, gpusPerNode: 8 }
 * const sizes = { microBatchSize: 2, globalBatchSize: 1024, sequenceLength: 4096 }
 * const plan = { tensorParallel: 2, pipelineParallel: 2, ...sizes }
 * estimate({ model, cluster, plan }).mfu
 */
export function estimate(request: PlanRequest): Estimate {
  fields('request', request, requestFields)
  const model = validateModel(request.model)
  const cluster = validateCluster(request.cluster)
  const run = request.run === undefined ? undefined : validateRun(request.run)
  return estimateKnown(model, cluster, validatePlan(model, cluster, request.plan), { run })
}

/** Values that a caller of many estimates has already computed. */
export interface Counted {
  readonly run?: ResolvedRun
  readonly flops?: { readonly causal: number; readonly full: number }
  readonly parameters?: number
}

/** Estimates validated inputs. */
export function estimateKnown(
  model: ResolvedModel,
  cluster: ResolvedCluster,
  plan: ResolvedPlan,
  counted: Counted = {},
): Estimate {
  const memoryByStage = estimateMemory(model, plan)
  let memoryBytes = 0
  for (const { total } of memoryByStage) if (total > memoryBytes) memoryBytes = total
  const time = estimateTime(model, cluster, plan)
  const tokensPerSecond = (plan.globalBatchSize * plan.sequenceLength) / time.step
  const tokensPerSecondPerGpu = tokensPerSecond / cluster.gpuCount
  const { gpu } = cluster
  const peak = plan.precision === 'fp8' ? gpu.peakFp8! : gpu.peakBf16
  const { causal, full } = counted.flops ?? flopsPerToken(model, plan)
  const modelFlopsPerGpu = tokensPerSecondPerGpu * causal
  const fullFlops = tokensPerSecondPerGpu * full
  const again = recomputedFlopsPerToken(model, plan)
  const slowdown = model.experts ? ordinarySlowdown.mixture : ordinarySlowdown.dense
  const runOf = (seconds: number) => (counted.run ? runCost(model, cluster, plan, seconds, counted.run) : null)
  return {
    plan,
    gpuCount: cluster.gpuCount,
    parameters: counted.parameters ?? totalParameters(model),
    memoryBytes,
    memoryFraction: memoryBytes / gpu.memoryBytes,
    fits: memoryBytes + overheadBytes <= gpu.memoryBytes,
    memoryByStage,
    time,
    stepSeconds: time.step,
    tokensPerSecond,
    tokensPerSecondPerGpu,
    modelFlopsPerGpu,
    mfu: modelFlopsPerGpu / peak,
    mfuFullAttention: fullFlops / peak,
    hfu: (tokensPerSecondPerGpu * (causal + again.causal)) / peak,
    hfuFullAttention: (tokensPerSecondPerGpu * (full + again.full)) / peak,
    run: runOf(time.step),
    ordinary: {
      slowdown,
      stepSeconds: time.step * slowdown,
      tokensPerSecond: tokensPerSecond / slowdown,
      tokensPerSecondPerGpu: tokensPerSecondPerGpu / slowdown,
      modelFlopsPerGpu: modelFlopsPerGpu / slowdown,
      mfu: modelFlopsPerGpu / peak / slowdown,
      run: runOf(time.step * slowdown),
    },
  }
}

/** Model FLOPs per token in both conventions. */
export function flopsPerToken(
  model: ResolvedModel,
  plan: { readonly sequenceLength: number },
): { causal: number; full: number } {
  const { sequenceLength } = plan
  return {
    causal: modelFlopsPerToken(model, sequenceLength, true),
    full: modelFlopsPerToken(model, sequenceLength, false),
  }
}

/**
 * FLOPs per token recomputed in the backward pass: full recomputation repeats all layers, `core_attn` only attention
 * scores.
 */
function recomputedFlopsPerToken(model: ResolvedModel, plan: ResolvedPlan): { causal: number; full: number } {
  if (plan.recompute === 'none') return { causal: 0, full: 0 }
  const headless = { ...model, vocab: 0 }
  const layers = (causal: boolean) => modelFlopsPerToken(headless, plan.sequenceLength, causal) / 3
  if (plan.recompute === 'full') return { causal: layers(true), full: layers(false) }
  if (plan.recompute === 'operators') return { causal: 0.3 * layers(true), full: 0.3 * layers(false) }
  // The two conventions differ by half of the attention FLOPs.
  const half = layers(false) - layers(true)
  const { experts, hidden } = model
  let weights = 0
  if (experts && plan.recomputeModules.includes('moe')) {
    weights += (model.layers - experts.firstDenseLayers) * (experts.topK * experts.ffn + experts.sharedFfn)
  }
  if (plan.recomputeModules.includes('mlp')) weights += (experts ? experts.firstDenseLayers : model.layers) * model.ffn
  const products = 2 * mlpMatrices(model) * hidden * weights
  const scores = plan.recomputeModules.includes('core_attn') ? half : 0
  return { causal: products + scores, full: products + 2 * scores }
}
