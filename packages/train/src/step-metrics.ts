/** The metrics of one step, as the trainer returns them, metrics.jsonl stores them and reports draw them. */

/** Metrics of one optimizer step. A value that was not finite (a diverged loss) is NaN when read from a file. */
export interface StepMetrics {
  /** Optimizer steps made, including this one. */
  readonly step: number
  /** Tokens trained on so far, including this step. */
  readonly tokens: number
  /** Mean loss of the batch in nats per token, including z-loss. */
  readonly loss: number
  /** L2 norm of the gradients before clipping. */
  readonly gradNorm: number
  readonly learningRate: number
  readonly tokensPerSecond: number
  /**
   * Training time in seconds; in metrics.jsonl of a run folder, over all processes of the run. Logs of other programs
   * may not have it.
   */
  readonly seconds?: number
  /** 1 if the optimizer (skipNonFinite) skipped the update because a gradient was NaN or infinite, else 0. */
  readonly skipped?: number
  /** Other metrics, such as those of the optimizer: `updateRatio`, `effectiveStep`, `clippedNorm`. */
  readonly [metric: string]: number | undefined
}
