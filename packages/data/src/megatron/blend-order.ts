/**
 * Which dataset each sample of a blend is from: the one that is furthest behind its weight, as Megatron-LM's BlendedDataset picks.
 * @see Megatron-LM megatron/core/datasets/helpers.cpp, build_blending_indices
 */

/** Walks a blend from its first sample on. */
export class BlendOrder {
  /** Samples already taken from each dataset. */
  readonly taken: Float64Array
  readonly #weights: Float64Array
  #place = 0

  /** @param weights normalised */
  constructor(weights: readonly number[]) {
    this.#weights = Float64Array.from(weights)
    this.taken = new Float64Array(weights.length)
  }

  /** Samples walked past. */
  get place(): number {
    return this.#place
  }

  /** The dataset of the next sample; its sample there is `taken[dataset] - 1` afterwards. */
  next(): number {
    const weights = this.#weights
    const { taken } = this
    const place = Math.max(this.#place, 1)
    let best = 0
    let most = weights[0] * place - taken[0]
    for (let dataset = 1; dataset < weights.length; dataset++) {
      const behind = weights[dataset] * place - taken[dataset]
      if (behind > most) {
        most = behind
        best = dataset
      }
    }
    taken[best]++
    this.#place++
    return best
  }
}
