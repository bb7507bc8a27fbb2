/** Distribution of layers over pipeline stages, and micro-batches in flight. */
import type { ResolvedModel } from '../model/model.ts'
import type { ResolvedPlan } from './parallel-plan.ts'

/**
 * Layers of each stage, or null if Megatron-LM cannot split them. Layers divide evenly over stages x chunks; or they
 * do so when embedding and loss (or the loss alone) count as a layer of the first and last stage
 * (`--account-for-embedding-in-pipeline-split`, `--account-for-loss-in-pipeline-split`); or, with `anyLayout`, in any
 * way (`--pipeline-model-parallel-layout`).
 */
export function layersPerStage(layers: number, stages: number, chunks = 1, anyLayout = false): number[] | null {
  const parts = stages * chunks
  if (layers % parts === 0) return Array(stages).fill(layers / stages)
  for (const extra of [2, 1]) {
    if ((layers + extra) % parts !== 0) continue
    const each: number[] = Array(stages).fill((layers + extra) / stages)
    each[stages - 1]--
    if (extra === 2) each[0]--
    if (each.every((count) => count > 0)) return each
  }
  if (!anyLayout || layers < stages) return null
  // As evenly as possible, with the longer stages in the middle.
  const short = Math.floor(layers / stages)
  const long = layers - short * stages
  const firstLong = Math.floor((stages - long) / 2)
  return Array.from({ length: stages }, (_, stage) => short + (stage >= firstLong && stage < firstLong + long ? 1 : 0))
}

/** Layers of a pipeline stage by kind, and its maximum of micro-batches in flight. */
export interface StageLayers {
  readonly dense: number
  /** Layers with routed experts. */
  readonly mixture: number
  readonly inFlight: number
}

/**
 * Layers of every stage. Chunks of a stage are treated as contiguous, so leading dense layers are in the first stage.
 */
export function stageLayers(model: ResolvedModel, plan: ResolvedPlan): StageLayers[] {
  const { pipelineParallel: p, virtualPipeline: v } = plan
  const perStage = layersPerStage(model.layers, p, v, plan.anyLayout)!
  let denseLeft = model.experts ? model.experts.firstDenseLayers : model.layers
  return perStage.map((count, stage) => {
    const dense = Math.min(count, denseLeft)
    denseLeft -= dense
    return { dense, mixture: count - dense, inFlight: microBatchesInFlight(stage, p, v, plan.microBatches) }
  })
}

/**
 * Maximum number of micro-batches whose activations a stage stores, in units of whole stages. 1F1B: p - r on stage r of
 * p. Interleaved: 2 (p - r - 1) + (v - 1) p warm-up chunks plus one, divided by v chunks per stage.
 * @see megatron/core/pipeline_parallel/schedules.py `get_pp_rank_microbatches`
 */
export function microBatchesInFlight(stage: number, stages: number, chunks: number, microBatches: number): number {
  if (chunks === 1) return Math.min(microBatches, stages - stage)
  const warmup = 2 * (stages - stage - 1) + (chunks - 1) * stages
  return Math.min(microBatches * chunks, warmup + 1) / chunks
}
