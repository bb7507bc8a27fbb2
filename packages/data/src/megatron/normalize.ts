/**
 * Megatron-LM's arithmetic on weights, with NumPy's order of summation: the last bit decides the dataset of a sample.
 */

/** `numpy.sum` of doubles (pairwise summation): eight accumulators up to 128 values, recursion on halves above. */
function pairwiseSum(values: Float64Array, from: number, to: number): number {
  const count = to - from
  if (count < 8) {
    let sum = 0
    for (let i = from; i < to; i++) sum += values[i]
    return sum
  }
  if (count <= 128) {
    const r = values.slice(from, from + 8)
    let i = 8
    for (; i < count - (count % 8); i += 8) for (let k = 0; k < 8; k++) r[k] += values[from + i + k]
    let sum = r[0] + r[1] + (r[2] + r[3]) + (r[4] + r[5] + (r[6] + r[7]))
    for (; i < count; i++) sum += values[from + i]
    return sum
  }
  let half = count >>> 1
  half -= half % 8
  return pairwiseSum(values, from, from + half) + pairwiseSum(values, from + half, to)
}

/** Weights divided by their sum. */
export function normalizeWeights(weights: readonly number[]): number[] {
  const sum = pairwiseSum(Float64Array.from(weights), 0, weights.length)
  return weights.map((weight) => weight / sum)
}

/** Python's `round`: halves go to the even integer. */
export function roundHalfEven(value: number): number {
  const down = Math.floor(value)
  const rest = value - down
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down
}

/** The three parts of every dataset, in the order of `--split`. */
export const splitNames = ['train', 'valid', 'test'] as const
export type SplitName = (typeof splitNames)[number]

/**
 * Parses `--split` to the range of each dataset, from 0 to 1, for every split; null for an empty one.
 * @param split as on Megatron-LM's command line, such as `969,30,1`
 * @throws RangeError unless there are one to three numbers, not all 0
 */
export function splitMatrix(split: string): Record<SplitName, readonly [begin: number, end: number] | null> {
  const given = (split.match(/[.0-9]+/g) ?? []).map(Number)
  if (given.length === 0 || given.length > 3 || given.some(Number.isNaN) || given.every((part) => part === 0))
    throw new RangeError(`--split must be one to three numbers such as 969,30,1, got ${JSON.stringify(split)}`)
  const parts = normalizeWeights([given[0], given[1] ?? 0, given[2] ?? 0])
  const train = parts[0]
  const valid = train + parts[1]
  const test = valid + parts[2]
  const part = (begin: number, end: number) => (end <= begin ? null : ([begin, end] as const))
  return { train: part(0, train), valid: part(train, valid), test: part(valid, test) }
}
