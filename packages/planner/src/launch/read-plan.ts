/** The plan that the flags of a launch describe. */
import type { PlannerModel } from '../model/model.ts'
import { type ParallelPlan, type RecomputeModule, recomputeModules } from '../plan/parallel-plan.ts'
import { completePlan } from '../plan/plan-rules.ts'
import type { LaunchFlags } from './launch-flags.ts'

/** @throws RangeError or TypeError naming the flag that is missing or out of bounds */
export function planOf(
  flags: LaunchFlags,
  model: PlannerModel,
  variables: ReadonlyMap<string, readonly string[]>,
  notes: string[],
): ParallelPlan {
  const tensorParallel = flags.number('--tensor-model-parallel-size', 1)
  const pipelineParallel = flags.number('--pipeline-model-parallel-size', 1)
  const uneven = [
    '--decoder-first-pipeline-num-layers',
    '--decoder-last-pipeline-num-layers',
    '--pipeline-model-parallel-layout',
  ]
    .map((name) => flags.list(name))
    .some((values) => values !== undefined)
  if (uneven) notes.push('the launch has an explicit stage layout; the estimate assumes the most even one')
  flags.has('--account-for-embedding-in-pipeline-split')
  flags.has('--account-for-loss-in-pipeline-split')
  const microBatchSize = flags.number('--micro-batch-size')
  const globalBatchSize = flags.number('--global-batch-size', null)
  if (globalBatchSize === null) throw new RangeError('--global-batch-size is missing')
  const flash = flags.has('--use-flash-attn')
  const noFused = variables.get('NVTE_FUSED_ATTN')?.[0] === '0'
  const backend = flags.text('--attention-backend') ?? (flash || noFused ? 'flash' : 'auto')
  const attentionBackend = noFused && backend === 'auto' ? 'flash' : backend === 'auto' ? 'fused' : backend
  const fp8 = flags.has('--fp8-format')
  const dispatcher = flags.text('--moe-token-dispatcher-type') ?? 'allgather'
  const fsdp = flags.has('--use-megatron-fsdp') || flags.has('--use-torch-fsdp2') || flags.has('--use-custom-fsdp')
  flags.text('--data-parallel-sharding-strategy')
  const distributed = flags.has('--use-distributed-optimizer')
  const overlapGrad = flags.has('--overlap-grad-reduce')
  const overlapParam = flags.has('--overlap-param-gather')
  const dropout = flags.number('--hidden-dropout', 0.1) > 0 || flags.number('--attention-dropout', 0.1) > 0
  flags.has('--bf16')
  flags.has('--moe-grouped-gemm')
  flags.has('--accumulate-allreduce-grads-in-fp32')
  const moments = flags.text('--exp-avg-dtype')
  flags.text('--exp-avg-sq-dtype')
  const aware = flags.has('--use-precision-aware-optimizer')
  const deepep = flags.has('--moe-enable-deepep') || flags.text('--moe-flex-dispatcher-backend') !== undefined
  const plan: ParallelPlan = {
    tensorParallel,
    pipelineParallel,
    virtualPipeline: chunksOf(flags, model, pipelineParallel),
    contextParallel: flags.number('--context-parallel-size', 1),
    expertParallel: flags.number('--expert-model-parallel-size', 1),
    expertTensorParallel: flags.number('--expert-tensor-parallel-size', model.experts ? tensorParallel : 1),
    microBatchSize,
    globalBatchSize,
    sequenceLength: flags.number('--seq-length'),
    sequenceParallel: flags.has('--sequence-parallel'),
    sharding: fsdp ? 'full' : distributed ? 'optimizer' : 'none',
    ...recomputeOf(flags, notes),
    precision: fp8 ? 'fp8' : flags.has('--fp16') ? 'fp16' : 'bf16',
    overlap: overlapGrad && (overlapParam || !distributed),
    overlapTensorParallel: flags.has('--tp-comm-overlap'),
    attentionBackend: attentionBackend as ParallelPlan['attentionBackend'],
    expertDispatch: dispatcher === 'flex' && deepep ? 'deepep' : 'alltoall',
    dropout,
    gradientsInFp32: !flags.has('--grad-reduce-in-bf16'),
    momentsInFp32: !(aware && moments !== undefined && moments !== 'fp32'),
    anyLayout: uneven,
  }
  if (fp8) flags.text('--fp8-format')
  completePlan(plan)
  return plan
}

function chunksOf(flags: LaunchFlags, model: PlannerModel, stages: number): number {
  const direct = flags.number('--num-virtual-stages-per-pipeline-rank', null)
  const perChunk = flags.number('--num-layers-per-virtual-pipeline-stage', null)
  const layout = flags.text('--pipeline-model-parallel-layout')
  if (layout !== undefined) return Math.max(1, Math.floor(partsOf(layout) / stages))
  if (direct !== null) return direct
  if (perChunk === null) return 1
  const chunks = model.layers / stages / perChunk
  if (!Number.isInteger(chunks) || chunks < 1) {
    throw new RangeError(
      `--num-layers-per-virtual-pipeline-stage ${perChunk} must divide the ${model.layers} layers / ${stages} stages`,
    )
  }
  return chunks
}

/** Parts of a layout such as `Et*3|(t|)*29|L`. */
function partsOf(layout: string): number {
  const bars = (text: string) => text.split('|').length - 1
  const repeated = [...layout.matchAll(/\(([^)]*)\)\*(\d{1,4})/g)]
  return 1 + bars(layout) + repeated.reduce((sum, [, inside, times]) => sum + bars(inside) * (Number(times) - 1), 0)
}

function recomputeOf(flags: LaunchFlags, notes: string[]): Pick<ParallelPlan, 'recompute' | 'recomputeModules'> {
  const granularity = flags.text('--recompute-granularity')
  const selective = flags.has('--recompute-activations') || granularity === 'selective'
  const given = flags.list('--recompute-modules')
  const method = flags.text('--recompute-method')
  flags.number('--recompute-num-layers', null)
  if (granularity === 'full') {
    if (method === 'block') notes.push('--recompute-method block: assuming that every layer is recomputed')
    return { recompute: 'full' }
  }
  if (!selective) return { recompute: 'none' }
  const names = (given ?? ['core_attn']).flatMap((name) => name.split(','))
  const known = names.filter((name): name is RecomputeModule => (recomputeModules as readonly string[]).includes(name))
  const unknown = names.filter((name) => !(recomputeModules as readonly string[]).includes(name))
  if (unknown.length > 0) notes.push(`--recompute-modules ${unknown.join(' ').slice(0, 80)} is not counted`)
  return known.length === 0 ? { recompute: 'none' } : { recompute: 'selective', recomputeModules: known }
}
