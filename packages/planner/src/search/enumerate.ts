/** Every plan of a request, sized: those that are legal and fit, and the others with their reasons. */
import { type Fields, fields } from '../check.ts'
import { type ResolvedCluster, validateCluster } from '../cluster/cluster.ts'
import { defaultRun, lostTime, type ResolvedRun, validateRun } from '../estimate/cost.ts'
import { estimateMemory, type LayerBytes, layerBytes, overheadBytes } from '../estimate/memory.ts'
import { countRisks } from '../estimate/risks.ts'
import { type ShapeCosts, shapeCosts } from '../estimate/shape-costs.ts'
import { estimateTime } from '../estimate/time.ts'
import { type ResolvedModel, validateModel } from '../model/model.ts'
import type { ParallelPlan, ResolvedPlan } from '../plan/parallel-plan.ts'
import { planFaults } from '../plan/plan-rules.ts'
import { stageLayers } from '../plan/stages.ts'
import type { PlanSearch, SearchRecipe } from './request.ts'
import { recomputations, shapes } from './shapes.ts'

/** A plan that was considered and why it cannot be. */
export interface Refusal {
  readonly plan: Required<ParallelPlan>
  readonly reasons: readonly string[]
}

/** A feasible plan with what rankings need: there are thousands, and what is kept of each costs more time than what is counted. */
export interface Sized {
  readonly plan: ResolvedPlan
  readonly stepSeconds: number
  readonly risks: number
  /** Steps a second that count, with lost time. */
  readonly pace: number
}

/** All plans of a request. */
export interface Enumeration {
  readonly model: ResolvedModel
  readonly cluster: ResolvedCluster
  readonly run: ResolvedRun | undefined
  readonly feasible: Sized[]
  readonly refused: Refusal[]
}

const searchFields: Fields<PlanSearch> = { model: 1, cluster: 1, recipe: 1, limit: 1 }
const recipeFields: Fields<SearchRecipe> = {
  globalBatchSize: 1,
  sequenceLength: 1,
  precision: 1,
  recompute: 1,
  run: 1,
}

/** Sizes all plans of a request. */
export function enumerate(search: PlanSearch): Enumeration {
  fields('search', search, searchFields)
  const model = validateModel(search.model)
  const cluster = validateCluster(search.cluster)
  const recipe = fields('recipe', search.recipe, recipeFields) as unknown as SearchRecipe
  const run = recipe.run === undefined ? undefined : validateRun(recipe.run)
  const feasible: Sized[] = []
  const refused: Refusal[] = []
  const shared = new Map<string, { costs: ShapeCosts; bytes: LayerBytes }>()
  const variants = recomputations(model, recipe)
  const { nvlinkDomain } = cluster
  for (const shape of shapes(model, cluster, recipe)) {
    // Rules do not depend on recomputation.
    const faults = planFaults(model, cluster, shape)
    if (nvlinkDomain % shape.tensorParallel !== 0 && shape.tensorParallel % nvlinkDomain !== 0) {
      faults.push(`tensorParallel ${shape.tensorParallel} groups would straddle nodes of ${nvlinkDomain} GPUs`)
    }
    if (faults.length > 0) {
      for (const variant of variants) refused.push({ plan: { ...shape, ...variant }, reasons: faults })
      continue
    }
    for (const variant of variants) {
      const known = complete(cluster, { ...shape, ...variant })
      // What does not depend on the pipeline is counted once.
      const key = `${known.tensorParallel} ${known.contextParallel} ${known.expertParallel} ${known.microBatchSize} ${known.recompute} ${known.recomputeModules[0]}`
      let one = shared.get(key)
      if (!one) {
        one = { costs: shapeCosts(model, cluster, known), bytes: layerBytes(model, known) }
        shared.set(key, one)
      }
      const sized = size(model, cluster, known, run, one)
      if ('reasons' in sized) refused.push(sized)
      else feasible.push(sized)
    }
  }
  return { model, cluster, run, feasible, refused }
}

function complete(cluster: ResolvedCluster, plan: Required<ParallelPlan>): ResolvedPlan {
  const dataParallel = cluster.gpuCount / (plan.tensorParallel * plan.pipelineParallel * plan.contextParallel)
  return { ...plan, dataParallel, microBatches: plan.globalBatchSize / (plan.microBatchSize * dataParallel) }
}

/** Sizes one plan. */
export function size(
  model: ResolvedModel,
  cluster: ResolvedCluster,
  plan: ResolvedPlan,
  run: ResolvedRun | undefined,
  { costs, bytes }: { costs: ShapeCosts; bytes: LayerBytes },
): Sized | Refusal {
  const layers = stageLayers(model, plan)
  const memoryByStage = estimateMemory(model, plan, layers, bytes)
  let memoryBytes = 0
  for (const { total } of memoryByStage) if (total > memoryBytes) memoryBytes = total
  if (memoryBytes + overheadBytes > cluster.gpu.memoryBytes) {
    return { plan, reasons: [shortage(cluster, memoryBytes)] }
  }
  const time = estimateTime(model, cluster, plan, layers, costs)
  const judged = { plan, memoryBytes, memoryByStage, time }
  const pace = lostTime(model, cluster, time.step, run ?? defaultRun).goodput / time.step
  return { plan, stepSeconds: time.step, risks: countRisks(model, cluster, judged, run), pace }
}

function shortage(cluster: ResolvedCluster, memoryBytes: number): string {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
  return `needs ${gigabytes(memoryBytes)} and ${gigabytes(overheadBytes)} of buffers, a ${cluster.gpu.name} has ${gigabytes(cluster.gpu.memoryBytes)}`
}
