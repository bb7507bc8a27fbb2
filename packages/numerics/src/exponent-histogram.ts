// Histograms of the exponents of an array's values.
const scratch = new Float32Array(1)
const scratchBits = new Uint32Array(scratch.buffer)

/** How many values of an array have each exponent. */
export interface ExponentHistogram {
  /** Number of values, zeros, infinities and NaNs included. */
  readonly count: number
  /**
   * counts[i] values v have floor(log2 |v|) = firstExponent + i. Neither its first nor its last entry is 0; empty where
   * there is no finite value but 0.
   */
  readonly firstExponent: number
  readonly counts: Uint32Array
  readonly zeros: number
  readonly infinities: number
  readonly nans: number
}

/**
 * Counts the values by their binade, from -149 (the smallest float32 subnormal) to 127.
 * @throws TypeError if values is not a Float32Array
 * @example exponentHistogram(Float32Array.of(1, 1.5, 2, 0)).zeros // 1
 */
export function exponentHistogram(values: Float32Array): ExponentHistogram {
  if (!(values instanceof Float32Array)) throw new TypeError('exponentHistogram: values must be a Float32Array')
  const all = new Uint32Array(277)
  let zeros = 0
  let infinities = 0
  let nans = 0
  for (let i = 0; i < values.length; i++) {
    scratch[0] = values[i]
    const magnitude = scratchBits[0] & 0x7fffffff
    if (magnitude === 0) zeros++
    else if (magnitude > 0x7f800000) nans++
    else if (magnitude === 0x7f800000) infinities++
    else all[magnitude < 0x800000 ? 31 - Math.clz32(magnitude) : (magnitude >>> 23) + 22]++
  }
  let first = 0
  while (first < all.length && all[first] === 0) first++
  let end = all.length
  while (end > first && all[end - 1] === 0) end--
  const empty = first === end
  return {
    count: values.length,
    firstExponent: empty ? 0 : first - 149,
    counts: all.slice(first, end),
    zeros,
    infinities,
    nans,
  }
}
