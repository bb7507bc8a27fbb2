/** Runs that differ in their number formats, as plain data: what the pages of this folder are made of. */

/** Of one role of the tensors on 8 bits, a number for each layer of `PrecisionRun.layers`. */
export interface FitByLayer {
  /** Largest magnitudes; null where they are not finite. */
  readonly amax: readonly (number | null)[]
  /** Shares of the values, from 0 to 1, that quantization clips, and that it rounds to zero though they are not. */
  readonly saturated: readonly number[]
  readonly underflow: readonly number[]
}

/** Gradients and 8-bit tensors looked at in the middle of a run. */
export interface PrecisionProbe {
  readonly step: number
  /** Signal to quantization noise of each of `PrecisionRun.gradients`, in dB; null where it is not a number. */
  readonly sqnr: readonly (number | null)[]
  readonly fit: Readonly<Record<'input' | 'weight' | 'gradient', FitByLayer>>
}

/** One training run under a precision policy. */
export interface PrecisionRun {
  readonly policy: string
  readonly seed: number
  /** Of every step, nats per token. */
  readonly losses: readonly number[]
  /** Why the run ended early, if it did. */
  readonly failure?: string
  /** Transformer blocks of the model. */
  readonly blocks: number
  /** Hugging Face's names of the parameters whose gradients are probed. Empty without probes. */
  readonly gradients: readonly string[]
  /** Weights of the linear layers on 8 bits, by the same names. */
  readonly layers: readonly string[]
  readonly probes: readonly PrecisionProbe[]
}

/** A policy's held-out losses against the baseline's, seed by seed. */
export interface PolicyComparison {
  readonly policy: string
  readonly baseline: string
  readonly seeds: number
  /** Mean over seeds, nats per token; NaN where every run failed. */
  readonly heldOut: number
  /** Seeds of which both runs ended well. */
  readonly pairs: number
  /** Mean of the paired differences; NaN without a pair. */
  readonly difference: number
  /** Half the width of its 95 % confidence interval; undefined where the pairs are too few for one. */
  readonly halfWidth: number | undefined
  readonly tokensPerSecond: number
  readonly peakBytes: number
  readonly spikes: number
  readonly clippedSteps: number
  readonly failed: number
}

/** Policies in the order of their first run, which is that of their colours. */
export const policiesOf = (runs: readonly PrecisionRun[]): string[] => [...new Set(runs.map((r) => r.policy))]

/** The block and the matrix that a linear layer's weight belongs to; undefined for other parameters. */
export function matrixOf(name: string): { readonly block: number; readonly matrix: string } | undefined {
  const found = /layers\.(\d+)\..*?(\w+_proj)\.weight$/.exec(name)
  return found ? { block: Number(found[1]), matrix: found[2] } : undefined
}
