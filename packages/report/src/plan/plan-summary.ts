/** What a page about a search for a plan needs: the plain data that `summarizePlans` of @kumiki/planner gives. */
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

/** What a whole run takes. */
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
  /** The speed of a run that nobody tuned. */
  readonly ordinary: {
    readonly stepSeconds: number
    readonly tokensPerSecond: number
    readonly tokensPerSecondPerGpu: number
    readonly mfu: number
    readonly run?: RunCost | null
  }
}

export interface PlanCandidate {
  /** The plan in a line: "TP 4, PP 2, DP 32, MB 1". */
  readonly label: string
  readonly estimate: PlanEstimate
  readonly risks: readonly string[]
  readonly headroomBytes: number
}

export interface PlanSummary {
  /** The model on its cluster. */
  readonly title: string
  /** Of one GPU, in bytes. */
  readonly gpuMemoryBytes: number
  /** The share of it that a plan without risk stays below. */
  readonly stableMemoryFraction: number
  readonly considered: number
  readonly feasible: number
  readonly byStability: readonly PlanCandidate[]
  readonly byThroughput: readonly PlanCandidate[]
  /** Plans that are faster than the most stable, and riskier. */
  readonly fasterButRiskier: number
  readonly refused: number
  readonly refusals: readonly { readonly count: number; readonly example: string }[]
  /** The pipeline of the first plan that has one, simulated. */
  readonly pipeline?: {
    readonly label: string
    readonly timeline: Timeline
    readonly after: readonly { readonly label: string; readonly seconds: number }[]
    /** Of the simulation, and of the closed formulas. */
    readonly stepSeconds: number
    readonly estimatedStepSeconds: number
  }
}
