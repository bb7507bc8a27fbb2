/**
 * Sampling of the next token. Repetition penalty, temperature, then top-k, top-p and min-p, in the order of
 * Transformers' logits processors.
 */

export interface SamplingOptions {
  /** 0 takes the most likely token (greedy); 1 samples from the model's distribution. Default 0.8. */
  readonly temperature?: number
  /** Keep only this many of the most likely tokens. Default 0 (all). */
  readonly topK?: number
  /** Keep the fewest most likely tokens that together reach this probability. Default 1 (all). */
  readonly topP?: number
  /**
   * Keep tokens with at least this fraction of the most likely token's probability. Default 0 (all).
   * @see arXiv:2407.01082
   */
  readonly minP?: number
  /**
   * Logits of tokens in the context are divided by it if positive, multiplied if negative. Default 1.
   * @see arXiv:1909.05858
   */
  readonly repetitionPenalty?: number
  /** Default 0. */
  readonly seed?: number
}

/** All options, with defaults filled in. */
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

/** Applies the repetition penalty in place. @param context distinct ids of the context */
export function penalize(logits: Float32Array, context: ReadonlySet<number>, penalty: number): void {
  if (penalty === 1) return
  for (const id of context) logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty
}

/**
 * Samples one id.
 * @param logits [vocabulary]
 * @param uniform a uniform random number in [0, 1)
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
  // Unnormalized probabilities, relative to the most likely token's.
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

/** The ids whose weights are at least `cut`, in increasing order. */
function atLeast(weights: Float64Array, cut: number): number[] {
  const ids: number[] = []
  for (let i = 0; i < weights.length; i++) if (weights[i] >= cut) ids.push(i)
  return ids
}

/**
 * The `count` most likely ids, and of those the fewest with at least the share `share` of the probability, in
 * decreasing order. Only ids near the top are sorted, because few of a large vocabulary are kept.
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
