/**
 * A regular design as columns. With 2^b runs each factor is a product of base factors, represented as a bit mask of b
 * bits; 1, 2, 4, ... are the base factors. The column of an interaction is the XOR of its factors' columns, and a word
 * is a set of columns with XOR 0. Words are never listed here: with 31 factors in 32 runs there are 2^26.
 */
import { size } from './words.ts'

/**
 * The number of words of each length, `counts[n]` of length n, from the distances between runs (MacWilliams identity).
 * Rounded to a double beyond 2^53.
 * @param distances for each run, the number of factors in which it differs from the first
 * @see MacWilliams and Sloane, The Theory of Error-Correcting Codes (1977), chapter 5; Tang and Wu (1996), Statistica
 * Sinica 6
 */
export function wordCounts(distances: readonly number[], factors: number): number[] {
  const runsAt = new Map<number, number>()
  for (const distance of distances) runsAt.set(distance, (runsAt.get(distance) ?? 0) + 1)
  const sums = new Array<bigint>(factors + 1).fill(0n)
  for (const [distance, runs] of runsAt) {
    // Coefficients of (1 - x)^distance (1 + x)^(factors - distance).
    const polynomial = new Array<bigint>(factors + 1).fill(0n)
    polynomial[0] = 1n
    for (let i = 0; i < factors; i++)
      for (let n = i + 1; n > 0; n--) polynomial[n] += i < distance ? -polynomial[n - 1] : polynomial[n - 1]
    for (let n = 0; n <= factors; n++) sums[n] += BigInt(runs) * polynomial[n]
  }
  const counts = sums.map((sum) => Number(sum / BigInt(distances.length)))
  counts[0] = 0
  return counts
}

/** The number of words of each length of columns in 2^base runs. */
export function countsOfColumns(columns: readonly number[], base: number): number[] {
  const distances = Array.from({ length: 2 ** base }, (_, run) =>
    columns.reduce((on, column) => on + (size(column & run) & 1), 0),
  )
  return wordCounts(distances, columns.length)
}

/**
 * Expresses columns by the first independent ones among them.
 * @param columns columns of full rank
 * @returns indices of the base columns, and each column in terms of them: bit i is `basic[i]`
 */
export function byOwnBase(columns: readonly number[], base: number): { basic: number[]; of: number[] } {
  // Gaussian elimination: rows by their highest bit, with each row in terms of the base.
  const rows = new Map<number, { readonly vector: number; readonly of: number }>()
  const basic: number[] = []
  const of = columns.map((column, index) => {
    let rest = column
    let mask = 0
    for (let bit = base - 1; bit >= 0; bit--) {
      const row = rows.get(bit)
      if (((rest >>> bit) & 1) === 0 || !row) continue
      rest ^= row.vector
      mask ^= row.of
    }
    if (rest === 0) return mask
    const own = 1 << basic.length
    rows.set(31 - Math.clz32(rest), { vector: rest, of: mask ^ own })
    basic.push(index)
    return own
  })
  return { basic, of }
}

/**
 * The same design with its smallest independent columns as base factors: first those, then the others in terms of them,
 * by size, then in lexicographic order.
 * @param columns columns of full rank
 */
export function inOwnBase(columns: readonly number[], base: number): number[] {
  const ordered = [...columns].sort((a, b) => size(a) - size(b) || a - b)
  const { basic, of } = byOwnBase(ordered, base)
  const others = of.filter((_, i) => !basic.includes(i))
  return [...basic.map((_, i) => 1 << i), ...others.sort((a, b) => size(a) - size(b) || lexicographic(a, b))]
}

/** Lexicographic order of sets by their members. */
function lexicographic(a: number, b: number): number {
  const difference = a ^ b
  if (difference === 0) return 0
  return a & (difference & -difference) ? -1 : 1
}
