/** What is known of one step: what the trainer gives, metrics.jsonl keeps and a report draws. */

/** One optimizer step. Read back from a file, a figure that was not finite (a loss that diverged) is NaN. */
export interface StepMetrics {
  /** Updates made, this one included. */
  readonly step: number
  /** Tokens trained on so far. */
  readonly tokens: number
  /** Mean over the batch in nats per token, z-loss included. */
  readonly loss: number
  /** L2 norm of the gradients before clipping. */
  readonly gradNorm: number
  readonly learningRate: number
  readonly tokensPerSecond: number
  /** Seconds since the trainer began; in metrics.jsonl of a run folder over all of its processes. Logs of other programs may lack it. */
  readonly seconds?: number
  /** 1 where the optimizer (skipNonFinite) left the step out because a gradient was NaN or infinite, else 0. */
  readonly skipped?: number
  /** Whatever else the optimizer reports, by name: `updateRatio`, `effectiveStep`, `clippedNorm` and the like. */
  readonly [metric: string]: number | undefined
}
