/** Enumerates and sizes all plans of a request: feasible ones, and refused ones with reasons. */
import { type Fields, fields } from '../check.ts'
import { type ResolvedCluster, validateCluster } from '../cluster/cluster.ts'
import { defaultRun, lostTime, type ResolvedRun, validateRun } from '../estimate/cost.ts'
import {
  estimateMemory,
  type LayerMemory,
  layerMemory,
  overheadBytes,
  type StageMemory,
  stageMemory,
} from '../estimate/memory.ts'
import { countRisks } from '../estimate/risks.ts'
import { type ShapeCosts, shapeCosts } from '../estimate/shape-costs.ts'
import { estimateTime } from '../estimate/time.ts'
import { type ResolvedModel, totalParameters, validateModel } from '../model/model.ts'
import type { ParallelPlan, ResolvedPlan } from '../plan/parallel-plan.ts'
import { planFaults } from '../plan/plan-rules.ts'
import { type StageLayers, stageLayers } from '../plan/stages.ts'
import { RefusalTally } from './refusals.ts'
import type { PlanSearch, SearchRecipe } from './request.ts'
import { basePlan, type Layout, layouts, planOf, type Recomputation, recomputations } from './shapes.ts'

/** A refused plan and the reasons. */
export interface Refusal {
  readonly plan: Required<ParallelPlan>
  readonly reasons: readonly string[]
}

/**
 * A feasible plan with only the values that rankings need: there are thousands, and storing more of each takes longer
 * than computing it.
 */
export interface Sized {
  readonly plan: ResolvedPlan
  readonly stepSeconds: number
  readonly risks: number
  /** Useful steps per second, with lost time counted. */
  readonly pace: number
}

/** Values shared by plans that differ only in their pipeline. */
interface Shared {
  readonly costs: ShapeCosts
  readonly memory: LayerMemory
}

