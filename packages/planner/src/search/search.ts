/** Searching for a plan: every legal one estimated, every other one refused with its reasons. */
import { integer, object } from '../check.ts'
import { defaultRun, type KnownRun, lostTime, type RunRequest, validateRun } from '../estimate/cost.ts'
import { type Estimate, estimateKnown, flopsPerToken } from '../estimate/estimate.ts'
import { estimateMemory, type LayerBytes, layerBytes, overheadBytes } from '../estimate/memory.ts'
import { countRisks, risksOf } from '../estimate/risks.ts'
import { estimateTime, type ShapeCosts, shapeCosts } from '../estimate/time.ts'
import { type Cluster, type KnownCluster, validateCluster } from '../gpu.ts'
import { type KnownModel, type PlannerModel, totalParameters, validateModel } from '../model/model.ts'
import { completePlan, type KnownPlan, type ParallelPlan, planFaults, validatePlan } from '../parallel-plan.ts'
import { stageLayers } from '../stages.ts'

export { stableMemoryFraction } from '../estimate/risks.ts'

/** What the training run fixes. */
export interface SearchRecipe {
  /** Sequences in one optimizer step. */
  readonly globalBatchSize: number
  /** Tokens in a sequence. */
  readonly sequenceLength: number
  readonly precision?: ParallelPlan['precision']
  /** Plans that compute activations again are considered; default true. */
  readonly recompute?: boolean
  /** Tokens to train on and how the cluster behaves: for days, price and lost time. */
  readonly run?: RunRequest
}

export interface PlanSearch {
  readonly model: PlannerModel
  readonly cluster: Cluster
  readonly recipe: SearchRecipe
  /** Candidates kept in each ranking; default 10. */
  readonly limit?: number
}

/** A plan that is legal and fits. */
export interface Candidate {
  readonly estimate: Estimate
  /** What could stop a long run; empty is the aim. */
  readonly risks: readonly string[]
  /** Bytes left of the GPU's memory above the estimate. */
  readonly headroomBytes: number
}

/** A plan that was considered and why it cannot be. */
export interface Refusal {
  readonly plan: Required<ParallelPlan>
  readonly reasons: readonly string[]
}

export interface PlanResult {
  /** Fastest first. */
  readonly byThroughput: readonly Candidate[]
  /** Fewest risks first, then fastest with lost time counted: "not fast, but stable". */
  readonly byStability: readonly Candidate[]
  /** Plans faster than the first by stability: what their speed would cost. Fastest first, at most `limit`. */
  readonly fasterButRiskier: readonly Candidate[]
  readonly refused: readonly Refusal[]
  /** Reasons that differ in more than their numbers: how often each came up, and one in full. Most frequent first. */
  readonly refusalSummary: readonly { readonly count: number; readonly example: string }[]
  /** Plans considered: legal and fitting ones, and refused ones. */
  readonly considered: number
  /** Legal and fitting plans. */
  readonly feasible: number
}

/** A feasible plan with what rankings need: there are thousands, and what is kept of each costs more time than what is counted. */
interface Sized {
  readonly plan: KnownPlan
  readonly stepSeconds: number
  readonly risks: number
  /** Steps a second that count, with lost time. */
  readonly pace: number
}

interface Enumeration {
  readonly model: KnownModel
  readonly cluster: KnownCluster
  readonly run: KnownRun | undefined
  readonly feasible: Sized[]
  readonly refused: Refusal[]
}

