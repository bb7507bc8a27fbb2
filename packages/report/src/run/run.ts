/** What a page about training runs is made from: plain rows, as a run folder of `kumiki train` holds them. */

/** One optimizer step. A figure that was not finite (a loss that diverged) is NaN. */
export interface RunMetric {
  /** Optimizer steps made, from 1. */
  readonly step: number
  /** Tokens trained on so far. */
  readonly tokens: number
  /** Nats per token, mean over the batch. */
  readonly loss: number
  /** Global norm of the gradient before clipping. */
  readonly gradNorm: number
  readonly learningRate: number
  readonly tokensPerSecond: number
  /** Wall time since the run began, in seconds. */
  readonly seconds?: number
  /** The model's FLOP/s over the most that was measured on the device, 0 to 1. */
  readonly mfu?: number
  /** Resident bytes of the process. */
  readonly processBytes?: number
  /** Tokens of the fullest expert of any layer, over what it would get if all got as many: 1 is even. */
  readonly expertLoad?: number
  /** The routers' balance term, mean over the layers: 1 is even. */
  readonly expertBalance?: number
}

/** Cross-entropy in two units: per token of the tokenizer, and per byte of UTF-8 text (comparable between tokenizers). */
export interface HeldOut {
  readonly natsPerToken: number
  readonly bitsPerByte: number
}

/** How a run ended. */
export interface RunResult {
  readonly heldOut: HeldOut
  /** The same held-out text under models that only count. */
  readonly baselines: { readonly unigram: HeldOut; readonly bigram: HeldOut; readonly trigram: HeldOut }
  readonly steps: number
  readonly tokens: number
  readonly seconds: number
  readonly device: string
  readonly precision: string
  readonly seed: number
  readonly parameters: number
}

/** Text a model wrote. */
export interface WrittenText {
  readonly label: string
  readonly prompt: string
  /** The continuation, without the prompt. */
  readonly text: string
}

/** One run of a page. */
export interface ReportRun {
  readonly name: string
  /** What was trained: architecture, configuration, data, device, precision, seed, ... Nested objects are shown by path. */
  readonly config: Readonly<Record<string, unknown>>
  readonly metrics: readonly RunMetric[]
  /** Held-out losses along the way. */
  readonly evaluations?: readonly { readonly step: number; readonly natsPerToken: number }[]
  /** Steps at which the loss spiked. */
  readonly spikes?: readonly number[]
  readonly summary?: RunResult
  readonly samples?: readonly WrittenText[]
}

/** The n-gram models, weakest first. */
export const baselineNames = ['unigram', 'bigram', 'trigram'] as const

/** The baselines, where every run that has any has the same: then one line each says it all. */
export function sharedBaselines(runs: readonly ReportRun[]): RunResult['baselines'] | undefined {
  const all = runs.flatMap(({ summary }) => (summary ? [summary.baselines] : []))
  const same = all.every((b) =>
    baselineNames.every((name) => Math.abs(b[name].natsPerToken - all[0][name].natsPerToken) < 1e-9),
  )
  return same ? all[0] : undefined
}

/**
 * Whether nats per token of the runs can be laid beside each other: the same tokenizer on the same text gives as many bytes a token. Where no
 * run has ended, what their records say of tokenizer and text.
 */
export function sameTokens(runs: readonly ReportRun[]): boolean {
  const bytesPerToken = runs.flatMap(({ summary }) =>
    summary ? [summary.heldOut.natsPerToken / summary.heldOut.bitsPerByte] : [],
  )
  if (bytesPerToken.some((b) => Math.abs(b - bytesPerToken[0]) > 1e-6 * Math.abs(bytesPerToken[0]))) return false
  const marks = runs.map(({ config }) => {
    const part = (name: string) => config[name] as Record<string, unknown> | undefined
    return JSON.stringify([
      part('architecture')?.vocabSize ?? config.vocab_size,
      part('configuration')?.vocabSize,
      config.data,
    ])
  })
  return bytesPerToken.length === runs.length || marks.every((mark) => mark === marks[0])
}

/** Steps from the first to the last that have no metrics. */
export function missingSteps({ metrics }: ReportRun): number {
  const last = metrics[metrics.length - 1]
  return last ? last.step - metrics.length : 0
}
