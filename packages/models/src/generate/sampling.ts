/** How the next token is chosen from its scores. Penalty, temperature, then what is kept: the order of Transformers' logits processors. */

export interface SamplingOptions {
  /** 0 takes the likeliest token; 1 samples from the model's distribution. Default 0.8. */
  readonly temperature?: number
  /** Keep this many of the likeliest tokens. Default 0 (all). */
  readonly topK?: number
  /** Keep the likeliest tokens that together reach this probability. Default 1 (all). */
  readonly topP?: number
  /** Keep tokens at least this many times as likely as the likeliest. Default 0 (all). @see arXiv:2407.01082 */
  readonly minP?: number
  /** Scores of tokens that stand in the context are divided by it where positive, multiplied where negative. Default 1. @see arXiv:1909.05858 */
  readonly repetitionPenalty?: number
  /** Default 0. */
  readonly seed?: number
}

/** Every option with its value. */
export type Sampling = Required<Omit<SamplingOptions, 'seed'>>

const bounds: { readonly [K in keyof Sampling]: readonly [value: number, ok: (x: number) => boolean, rule: string] } = {
  temperature: [0.8, (x) => x >= 0 && x < Infinity, '0 or more'],
  topK: [0, (x) => Number.isInteger(x) && x >= 0, 'an integer of 0 or more'],
  topP: [1, (x) => x > 0 && x <= 1, 'above 0 and at most 1'],
  minP: [0, (x) => x >= 0 && x <= 1, 'from 0 to 1'],
  repetitionPenalty: [1, (x) => x > 0 && x < Infinity, 'above 0'],
}

/** @throws RangeError naming the option, what was given and what is allowed */
export function checkedSampling(where: string, options: SamplingOptions): Sampling {
  const entries = Object.entries(bounds).map(([name, [fallback, ok, rule]]) => {
    const value = options[name as keyof Sampling] ?? fallback
    if (!ok(value)) throw new RangeError(`${where}: ${name} must be ${rule}, got ${value}`)
    return [name, value]
  })
  return Object.fromEntries(entries) as unknown as Sampling
}

/** Changes the scores of tokens that stand in the context. */
export function penalize(logits: Float32Array, context: Iterable<number>, penalty: number): void {
  if (penalty === 1) return
  for (const id of new Set(context)) logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty
}

/**
 * Draws one id.
 * @param logits one score for each token
 * @param uniform a number in [0, 1)
 */
export function sample(
  logits: Float32Array,
  options: Pick<Sampling, 'temperature' | 'topP' | 'topK'> & Partial<Pick<Sampling, 'minP'>>,
  uniform: number,
): number {
  const { temperature, topP, topK, minP = 0 } = options
  let best = 0
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i
  if (temperature === 0) return best
  const order = Array.from(logits.keys())
  // Relative to the likeliest token.
  const weights = Float64Array.from(logits, (x) => Math.exp((x - logits[best]) / temperature))
  let kept = order
  if (topP < 1 || topK > 0) {
    kept = order.sort((a, b) => weights[b] - weights[a] || a - b)
    if (topK > 0) kept = kept.slice(0, topK)
    if (topP < 1) {
      const total = kept.reduce((sum, i) => sum + weights[i], 0)
      let reached = 0
      const end = kept.findIndex((i) => (reached += weights[i]) >= topP * total)
      kept = kept.slice(0, end < 0 ? kept.length : end + 1)
    }
  }
  if (minP > 0) kept = kept.filter((i) => weights[i] >= minP)
  let left = uniform * kept.reduce((sum, i) => sum + weights[i], 0)
  for (const i of kept) {
    left -= weights[i]
    if (left < 0) return i
  }
  return kept[kept.length - 1]
}