/** All plans of a request. */
export interface Enumeration {
  readonly model: ResolvedModel
  readonly cluster: ResolvedCluster
  readonly run: ResolvedRun | undefined
  readonly feasible: Sized[]
  readonly tally: RefusalTally
  /** Refused plans with reasons; empty unless requested. */
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

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * Sizes all plans of a request.
 * @param keepRefused also lists all refused plans; by default they are only counted, which takes a fraction of the time
 */
export function enumerate(search: PlanSearch, { keepRefused = false } = {}): Enumeration {
  fields('search', search, searchFields)
  const model = validateModel(search.model)
  const cluster = validateCluster(search.cluster)
  const recipe = fields('recipe', search.recipe, recipeFields) as unknown as SearchRecipe
  const run = recipe.run === undefined ? undefined : validateRun(recipe.run)
  const feasible: Sized[] = []
  const refused: Refusal[] = []
  const tally = new RefusalTally()
  const shared = new Map<number, Shared>()
  const variants = recomputations(model, recipe)
  const { nvlinkDomain } = cluster
  const base = basePlan(recipe)
  const parameters = totalParameters(model)
  // One object is reused for all trial plans; feasible plans are copied.
  const trial: Mutable<ResolvedPlan> = { ...base, dataParallel: 1, microBatches: 1 }
  for (const layout of layouts(model, cluster, base.sequenceLength)) {
    assignLayout(trial, layout, variants[0])
    // Rules do not depend on recomputation.
    const faults = planFaults(model, cluster, trial)
    const { tensorParallel } = layout
    if (nvlinkDomain % tensorParallel !== 0 && tensorParallel % nvlinkDomain !== 0) {
      faults.push(`tensorParallel ${tensorParallel} groups would span parts of several nodes of ${nvlinkDomain} GPUs`)
    }
    if (faults.length > 0) {
      tally.rules(faults, variants.length)
      if (keepRefused) for (const v of variants) refused.push({ plan: planOf(base, layout, v), reasons: faults })
      continue
    }
    trial.dataParallel = cluster.gpuCount / (tensorParallel * trial.pipelineParallel * trial.contextParallel)
    trial.microBatches = trial.globalBatchSize / (trial.microBatchSize * trial.dataParallel)
    const layers = stageLayers(model, trial)
    for (const [number, variant] of variants.entries()) {
      assignLayout(trial, layout, variant)
      // Computed once for all plans that differ only in the pipeline.
      const key = keyOf(layout, number)
      let one = shared.get(key)
      if (!one) {
        one = { costs: shapeCosts(model, cluster, trial), memory: layerMemory(model, trial) }
        shared.set(key, one)
      }
      // The first stage stores the most, so checking it first refuses most plans.
      const { total } = stageMemory(model, trial, 0, layers[0], one.memory)
      if (total + overheadBytes > cluster.gpu.memoryBytes && !keepRefused) {
        const { memory } = one
        tally.memory(() => shortage(cluster, largest(estimateMemory(model, trial, layers, memory))))
        continue
      }
      const known: ResolvedPlan = planOf(base, layout, variant, trial)
      const sized = size(model, cluster, known, run, one, layers, parameters)
      if ('reasons' in sized) {
        tally.memory(() => sized.reasons[0])
        if (keepRefused) refused.push(sized)
      } else feasible.push(sized)
    }
  }
  return { model, cluster, run, feasible, tally, refused }
}

/** Copies a layout and recomputation into a plan. */
function assignLayout(plan: Mutable<ResolvedPlan>, layout: Layout, variant: Recomputation): void {
  plan.tensorParallel = layout.tensorParallel
  plan.sequenceParallel = layout.sequenceParallel
  plan.pipelineParallel = layout.pipelineParallel
  plan.virtualPipeline = layout.virtualPipeline
  plan.contextParallel = layout.contextParallel
  plan.expertParallel = layout.expertParallel
  plan.microBatchSize = layout.microBatchSize
  plan.recompute = variant.recompute
  plan.recomputeModules = variant.recomputeModules
}

/** A key of a layout without its pipeline; these sizes are powers of two. */
function keyOf({ tensorParallel, contextParallel, expertParallel, microBatchSize }: Layout, variant: number): number {
  let key = variant
  for (const size of [tensorParallel, contextParallel, expertParallel, microBatchSize])
    key = key * 32 + Math.clz32(size)
  return key
}

/** Estimates memory, time and risks of one plan. */
export function size(
  model: ResolvedModel,
  cluster: ResolvedCluster,
  plan: ResolvedPlan,
  run: ResolvedRun | undefined,
  { costs, memory }: Shared,
  layers: readonly StageLayers[] = stageLayers(model, plan),
  parameters: number = totalParameters(model),
): Sized | Refusal {
  const memoryByStage = estimateMemory(model, plan, layers, memory)
  const memoryBytes = largest(memoryByStage)
  if (memoryBytes + overheadBytes > cluster.gpu.memoryBytes) {
    return { plan, reasons: [shortage(cluster, memoryBytes)] }
  }
  const time = estimateTime(model, cluster, plan, layers, costs, memory)
  const assessed = { plan, memoryBytes, memoryByStage, time }
  const { goodput } = lostTime(model, cluster, time.step, run ?? defaultRun, parameters)
  return {
    plan,
    stepSeconds: time.step,
    risks: countRisks(model, cluster, assessed, goodput),
    pace: goodput / time.step,
  }
}

function largest(stages: readonly StageMemory[]): number {
  let bytes = 0
  for (const { total } of stages) if (total > bytes) bytes = total
  return bytes
}

function shortage(cluster: ResolvedCluster, memoryBytes: number): string {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
  return `needs ${gigabytes(memoryBytes)} plus ${gigabytes(overheadBytes)} for CUDA and NCCL buffers; a ${cluster.gpu.name} has ${gigabytes(cluster.gpu.memoryBytes)}`
}
