/**
 * A discrete-event simulation of pipeline schedules. Each stage runs its passes in the order of the schedule; a pass
 * starts when the stage is free and its inputs have arrived.
 */
import { type Fields, fields, integer, oneOf, show } from '../check.ts'

export type Schedule = 'gpipe' | '1f1b' | 'interleaved' | 'zero-bubble'

/** Times of one micro-batch on one stage (all of its chunks together), in seconds. */
export interface StageTimes {
  readonly forward: number
  /** The whole backward pass. */
  readonly backward: number
  /**
   * Part of `backward` that computes gradients of weights; default half. Only zero-bubble schedules run it separately.
   */
  readonly weightGradient?: number
}

export interface PipelineRequest {
  readonly stages: readonly StageTimes[]
  readonly microBatches: number
  readonly schedule: Schedule
  /** Model chunks per stage; default 1, at least 2 for `interleaved`. */
  readonly chunks?: number
  /** Seconds to send activations or gradients to a neighbour; default 0. Sending does not block the stage. */
  readonly hopSeconds?: number
}

/** One pass of one micro-batch through one chunk. */
export interface Pass {
  readonly stage: number
  readonly chunk: number
  readonly microBatch: number
  readonly kind: 'forward' | 'backward' | 'weight'
  readonly start: number
  readonly end: number
}

export interface PipelineTimeline {
  readonly schedule: Schedule
  readonly passes: readonly Pass[]
  /** From the first forward pass to the end of the last pass. */
  readonly seconds: number
  /** Busy seconds of each stage. */
  readonly busy: readonly number[]
  /** Idle seconds of the busiest stage. */
  readonly bubbleSeconds: number
  /**
   * The same relative to the busy time of the busiest stage: (p - 1) / m for equal stages with 1F1B (Narayanan et al.
   * 2021, section 2.2).
   */
  readonly bubbleOverWork: number
  /** Idle fraction of the time of all stages. */
  readonly idleFraction: number
  /**
   * Maximum number of micro-batches whose activations each stage stores at once, in units of whole stages (fractional
   * with chunks).
   */
  readonly inFlight: readonly number[]
}

const pipelineFields: Fields<PipelineRequest> = { stages: 1, microBatches: 1, schedule: 1, chunks: 1, hopSeconds: 1 }
const stageFields: Fields<StageTimes> = { forward: 1, backward: 1, weightGradient: 1 }

/** Limit of simulated passes. */
const mostPasses = 4_000_000

/**
 * Simulates one step's pipeline.
 * @throws RangeError or TypeError naming the field; for `interleaved`, micro-batches must be a multiple of the stages
 * @see Huang et al. 2019 (GPipe), arXiv:1811.06965; Narayanan et al. 2021, arXiv:2104.04473, section 2.2; Qi et al.
 * 2023 (zero-bubble, schedule ZB-H1: no more memory than 1F1B), arXiv:2401.10241
 * @example
 * const stage = { forward: 1, backward: 2 }
 * simulatePipeline({ stages: [stage, stage], microBatches: 8, schedule: '1f1b' })
 */
export function simulatePipeline(request: PipelineRequest): PipelineTimeline {
  fields('pipeline', request, pipelineFields)
  const schedule = oneOf('schedule', request.schedule, ['gpipe', '1f1b', 'interleaved', 'zero-bubble'])
  if (!Array.isArray(request.stages) || request.stages.length < 1 || request.stages.length > 4096) {
    throw new RangeError(`stages must be a list of 1 to 4096 stages, got ${show(request.stages)}`)
  }
  const stages = request.stages.map((stage, index) => validateStage(stage, index))
  const p = stages.length
  const chunks = integer('chunks', request.chunks ?? (schedule === 'interleaved' ? 2 : 1), 1, 4096)
  const m = integer('microBatches', request.microBatches, 1, 1e7)
  const hop = nonNegative('hopSeconds', request.hopSeconds ?? 0)
  if (schedule === 'interleaved' && chunks < 2)
    throw new RangeError(`chunks must be at least 2 for interleaved, got ${chunks}`)
  if (schedule !== 'interleaved' && chunks > 1) throw new RangeError(`chunks must be 1 for ${schedule}, got ${chunks}`)
  if (schedule === 'interleaved' && m % p !== 0) {
    throw new RangeError(`microBatches must be a multiple of the ${p} stages for interleaved, got ${m}`)
  }
  const passes = (schedule === 'zero-bubble' ? 3 : 2) * m * chunks * p
  if (passes > mostPasses) {
    throw new RangeError(`microBatches x chunks x stages make ${passes} passes; at most ${mostPasses} are simulated`)
  }
  const orders = stages.map((_, stage) => orderOf(schedule, stage, p, m, chunks))
  const done = run(stages, orders, m, chunks, hop, schedule === 'zero-bubble')
  return summarize(schedule, done, p, chunks)
}

interface ResolvedStage {
  readonly forward: number
  readonly backward: number
  readonly weightGradient: number
}

function nonNegative(field: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 1e9) return value
  throw new RangeError(`${field} must be a number of seconds from 0 to 1e9, got ${show(value)}`)
}

