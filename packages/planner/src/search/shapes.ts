/** Generates the plans that a search considers. */
import type { ResolvedCluster } from '../cluster/cluster.ts'
import type { ResolvedModel } from '../model/model.ts'
import type { ParallelPlan, ResolvedPlan } from '../plan/parallel-plan.ts'
import { completePlan } from '../plan/plan-rules.ts'
import type { SearchRecipe } from './request.ts'

/** The fields of a plan that a search varies, except recomputation. */
export type Layout = Pick<
  Required<ParallelPlan>,
  | 'tensorParallel'
  | 'sequenceParallel'
  | 'pipelineParallel'
  | 'virtualPipeline'
  | 'contextParallel'
  | 'expertParallel'
  | 'microBatchSize'
>

/** The base of all plans of a search, with all fields validated once. */
export function basePlan(recipe: SearchRecipe): Required<ParallelPlan> {
  const { globalBatchSize, sequenceLength, precision = 'bf16' } = recipe
  return completePlan({
    tensorParallel: 1,
    pipelineParallel: 1,
    microBatchSize: 1,
    globalBatchSize,
    sequenceLength,
    precision,
  })
}

/**
 * A plan with another layout and recomputation. Fields are listed individually, because spreading an object of this
 * size is a hundred times slower in V8, and a search makes tens of thousands.
 */
export function planOf(
  base: Required<ParallelPlan>,
  layout: Layout,
  recomputation: Recomputation,
): Required<ParallelPlan>
export function planOf(
  base: Required<ParallelPlan>,
  layout: Layout,
  recomputation: Recomputation,
  counts: Pick<ResolvedPlan, 'dataParallel' | 'microBatches'>,
): ResolvedPlan
export function planOf(
  base: Required<ParallelPlan>,
  layout: Layout,
  recomputation: Recomputation,
  counts?: Pick<ResolvedPlan, 'dataParallel' | 'microBatches'>,
): Required<ParallelPlan> {
  const plan: Required<ParallelPlan> & { dataParallel?: number; microBatches?: number } = {
    tensorParallel: layout.tensorParallel,
    pipelineParallel: layout.pipelineParallel,
    virtualPipeline: layout.virtualPipeline,
    contextParallel: layout.contextParallel,
    expertParallel: layout.expertParallel,
    expertTensorParallel: base.expertTensorParallel,
    microBatchSize: layout.microBatchSize,
    globalBatchSize: base.globalBatchSize,
    sequenceLength: base.sequenceLength,
    sequenceParallel: layout.sequenceParallel,
    sharding: base.sharding,
    recompute: recomputation.recompute,
    recomputeModules: recomputation.recomputeModules,
    precision: base.precision,
    overlap: base.overlap,
    overlapTensorParallel: base.overlapTensorParallel,
    expertDispatch: base.expertDispatch,
    attentionBackend: base.attentionBackend,
    dropout: base.dropout,
    fusedKernels: base.fusedKernels,
    deterministic: base.deterministic,
    cudaGraphs: base.cudaGraphs,
    gradientsInFp32: base.gradientsInFp32,
    momentsInFp32: base.momentsInFp32,
    anyLayout: base.anyLayout,
    eightBitMoments: base.eightBitMoments,
    offloadOptimizer: base.offloadOptimizer,
    loraRank: base.loraRank,
  }
  if (counts) {
    plan.dataParallel = counts.dataParallel
    plan.microBatches = counts.microBatches
  }
  return plan
}

/** All layouts to consider. */
export function* layouts(model: ResolvedModel, cluster: ResolvedCluster, sequenceLength: number): Generator<Layout> {
  const tensor = powersOfTwo(Math.min(model.heads, 2 * cluster.gpusPerNode, cluster.gpuCount))
  const most = Math.min(model.layers, cluster.gpuCount, 64)
  const stages = new Set([...powersOfTwo(most), ...divisors(model.layers, most), ...divisors(model.layers + 2, most)])
  const pipeline = [...stages].sort((a, b) => a - b)
  const context = sequenceLength >= 16_384 ? [1, 2, 4, 8, 16] : [1]
  const expert = model.experts ? powersOfTwo(Math.min(model.experts.count, cluster.gpuCount)) : [1]
  for (const tensorParallel of tensor) {
    const sequenceParallel = tensorParallel > 1
    for (const pipelineParallel of pipeline) {
      const chunks = pipelineParallel > 1 ? chunkCounts(model.layers, pipelineParallel) : [1]
      for (const virtualPipeline of chunks) {
        for (const contextParallel of context) {
          for (const expertParallel of expert) {
            for (const microBatchSize of [1, 2, 4, 8]) {
              yield {
                tensorParallel,
                sequenceParallel,
                pipelineParallel,
                virtualPipeline,
                contextParallel,
                expertParallel,
                microBatchSize,
              }
            }
          }
        }
      }
    }
  }
}

/** The fields of a plan that define recomputation. */
export type Recomputation = Pick<Required<ParallelPlan>, 'recompute' | 'recomputeModules'>

/** Recomputation variants to consider: none, parts of mixtures as in LLM-jp's recipes, full. */
export function recomputations(model: ResolvedModel, recipe: SearchRecipe): readonly Recomputation[] {
  const core = ['core_attn'] as const
  const none = { recompute: 'none', recomputeModules: core } as const
  if (recipe.recompute === false) return [none]
  return [
    none,
    ...(model.experts
      ? ([
          { recompute: 'selective', recomputeModules: ['moe_act', 'layernorm'] },
          { recompute: 'selective', recomputeModules: ['moe'] },
        ] as const)
      : []),
    { recompute: 'full', recomputeModules: core },
  ]
}

/** Possible numbers of chunks per stage, with or without embedding and loss counted as layers. */
function chunkCounts(layers: number, stages: number): number[] {
  const counts = new Set(divisors(Math.ceil(layers / stages), 8))
  if ((layers + 2) % stages === 0) for (const count of divisors((layers + 2) / stages, 8)) counts.add(count)
  return [...counts].sort((a, b) => a - b)
}

function powersOfTwo(upTo: number): number[] {
  const powers: number[] = []
  for (let power = 1; power <= upTo; power *= 2) powers.push(power)
  return powers
}

function divisors(value: number, upTo: number): number[] {
  return Array.from({ length: Math.min(value, upTo) }, (_, i) => i + 1).filter((divisor) => value % divisor === 0)
}
