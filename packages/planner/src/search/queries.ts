/** Queries on clusters and plans: minimum GPUs, sensitivity to parameters, effect of more memory. */
import { integer, object, positive } from '../check.ts'
import { type Cluster, validateCluster } from '../cluster/cluster.ts'
import { findGpu, type Gpu } from '../cluster/gpus.ts'
import { type Estimate, estimate, type PlanRequest } from '../estimate/estimate.ts'
import { stableMemoryFraction } from '../estimate/risks.ts'
import { type PlannerModel, totalParameters, validateModel } from '../model/model.ts'
import type { ParallelPlan } from '../plan/parallel-plan.ts'
import { completePlan, PlanError } from '../plan/plan-rules.ts'
import type { Candidate } from './candidates.ts'
import { enumerate } from './enumerate.ts'
import type { PlanSearch, SearchRecipe } from './request.ts'
import { plan } from './search.ts'

export interface MinimumGpus {
  /** Nodes and GPUs of the smallest cluster on which any plan fits; null if none does up to `maxNodes`. */
  readonly fits: { readonly nodes: number; readonly gpus: number; readonly best: Candidate } | null
  /** The smallest cluster with a plan below 80 % of the memory. */
  readonly stable: { readonly nodes: number; readonly gpus: number; readonly best: Candidate } | null
}

/**
 * The smallest number of whole nodes on which a model can be trained.
 * @param maxNodes upper limit of the search; default 4096
 * @throws RangeError or TypeError naming an invalid or unknown field
 * @example
 * const onH100 = { gpu: 'H100', gpusPerNode: 8 }
 * minimumGpus({ model, cluster: onH100, recipe: { globalBatchSize: 1024, sequenceLength: 4096 } }).fits.gpus // 8
 */
export function minimumGpus(
  search: {
    readonly model: PlannerModel
    readonly cluster: Omit<Cluster, 'nodes'>
    readonly recipe: SearchRecipe
  },
  maxNodes = 4096,
): MinimumGpus {
  object('cluster', object('search', search).cluster)
  object('recipe', search.recipe)
  integer('maxNodes', maxNodes, 1, 1e6)
  const at = (nodes: number) => ({ ...search, cluster: { ...search.cluster, nodes }, limit: 1 })
  const { gpu, gpusPerNode } = validateCluster({ ...search.cluster, nodes: 1 })
  let fits: MinimumGpus['fits'] = null
  const { globalBatchSize, sequenceLength } = search.recipe
  completePlan({ tensorParallel: 1, pipelineParallel: 1, microBatchSize: 1, globalBatchSize, sequenceLength })
  // One replica's weights and gradients (6 bytes a parameter) and the optimizer's states (12) need memory, however they
  // are sharded.
  const states = 18 * totalParameters(validateModel(search.model))
  const least = Math.max(1, Math.ceil(states / (gpu.memoryBytes * gpusPerNode)))
  for (let nodes = least; nodes <= maxNodes; nodes++) {
    const { feasible } = enumerate(at(nodes))
    if (feasible.length === 0) continue
    const found = (best: Candidate) => ({ nodes, gpus: nodes * gpusPerNode, best })
    const result = plan({ ...at(nodes), limit: feasible.length })
    fits ??= found(result.byStability[0])
    const stable = result.byStability.find(
      ({ estimate: { memoryBytes } }) => memoryBytes <= stableMemoryFraction * gpu.memoryBytes,
    )
    if (stable) return { fits, stable: found(stable) }
  }
  return { fits, stable: null }
}

/** The effect of changing one parameter. */
export interface Sensitivity {
  readonly parameter: string
  readonly from: string
  readonly to: string
  /** New step time over the old; null if the change is not possible. */
  readonly stepRatio: number | null
  /** New peak memory over the old. */
  readonly memoryRatio: number | null
  /** Why it is invalid, or does not fit. */
  readonly reasons: readonly string[]
}

/**
 * Changes each parameter of a plan and a cluster, one at a time: degrees, bandwidths, peaks and memory are doubled and
 * halved, flags are toggled.
 * @throws PlanError for an illegal plan; RangeError or TypeError naming an invalid or unknown field
 * @example sensitivity({ model, cluster, plan: own }).length // 32
 */
