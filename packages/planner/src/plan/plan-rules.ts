/** Rules for valid plans, and the defaults of plans. */
import { type Fields, fields, flag, integer, oneOf, show } from '../check.ts'
import type { ResolvedCluster } from '../cluster/cluster.ts'
import type { ResolvedModel } from '../model/model.ts'
import { type ParallelPlan, type RecomputeModule, type ResolvedPlan, recomputeModules } from './parallel-plan.ts'
import { layersPerStage } from './stages.ts'

/** Thrown for a plan that violates rules; `reasons` lists all of them. */
export class PlanError extends RangeError {
  readonly reasons: readonly string[]
  constructor(reasons: readonly string[]) {
    super(`plan: ${reasons.join('; ')}`)
    this.name = 'PlanError'
    this.reasons = reasons
  }
}

/** Includes the fields of a resolved plan, which may be given again. */
const planFields: Fields<ResolvedPlan> = {
  tensorParallel: 1,
  pipelineParallel: 1,
  virtualPipeline: 1,
  contextParallel: 1,
  expertParallel: 1,
  expertTensorParallel: 1,
  microBatchSize: 1,
  globalBatchSize: 1,
  sequenceLength: 1,
  sequenceParallel: 1,
  sharding: 1,
  recompute: 1,
  recomputeModules: 1,
  precision: 1,
  overlap: 1,
  overlapTensorParallel: 1,
  expertDispatch: 1,
  attentionBackend: 1,
  dropout: 1,
  fusedKernels: 1,
  deterministic: 1,
  cudaGraphs: 1,
  gradientsInFp32: 1,
  momentsInFp32: 1,
  anyLayout: 1,
  eightBitMoments: 1,
  offloadOptimizer: 1,
  loraRank: 1,
  dataParallel: 1,
  microBatches: 1,
}

/** Validates fields and fills in defaults. @throws RangeError naming an invalid field */
export function completePlan(plan: ParallelPlan): Required<ParallelPlan> {
  fields<ResolvedPlan>('plan', plan, planFields, 'passed')
  const tensorParallel = integer('plan.tensorParallel', plan.tensorParallel, 1, 4096)
  return {
    tensorParallel,
    pipelineParallel: integer('plan.pipelineParallel', plan.pipelineParallel, 1, 4096),
    virtualPipeline: integer('plan.virtualPipeline', plan.virtualPipeline ?? 1, 1, 4096),
    contextParallel: integer('plan.contextParallel', plan.contextParallel ?? 1, 1, 4096),
    expertParallel: integer('plan.expertParallel', plan.expertParallel ?? 1, 1, 1 << 14),
    expertTensorParallel: integer('plan.expertTensorParallel', plan.expertTensorParallel ?? 1, 1, 4096),
    microBatchSize: integer('plan.microBatchSize', plan.microBatchSize, 1, 1 << 20),
    globalBatchSize: integer('plan.globalBatchSize', plan.globalBatchSize, 1, 1 << 30),
    sequenceLength: integer('plan.sequenceLength', plan.sequenceLength, 1, 1 << 28),
    sequenceParallel: flag('plan.sequenceParallel', plan.sequenceParallel, true) && tensorParallel > 1,
    sharding: oneOf('plan.sharding', plan.sharding ?? 'optimizer', ['none', 'optimizer', 'gradients', 'full']),
    recompute: oneOf('plan.recompute', plan.recompute ?? 'none', ['none', 'selective', 'operators', 'full']),
    recomputeModules: modules(plan.recomputeModules),
    precision: oneOf('plan.precision', plan.precision ?? 'bf16', ['bf16', 'fp16', 'fp8']),
    overlap: flag('plan.overlap', plan.overlap, true),
    overlapTensorParallel: flag('plan.overlapTensorParallel', plan.overlapTensorParallel, false) && tensorParallel > 1,
    expertDispatch: oneOf('plan.expertDispatch', plan.expertDispatch ?? 'alltoall', ['alltoall', 'deepep']),
    attentionBackend: oneOf('plan.attentionBackend', plan.attentionBackend ?? 'fused', ['fused', 'flash', 'unfused']),
    dropout: flag('plan.dropout', plan.dropout, false),
    fusedKernels: flag('plan.fusedKernels', plan.fusedKernels, true),
    deterministic: flag('plan.deterministic', plan.deterministic, false),
    cudaGraphs: flag('plan.cudaGraphs', plan.cudaGraphs, false),
    gradientsInFp32: flag('plan.gradientsInFp32', plan.gradientsInFp32, true),
    momentsInFp32: flag('plan.momentsInFp32', plan.momentsInFp32, true),
    anyLayout: flag('plan.anyLayout', plan.anyLayout, false),
    eightBitMoments: flag('plan.eightBitMoments', plan.eightBitMoments, false),
    offloadOptimizer: flag('plan.offloadOptimizer', plan.offloadOptimizer, false),
    loraRank: integer('plan.loraRank', plan.loraRank ?? 0, 0, 1 << 14),
  }
}

const coreAttention: readonly RecomputeModule[] = ['core_attn']

function modules(given: unknown): readonly RecomputeModule[] {
  if (given === undefined) return coreAttention
  if (!Array.isArray(given) || given.length === 0) {
    throw new TypeError(`plan.recomputeModules must be a list of ${recomputeModules.join(', ')}, got ${show(given)}`)
  }
  return given.slice(0, 16).map((name) => oneOf('plan.recomputeModules', name, recomputeModules))
}

