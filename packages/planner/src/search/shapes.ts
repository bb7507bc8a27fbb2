/** The plans a search considers. */
import type { ResolvedCluster } from '../cluster/cluster.ts'
import type { ResolvedModel } from '../model/model.ts'
import type { ParallelPlan } from '../plan/parallel-plan.ts'
import { completePlan } from '../plan/plan-rules.ts'
import type { SearchRecipe } from './request.ts'

/** Every layout, with the recipe's numbers. */
export function* shapes(
  model: ResolvedModel,
  cluster: ResolvedCluster,
  recipe: SearchRecipe,
): Generator<Required<ParallelPlan>> {
  const { globalBatchSize, sequenceLength, precision = 'bf16' } = recipe
  // Every field is checked once here.
  const base = completePlan({
    tensorParallel: 1,
    pipelineParallel: 1,
    microBatchSize: 1,
    globalBatchSize,
    sequenceLength,
    precision,
  })
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
                ...base,
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

/** What may be recomputed: nothing, parts of mixtures as LLM-jp's recipes do, everything. */
export function recomputations(
  model: ResolvedModel,
  recipe: SearchRecipe,
): readonly Pick<Required<ParallelPlan>, 'recompute' | 'recomputeModules'>[] {
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

/** Chunks a stage that can be cut into: of its layers, or of its layers with embedding and loss counted. */
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