export function sensitivity(request: PlanRequest): Sensitivity[] {
  const base = estimate(request)
  const gpu = typeof request.cluster.gpu === 'string' ? findGpu(request.cluster.gpu) : request.cluster.gpu
  const { network = {} } = request.cluster
  const { plan: p } = base
  const rows: Sensitivity[] = []
  const tryOut = (parameter: string, from: string, to: string, change: Partial<PlanRequest>) => {
    try {
      const changed = estimate({ ...request, ...change })
      const limit = validateCluster(change.cluster ?? request.cluster).gpu.memoryBytes
      rows.push({
        parameter,
        from,
        to,
        stepRatio: changed.stepSeconds / base.stepSeconds,
        memoryRatio: changed.memoryBytes / base.memoryBytes,
        reasons:
          changed.memoryBytes > limit
            ? [`needs ${(changed.memoryBytes / 1e9).toFixed(1)} GB of ${(limit / 1e9).toFixed(1)} GB`]
            : [],
      })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      const reasons = error instanceof PlanError ? error.reasons : [error.message]
      rows.push({ parameter, from, to, stepRatio: null, memoryRatio: null, reasons })
    }
  }
  const planChange = (parameter: keyof ParallelPlan, to: number | string | boolean) =>
    tryOut(parameter, String(p[parameter]), String(to), { plan: { ...request.plan, [parameter]: to } as ParallelPlan })
  const degrees = [
    'tensorParallel',
    'pipelineParallel',
    'virtualPipeline',
    'contextParallel',
    ...(request.model.experts ? (['expertParallel'] as const) : []),
    'microBatchSize',
    'globalBatchSize',
    'sequenceLength',
  ] as const
  for (const degree of degrees) {
    if (p[degree] % 2 === 0) planChange(degree, p[degree] / 2)
    planChange(degree, 2 * p[degree])
  }
  for (const recompute of ['none', 'selective', 'full'] as const) {
    if (recompute !== p.recompute) planChange('recompute', recompute)
  }
  for (const sharding of ['none', 'optimizer', 'full'] as const) {
    if (sharding !== p.sharding) planChange('sharding', sharding)
  }
  for (const precision of ['bf16', 'fp8'] as const) if (precision !== p.precision) planChange('precision', precision)
  planChange('overlap', !p.overlap)
  if (p.tensorParallel > 1) {
    planChange('sequenceParallel', !p.sequenceParallel)
    planChange('overlapTensorParallel', !p.overlapTensorParallel)
  }
  const { nodes } = request.cluster
  for (const count of [nodes % 2 === 0 ? nodes / 2 : 0, 2 * nodes]) {
    if (count > 0) tryOut('nodes', String(nodes), String(count), { cluster: { ...request.cluster, nodes: count } })
  }
  const rate = (value: number, unit: number, name: string) => `${Number((value / unit).toPrecision(4))} ${name}`
  const gpuChange = (
    field: keyof Gpu & ('peakBf16' | 'memoryBandwidth' | 'memoryBytes'),
    unit: number,
    name: string,
  ) => {
    for (const factor of [0.5, 2]) {
      const value = gpu[field] * factor
      // The power limit is scaled with the peak; otherwise the estimated clock would fall.
      const watts = field === 'peakBf16' && gpu.watts !== undefined ? { watts: gpu.watts * factor } : {}
      const changed = { ...gpu, ...watts, [field]: value }
      tryOut(field, rate(gpu[field], unit, name), rate(value, unit, name), {
        cluster: { ...request.cluster, gpu: changed },
      })
    }
  }
  gpuChange('peakBf16', 1e12, 'TFLOP/s')
  gpuChange('memoryBandwidth', 1e9, 'GB/s')
  gpuChange('memoryBytes', 1e9, 'GB')
  for (const field of ['intraNodeBandwidth', 'interNodeBandwidth'] as const) {
    const value = network[field] ?? gpu[field]
    for (const factor of [0.5, 2]) {
      tryOut(field, rate(value, 1e9, 'GB/s'), rate(factor * value, 1e9, 'GB/s'), {
        cluster: { ...request.cluster, network: { ...network, [field]: factor * value } },
      })
    }
  }
  return rows
}

/** Best plans with the current and the changed GPU memory. */
export interface MemoryChange {
  readonly factor: number
  readonly memoryBytes: { readonly now: number; readonly changed: number }
  readonly feasible: { readonly now: number; readonly changed: number }
  /** The first plan of each ranking; null if nothing fits. */
  readonly byThroughput: { readonly now: Candidate | null; readonly changed: Candidate | null }
  readonly byStability: { readonly now: Candidate | null; readonly changed: Candidate | null }
  /** Old over new step time of the first plan of each ranking; null unless both exist. */
  readonly speedup: { readonly byThroughput: number | null; readonly byStability: number | null }
}

/**
 * The effect of `factor` times the GPU memory on the best plans (LLM-jp retrained its 13B on H200 without the pipeline
 * it had needed on H100).
 * @throws RangeError or TypeError naming an invalid or unknown field
 * @example changeMemory({ model, cluster, recipe: { globalBatchSize: 1024, sequenceLength: 4096 } }, 2).factor // 2
 */
export function changeMemory(search: PlanSearch, factor = 2): MemoryChange {
  object('cluster', object('search', search).cluster)
  positive('factor', factor, 1e3)
  const gpu = typeof search.cluster.gpu === 'string' ? findGpu(search.cluster.gpu) : search.cluster.gpu
  const larger = { ...gpu, memoryBytes: gpu.memoryBytes * factor }
  const now = plan({ ...search, limit: 1 })
  const changed = plan({ ...search, cluster: { ...search.cluster, gpu: larger }, limit: 1 })
  const pair = (pick: (result: typeof now) => readonly Candidate[]) => ({
    now: pick(now)[0] ?? null,
    changed: pick(changed)[0] ?? null,
  })
  const byThroughput = pair((result) => result.byThroughput)
  const byStability = pair((result) => result.byStability)
  const seconds = (candidate: Candidate) => (candidate.estimate as Estimate).stepSeconds
  const ratio = ({ now: before, changed: after }: typeof byThroughput) =>
    before && after ? seconds(before) / seconds(after) : null
  return {
    factor,
    memoryBytes: { now: gpu.memoryBytes, changed: larger.memoryBytes },
    feasible: { now: now.feasible, changed: changed.feasible },
    byThroughput,
    byStability,
    speedup: { byThroughput: ratio(byThroughput), byStability: ratio(byStability) },
  }
}
