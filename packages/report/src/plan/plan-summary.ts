/** The input of the plan report: the plain data that `summarizePlans` of @kumiki/planner returns. */
import type { Timeline } from '../charts/timeline-chart.ts'

/** Bytes on one GPU of a pipeline stage. */
export interface StageMemory {
  readonly stage: number
  readonly weights: number
  readonly gradients: number
  readonly optimizer: number
  readonly activations: number
  readonly logits: number
  readonly buffers: number
  readonly reserve: number
  readonly total: number
}

/** Seconds of a step on the slowest stage, by part. */
export interface StepTime {
  readonly step: number
  readonly compute: number
  readonly recompute: number
  readonly waiting: number
  readonly tensorParallel: number
  readonly contextParallel: number
  readonly expertParallel: number
  readonly pipeline: number
  readonly bubble: number
  readonly dataParallel: number
  readonly optimizer: number
  /** Computation by part of the model: names and seconds. */
  readonly computeParts: object
  readonly collectives: readonly {
    readonly axis: string
    readonly operation: string
    readonly bytes: number
    readonly seconds: number
    readonly exposedSeconds: number
  }[]
}

/** Time, energy and price of a whole run. `lost.goodput` is the fraction of the time that makes progress. */
export interface RunCost {
  readonly days: number
  readonly gpuDays: number
  readonly energyKilowattHours: number
  readonly price: number | null
  readonly lost: { readonly goodput: number; readonly failures: number }
}

export interface PlanEstimate {
  readonly gpuCount: number
  readonly stepSeconds: number
  readonly tokensPerSecond: number
  readonly tokensPerSecondPerGpu: number
  readonly mfu: number
  readonly hfu: number
  readonly memoryBytes: number
  readonly memoryFraction: number
  readonly memoryByStage: readonly StageMemory[]
  readonly time: StepTime
  /** The expected speed of a run without tuning of kernels and overlap. */
  readonly ordinary: {
    readonly stepSeconds: number
    readonly tokensPerSecond: number
    readonly tokensPerSecondPerGpu: number
    readonly mfu: number
    readonly run?: RunCost | null
  }
}

export interface PlanCandidate {
  /** Short description of the plan: "TP 4, PP 2, DP 32, MB 1". */
  readonly label: string
  readonly estimate: PlanEstimate
  readonly risks: readonly string[]
  readonly headroomBytes: number
}

export interface PlanSummary {
  /** Title of the page: the model and its cluster. */
  readonly title: string
  /** Memory of one GPU, in bytes. */
  readonly gpuMemoryBytes: number
  /** Fraction of the GPU memory above which a plan counts as risky. */
  readonly stableMemoryFraction: number
  readonly considered: number
  readonly feasible: number
  readonly byStability: readonly PlanCandidate[]
  readonly byThroughput: readonly PlanCandidate[]
  /** Number of plans that are faster than the most stable one, and riskier. */
  readonly fasterButRiskier: number
  readonly refused: number
  readonly refusals: readonly { readonly count: number; readonly example: string }[]
  /** Simulation of the first plan with a pipeline. */
  readonly pipeline?: {
    readonly label: string
    readonly timeline: Timeline
    readonly after: readonly { readonly label: string; readonly seconds: number }[]
    /** Step time of the simulation, and of the closed-form estimate. */
    readonly stepSeconds: number
    readonly estimatedStepSeconds: number
  }
}
