/** Sampling of the next token. Penalty, temperature, then top-k, top-p and min-p: the order of Transformers' logits processors. */

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

/** Changes the scores of tokens that stand in the context. @param context each id once */
export function penalize(logits: Float32Array, context: ReadonlySet<number>, penalty: number): void {
  if (penalty === 1) return
  for (const id of context) logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty
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
  const n = logits.length
  let best = 0
  for (let i = 1; i < n; i++) if (logits[i] > logits[best]) best = i
  if (temperature === 0) return best
  // Relative to the likeliest token.
  const weights = new Float64Array(n)
  const top = logits[best]
  for (let i = 0; i < n; i++) weights[i] = Math.exp((logits[i] - top) / temperature)
  const few = topK > 0 || topP < 1
  const all = few ? likeliest(weights, topK || n, topP) : minP > 0 ? atLeast(weights, minP) : undefined
  const kept = few && minP > 0 ? all?.filter((i) => weights[i] >= minP) : all
  let left = uniform * (kept ? sumOf(weights, kept) : weights.reduce((a, b) => a + b, 0))
  const count = kept ? kept.length : n
  for (let k = 0; k < count; k++) {
    const i = kept ? kept[k] : k
    left -= weights[i]
    if (left < 0) return i
  }
  return kept ? kept[count - 1] : n - 1
}

const sumOf = (weights: Float64Array, ids: readonly number[]) => ids.reduce((sum, i) => sum + weights[i], 0)

/** The ids whose weights are at least `cut`, in order. */
function atLeast(weights: Float64Array, cut: number): number[] {
  const ids: number[] = []
  for (let i = 0; i < weights.length; i++) if (weights[i] >= cut) ids.push(i)
  return ids
}

/**
 * The `count` likeliest ids, of those the fewest that together have the share `share`; likeliest first. A vocabulary is long and what is
 * kept is short, so only ids near the top are sorted.
 */
function likeliest(weights: Float64Array, count: number, share: number): number[] {
  const total = count < weights.length ? 0 : weights.reduce((a, b) => a + b, 0)
  const enough = (ids: readonly number[]) =>
    ids.length >= count || (count >= weights.length && sumOf(weights, ids) >= share * total)
  let near: number[] = []
  for (let cut = 1 / 16; ; cut /= 4096) {
    near = atLeast(weights, cut)
    if (enough(near) || cut === 0) break
  }
  const kept = near.sort((a, b) => weights[b] - weights[a] || a - b).slice(0, count)
  const wanted = share * (count < weights.length ? sumOf(weights, kept) : total)
  let reached = 0
  const end = kept.findIndex((i) => (reached += weights[i]) >= wanted)
  return end < 0 || share === 1 ? kept : kept.slice(0, end + 1)
}
