/** Runs under different precision policies, as plain data: the input of the reports of this folder. */

/**
 * Statistics of the 8-bit tensors of one role (input, weight, gradient), a number for each of `PrecisionRun.layers`.
 */
export interface FitByLayer {
  /** Largest magnitudes; null where they are not finite. */
  readonly amax: readonly (number | null)[]
  /**
   * Fractions of the values, from 0 to 1, that quantization clips, and that it rounds to zero though they are nonzero.
   */
  readonly saturated: readonly number[]
  readonly underflow: readonly number[]
}

/** Measurements of the gradients and the 8-bit tensors at one step of a run. */
export interface PrecisionProbe {
  readonly step: number
  /** Signal-to-quantization-noise ratio of each of `PrecisionRun.gradients`, in dB; null where it is not finite. */
  readonly sqnr: readonly (number | null)[]
  readonly fit: Readonly<Record<'input' | 'weight' | 'gradient', FitByLayer>>
}

/** One training run under a precision policy. */
export interface PrecisionRun {
  readonly policy: string
  readonly seed: number
  /** Training loss of every step, nats per token. */
  readonly losses: readonly number[]
  /** Why the run ended early, if it did. */
  readonly failure?: string
  /** Number of transformer blocks of the model. */
  readonly blocks: number
  /** Names (as in Hugging Face checkpoints) of the parameters whose gradients are probed. Empty without probes. */
  readonly gradients: readonly string[]
  /** Names of the weights of the linear layers that compute in 8 bits. */
  readonly layers: readonly string[]
  readonly probes: readonly PrecisionProbe[]
}

/** A policy's held-out losses against the baseline's, paired by seed. */
export interface PolicyComparison {
  readonly policy: string
  readonly baseline: string
  readonly seeds: number
  /** Mean over seeds, nats per token; NaN where every run failed. */
  readonly heldOut: number
  /** Number of seeds for which both runs succeeded. */
  readonly pairs: number
  /** Mean of the paired differences (policy minus baseline); NaN without a pair. */
  readonly difference: number
  /** Half the width of its 95 % confidence interval; undefined where there are too few pairs. */
  readonly halfWidth: number | undefined
  readonly tokensPerSecond: number
  readonly peakBytes: number
  readonly spikes: number
  readonly clippedSteps: number
  readonly failed: number
}

/** Policies in the order of their first runs, which also determines their colours. */
export const policiesOf = (runs: readonly PrecisionRun[]): string[] => [...new Set(runs.map((r) => r.policy))]

/** Block index and matrix name of the weight of a linear layer in a block; undefined for other parameters. */
export function matrixOf(name: string): { readonly block: number; readonly matrix: string } | undefined {
  const found = /layers\.(\d+)\..*?(\w+_proj)\.weight$/.exec(name)
  return found ? { block: Number(found[1]), matrix: found[2] } : undefined
}