function validateStage(stage: unknown, index: number): ResolvedStage {
  const given = fields(`stages[${index}]`, stage, stageFields)
  const backward = nonNegative(`stages[${index}].backward`, given.backward)
  const weightGradient = nonNegative(`stages[${index}].weightGradient`, given.weightGradient ?? backward / 2)
  if (weightGradient > backward) {
    throw new RangeError(`stages[${index}].weightGradient must be at most backward ${backward}, got ${weightGradient}`)
  }
  return { forward: nonNegative(`stages[${index}].forward`, given.forward), backward, weightGradient }
}

interface Step {
  readonly kind: Pass['kind']
  readonly chunk: number
  readonly microBatch: number
}

/** The passes of a stage, in order. */
function orderOf(schedule: Schedule, stage: number, p: number, m: number, v: number): Step[] {
  const total = m * v
  // Interleaving takes p micro-batches through one chunk, then the same through the next; backward from the last chunk.
  const at = (position: number, kind: Pass['kind']): Step => {
    if (v === 1) return { kind, chunk: 0, microBatch: position }
    const group = Math.floor(position / (p * v))
    const inGroup = position % (p * v)
    const chunk = Math.floor(inGroup / p)
    return { kind, chunk: kind === 'forward' ? chunk : v - 1 - chunk, microBatch: group * p + (inGroup % p) }
  }
  const warmup =
    schedule === 'gpipe'
      ? total
      : schedule === 'interleaved'
        ? Math.min(2 * (p - stage - 1) + (v - 1) * p, total)
        : Math.min(p - stage - 1, total)
  const steps: Step[] = []
  for (let i = 0; i < warmup; i++) steps.push(at(i, 'forward'))
  // Weight gradients, which no stage waits for, are delayed more on later stages; the remaining ones fill the end of
  // the step.
  const late = schedule === 'zero-bubble' ? stage : total
  for (let i = 0; i < total; i++) {
    if (warmup + i < total) steps.push(at(warmup + i, 'forward'))
    steps.push(at(i, 'backward'))
    if (i >= late) steps.push(at(i - late, 'weight'))
  }
  if (schedule === 'zero-bubble') for (let i = Math.max(0, total - late); i < total; i++) steps.push(at(i, 'weight'))
  return steps
}

/** Simulates the stages. A stage runs its passes strictly in order. */
function run(
  stages: readonly ResolvedStage[],
  orders: readonly Step[][],
  m: number,
  v: number,
  hop: number,
  splitBackward: boolean,
): Pass[] {
  const p = stages.length
  // End of each pass by virtual stage (chunk x p + stage) and micro-batch; NaN until it has run.
  const forwardEnd = new Float64Array(p * v * m).fill(Number.NaN)
  const backwardEnd = new Float64Array(p * v * m).fill(Number.NaN)
  const free = new Float64Array(p)
  const next = new Int32Array(p)
  const passes: Pass[] = []
  const total = orders.reduce((sum, order) => sum + order.length, 0)
  const readyAt = (stage: number, { kind, chunk, microBatch }: Step): number => {
    const virtual = chunk * p + stage
    if (kind === 'weight') return 0
    if (kind === 'forward') return virtual === 0 ? 0 : forwardEnd[(virtual - 1) * m + microBatch] + hop
    return virtual === p * v - 1
      ? forwardEnd[virtual * m + microBatch]
      : backwardEnd[(virtual + 1) * m + microBatch] + hop
  }
  while (passes.length < total) {
    const before = passes.length
    for (let stage = 0; stage < p; stage++) {
      const times = stages[stage]
      const backward = splitBackward ? times.backward - times.weightGradient : times.backward
      for (; next[stage] < orders[stage].length; next[stage]++) {
        const step = orders[stage][next[stage]]
        const ready = readyAt(stage, step)
        if (Number.isNaN(ready)) break
        const start = Math.max(free[stage], ready)
        const seconds =
          step.kind === 'forward' ? times.forward : step.kind === 'backward' ? backward : times.weightGradient
        const end = start + seconds / v
        const slot = (step.chunk * p + stage) * m + step.microBatch
        if (step.kind === 'forward') forwardEnd[slot] = end
        else if (step.kind === 'backward') backwardEnd[slot] = end
        free[stage] = end
        passes.push({ stage, chunk: step.chunk, microBatch: step.microBatch, kind: step.kind, start, end })
      }
    }
    if (passes.length === before) throw new Error('pipeline: the schedule deadlocks')
  }
  return passes
}

function summarize(schedule: Schedule, passes: readonly Pass[], p: number, chunks: number): PipelineTimeline {
  const busy = Array<number>(p).fill(0)
  let seconds = 0
  for (const { stage, start, end } of passes) {
    busy[stage] += end - start
    if (end > seconds) seconds = end
  }
  const release = schedule === 'zero-bubble' ? 'weight' : 'backward'
  const held = Array<number>(p).fill(0)
  const inFlight = Array<number>(p).fill(0)
  // Passes of each stage are in the order of execution.
  for (const { stage, kind } of passes) {
    if (kind === 'forward') inFlight[stage] = Math.max(inFlight[stage], ++held[stage])
    else if (kind === release) held[stage]--
  }
  const most = Math.max(...busy)
  return {
    schedule,
    passes,
    seconds,
    busy,
    bubbleSeconds: seconds - most,
    bubbleOverWork: most === 0 ? 0 : (seconds - most) / most,
    idleFraction: seconds === 0 ? 0 : 1 - busy.reduce((sum, one) => sum + one, 0) / (p * seconds),
    inFlight: inFlight.map((count) => count / chunks),
  }
}