/**
 * All rules of Megatron-LM that a plan violates, as sentences; empty for a valid plan.
 * @see megatron/core/transformer/transformer_config.py, megatron/training/arguments.py,
 *   megatron/core/parallel_state.py, megatron/core/num_microbatches_calculator.py
 */
export function planFaults(model: ResolvedModel, cluster: ResolvedCluster, plan: Required<ParallelPlan>): string[] {
  const faults: string[] = []
  const { tensorParallel: t, pipelineParallel: p, virtualPipeline: v, contextParallel: c, expertParallel: e } = plan
  const etp = plan.expertTensorParallel
  const world = cluster.gpuCount
  if (model.heads % t !== 0) faults.push(`tensorParallel ${t} must divide the ${model.heads} heads`)
  if (model.kvHeads % t !== 0 && t % model.kvHeads !== 0) {
    faults.push(`tensorParallel ${t} must divide the ${model.kvHeads} key/value heads or be a multiple of them`)
  }
  // Without dense layers, only a shared expert has an MLP to split.
  const width = model.experts?.firstDenseLayers === 0 ? model.experts.sharedFfn : model.ffn
  if (width % t !== 0) faults.push(`tensorParallel ${t} must divide the MLP width ${width}`)
  if (layersPerStage(model.layers, p, v, plan.anyLayout) === null) {
    const parts = v > 1 ? `${p} stages x ${v} chunks` : `${p} stages`
    faults.push(
      `${model.layers} layers (with or without embedding and loss counted as layers) cannot be split into ${parts}`,
    )
  }
  if (v > 1 && p < 2) faults.push(`virtualPipeline ${v} needs pipelineParallel of at least 2`)
  if (plan.sequenceLength % (c > 1 ? 2 * c : 1) !== 0) {
    faults.push(`sequenceLength ${plan.sequenceLength} must be a multiple of 2 x contextParallel = ${2 * c}`)
  }
  if (plan.sequenceParallel && (plan.sequenceLength / c) % t !== 0) {
    faults.push(`sequenceLength / contextParallel must be a multiple of tensorParallel ${t} for sequence parallelism`)
  }
  if (e > 1 && !model.experts) faults.push(`expertParallel ${e} needs a model with experts`)
  if (model.experts && model.experts.count % e !== 0) {
    faults.push(`expertParallel ${e} must divide the ${model.experts.count} experts`)
  }
  if (etp > 1 && !model.experts) faults.push(`expertTensorParallel ${etp} needs a model with experts`)
  if (model.experts && model.experts.ffn % etp !== 0) {
    faults.push(`expertTensorParallel ${etp} must divide the experts' width ${model.experts.ffn}`)
  }
  if (model.experts && t > 1 && !plan.sequenceParallel) {
    faults.push('tensor parallelism of a model with experts needs sequence parallelism')
  }
  if (plan.overlapTensorParallel && !plan.sequenceParallel) {
    faults.push('overlapTensorParallel needs sequence parallelism')
  }
  if (plan.recompute === 'selective') {
    const lacks = (name: RecomputeModule, part: string) => {
      if (plan.recomputeModules.includes(name)) faults.push(`recomputeModules: ${name} needs a model with ${part}`)
    }
    if (!model.experts) for (const name of ['moe', 'moe_act'] as const) lacks(name, 'experts')
    if (!model.latentAttention) lacks('mla_up_proj', 'latent attention')
  }
  if (world % (t * p * c) !== 0) {
    faults.push(`TP x PP x CP = ${t * p * c} must divide the ${world} GPUs`)
    return faults
  }
  if (world % (e * etp * p) !== 0) {
    faults.push(`EP x ${etp > 1 ? 'ETP x ' : ''}PP = ${e * etp * p} must divide the ${world} GPUs`)
  }
  const dataParallel = world / (t * p * c)
  const perStep = plan.microBatchSize * dataParallel
  if (plan.globalBatchSize % perStep !== 0) {
    faults.push(
      `globalBatchSize ${plan.globalBatchSize} must be a multiple of microBatchSize x DP = ${plan.microBatchSize} x ${dataParallel}`,
    )
  } else if (v > 1 && (plan.globalBatchSize / perStep) % p !== 0) {
    faults.push(
      `the interleaved schedule needs micro-batches (${plan.globalBatchSize / perStep}) in multiples of PP ${p}`,
    )
  }
  if (plan.precision === 'bf16' && cluster.gpu.bf16 === false)
    faults.push(`${cluster.gpu.name} has no bf16; use precision fp16`)
  if (plan.precision === 'fp8' && cluster.gpu.peakFp8 === null) faults.push(`${cluster.gpu.name} has no fp8`)
  return faults
}

/** Validates a plan. @throws PlanError with all violated rules, RangeError for an invalid field */
export function validatePlan(model: ResolvedModel, cluster: ResolvedCluster, plan: ParallelPlan): ResolvedPlan {
  const complete = completePlan(plan)
  const faults = planFaults(model, cluster, complete)
  if (faults.length > 0) throw new PlanError(faults)
  const { tensorParallel, pipelineParallel, contextParallel, globalBatchSize, microBatchSize } = complete
  const dataParallel = cluster.gpuCount / (tensorParallel * pipelineParallel * contextParallel)
  return { ...complete, dataParallel, microBatches: globalBatchSize / (microBatchSize * dataParallel) }
}