/** All plans of a request. */
export function enumerate(search: PlanSearch): Enumeration {
  object('search', search)
  const model = validateModel(search.model)
  const cluster = validateCluster(search.cluster)
  const recipe = object('recipe', search.recipe) as unknown as SearchRecipe
  const run = recipe.run === undefined ? undefined : validateRun(recipe.run)
  const feasible: Sized[] = []
  const refused: Refusal[] = []
  const shared = new Map<string, { costs: ShapeCosts; bytes: LayerBytes }>()
  const variants = recomputations(model, recipe)
  const { nvlinkDomain } = cluster
  for (const shape of shapes(model, cluster, recipe)) {
    // Rules do not ask what is computed again.
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

function complete(cluster: KnownCluster, plan: Required<ParallelPlan>): KnownPlan {
  const dataParallel = cluster.gpuCount / (plan.tensorParallel * plan.pipelineParallel * plan.contextParallel)
  return { ...plan, dataParallel, microBatches: plan.globalBatchSize / (plan.microBatchSize * dataParallel) }
}

function size(
  model: KnownModel,
  cluster: KnownCluster,
  plan: KnownPlan,
  run: KnownRun | undefined,
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

function shortage(cluster: KnownCluster, memoryBytes: number): string {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`
  return `needs ${gigabytes(memoryBytes)} and ${gigabytes(overheadBytes)} of buffers, a ${cluster.gpu.name} has ${gigabytes(cluster.gpu.memoryBytes)}`
}

const faster = (a: Sized, b: Sized) => a.stepSeconds - b.stepSeconds
const stabler = (a: Sized, b: Sized) => a.risks - b.risks || b.pace - a.pace

/**
 * Enumerates plans under Megatron-LM's rules: TP up to two nodes, PP, interleaving, CP for long sequences, EP, micro-batch
 * sizes, with and without recomputation, always with the distributed optimizer.
 * @returns rankings by throughput and by stability, and every refusal with its reasons; rankings are empty where nothing
 *   fits, and `refused` then says why
 * @throws RangeError or TypeError naming a field of the request that is none
 */
export function plan(search: PlanSearch): PlanResult {
  const limit = integer('limit', search.limit ?? 10, 1, 1e6)
  const all = enumerate(search)
  const { feasible, refused } = all
  const candidates = candidatesOf(all)
  const byThroughput = [...feasible].sort(faster)
  const byStability = [...feasible].sort(stabler)
  const [best] = byStability
  return {
    byThroughput: byThroughput.slice(0, limit).map(candidates),
    byStability: byStability.slice(0, limit).map(candidates),
    fasterButRiskier: best
      ? byThroughput
          .filter((one) => one.stepSeconds < best.stepSeconds)
          .slice(0, limit)
          .map(candidates)
      : [],
    refused,
    refusalSummary: summarize(refused),
    considered: feasible.length + refused.length,
    feasible: feasible.length,
  }
}

/** From the short form to the full one, each plan once. */
function candidatesOf({ model, cluster, run }: Enumeration): (sized: Sized) => Candidate {
  const made = new Map<Sized, Candidate>()
  const parameters = totalParameters(model)
  let flops: { causal: number; full: number } | undefined
  return (sized) => {
    let candidate = made.get(sized)
    if (!candidate) {
      flops ??= flopsPerToken(model, sized.plan)
      const estimate = estimateKnown(model, cluster, sized.plan, { run, flops, parameters })
      const headroomBytes = cluster.gpu.memoryBytes - estimate.memoryBytes
      candidate = { estimate, risks: risksOf(model, cluster, estimate, run), headroomBytes }
      made.set(sized, candidate)
    }
    return candidate
  }
}

function summarize(refused: readonly Refusal[]): { count: number; example: string }[] {
  const kinds = new Map<string, { count: number; example: string }>()
  for (const { reasons } of refused) {
    for (const reason of reasons) {
      const kind = reason.replace(/\d+(\.\d+)?/g, '#')
      const entry = kinds.get(kind)
      if (entry) entry.count++
      else kinds.set(kind, { count: 1, example: reason })
    }
  }
  return [...kinds.values()].sort((a, b) => b.count - a.count)
}

/** Where a plan stands among all others. */
export interface Placement {
  /** Why it cannot be; empty for a legal plan that fits. */
  readonly reasons: readonly string[]
  /** The plan itself, where it is legal. */
  readonly candidate: Candidate | null
  /** Feasible plans, this one not counted. */
  readonly feasible: number
  /** Feasible plans that are faster, and that are stabler. */
  readonly faster: number
  readonly stabler: number
  /** Part of the feasible plans that are stabler: 0.2 or less is the top fifth. */
  readonly stabilityShare: number
  /** The fastest plans that are faster, at most `limit`. */
  readonly fasterPlans: readonly Candidate[]
}

/**
 * Places a plan of one's own in both rankings.
 * @throws RangeError or TypeError naming a field that is none; a plan that breaks a rule is told in `reasons`
 */
export function placePlan(search: PlanSearch, own: ParallelPlan): Placement {
  const limit = integer('limit', search.limit ?? 10, 1, 1e6)
  const all = enumerate(search)
  const { model, cluster, run, feasible } = all
  const nothing = {
    candidate: null,
    feasible: feasible.length,
    faster: 0,
    stabler: 0,
    stabilityShare: 1,
    fasterPlans: [],
  }
  const given = completePlan(own)
  const faults = planFaults(model, cluster, given)
  if (faults.length > 0) return { ...nothing, reasons: faults }
  const known = validatePlan(model, cluster, own)
  const sized = size(model, cluster, known, run, {
    costs: shapeCosts(model, cluster, known),
    bytes: layerBytes(model, known),
  })
  const candidates = candidatesOf(all)
  if ('reasons' in sized) return { ...nothing, reasons: sized.reasons }
  const others = feasible.filter(({ plan: other }) => !sameLayout(other, known))
  const fasterOnes = others.filter((other) => faster(other, sized) < 0).sort(faster)
  const stablerOnes = others.filter((other) => stabler(other, sized) < 0).length
  return {
    reasons: [],
    candidate: candidates(sized),
    feasible: others.length,
    faster: fasterOnes.length,
    stabler: stablerOnes,
    stabilityShare: others.length === 0 ? 0 : stablerOnes / others.length,
    fasterPlans: fasterOnes.slice(0, limit).map(candidates),
  }
}

function sameLayout(a: KnownPlan, b: KnownPlan): boolean {
  return (
    a.tensorParallel === b.tensorParallel &&
    a.pipelineParallel === b.pipelineParallel &&
    a.virtualPipeline === b.virtualPipeline &&
    a.contextParallel === b.contextParallel &&
    a.expertParallel === b.expertParallel &&
    a.microBatchSize === b.microBatchSize &&
    a.recompute === b.recompute &&
    a.recomputeModules.join() === b.recomputeModules.join()
  )
}

function* shapes(model: KnownModel, cluster: KnownCluster, recipe: SearchRecipe): Generator<Required<ParallelPlan>> {
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

/** What may be computed again: nothing, parts of mixtures as LLM-jp's recipes do, everything. */
function recomputations(
  model: KnownModel,
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
