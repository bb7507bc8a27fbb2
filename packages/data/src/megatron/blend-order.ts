/**
 * The dataset of each sample of a blend: the one with the largest deficit to its weight, as in Megatron-LM's
 * BlendedDataset.
 * @see Megatron-LM megatron/core/datasets/helpers.cpp, build_blending_indices
 */

/** Iterates over a blend from its first sample. */
export class BlendOrder {
  /** Number of samples taken from each dataset so far. */
  readonly taken: Float64Array
  private readonly weights: Float64Array
  private sampleCount = 0

  /** @param weights normalised to a sum of 1 */
  constructor(weights: readonly number[]) {
    this.weights = Float64Array.from(weights)
    this.taken = new Float64Array(weights.length)
  }

  /** Number of samples so far. */
  get place(): number {
    return this.sampleCount
  }

  /** The dataset of the next sample; afterwards the sample's index in that dataset is `taken[dataset] - 1`. */
  next(): number {
    const weights = this.weights
    const { taken } = this
    const place = Math.max(this.sampleCount, 1)
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
    this.sampleCount++
    return best
  }
}
