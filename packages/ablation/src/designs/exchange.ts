/**
 * Local search for columns of low aberration: repeatedly exchanges the column that improves the word length pattern
 * most.
 */
import { size } from './words.ts'

/** Word counts are compared from length 3 up to this length; the search treats designs that agree so far as equal. */
const lengths = 8

/** Constraints of a search. */
export interface Exchange {
  /** Number of base factors. */
  readonly base: number
  /** Total number of factors. */
  readonly factors: number
  /** Candidate columns. */
  readonly from: readonly number[]
  /** Number of columns at the start that are fixed; default 0. */
  readonly kept?: number
  /** Whether a choice of columns is allowed; default: any. */
  readonly allowed?: (columns: readonly number[]) => boolean
}

/**
 * Improves a choice of columns by exchange. The effect of every candidate in place of a column is computed by one
 * Walsh-Hadamard transform per word length.
 * @param start initial columns, one per factor, the fixed ones first
 * @returns the columns, and their word counts times the number of runs, from length 3 on
 */
export function improved(
  { base, factors, from, kept = 0, allowed }: Exchange,
  start: readonly number[],
): { columns: number[]; score: number[] } {
  const runs = 2 ** base
  const table = krawtchouk(factors)
  const columns = [...start]
  const weights = new Int32Array(runs)
  const addWeights = (column: number, by: number) => {
    for (let run = 0; run < runs; run++) if (size(column & run) & 1) weights[run] += by
  }
  for (const column of columns) addWeights(column, 1)
  let score = table.map((row) => weights.reduce((sum, weight) => sum + row[weight], 0))
  const change = new Float64Array(runs)
  for (;;) {
    let better: { at: number; column: number; score: number[] } | undefined
    const used = new Set(columns)
    const candidates = from.filter((column) => !used.has(column))
    for (let i = kept; i < columns.length; i++) {
      addWeights(columns[i], -1)
      const known: ((column: number) => number)[] = []
      /** Score at a word length with `column` in place of this one. */
      const scored = (at: number, column: number) => {
        if (!known[at]) {
          const row = table[at]
          let without = 0
          for (let run = 0; run < runs; run++) {
            without += row[weights[run]]
            change[run] = row[weights[run] + 1] - row[weights[run]]
          }
          const of = walshHadamard(Float64Array.from(change))
          known[at] = (one) => without + (of[0] - of[one]) / 2
        }
        return known[at](column)
      }
      for (const column of candidates) {
        const best = better?.score ?? score
        // The first length at which they differ decides; most differ at the first.
        let at = 0
        let sum = scored(0, column)
        while (sum === best[at] && ++at < table.length) sum = scored(at, column)
        if (at === table.length || sum > best[at]) continue
        const tried = columns.map((one, k) => (k === i ? column : one))
        if (rank(tried, base) < Math.min(base, factors) || (allowed && !allowed(tried))) continue
        better = { at: i, column, score: table.map((_, at) => scored(at, column)) }
      }
      addWeights(columns[i], 1)
    }
    if (!better) return { columns, score }
    addWeights(columns[better.at], -1)
    addWeights(better.column, 1)
    columns[better.at] = better.column
    score = better.score
  }
}

/** The score of columns: word counts times the number of runs, from length 3 on. */
export function scoreOf(base: number, columns: readonly number[]): number[] {
  return improved({ base, factors: columns.length, from: [] }, columns).score
}

/** The Walsh-Hadamard transform, in place. */
function walshHadamard(values: Float64Array): Float64Array {
  for (let half = 1; half < values.length; half *= 2)
    for (let from = 0; from < values.length; from += 2 * half)
      for (let i = from; i < from + half; i++) {
        const [a, b] = [values[i], values[i + half]]
        values[i] = a + b
        values[i + half] = a - b
      }
  return values
}

/** The rank of columns over GF(2). */
export function rank(columns: readonly number[], base: number): number {
  const rows = new Int32Array(base)
  let count = 0
  for (const column of columns) {
    let rest = column
    while (rest !== 0) {
      const top = 31 - Math.clz32(rest)
      if (rows[top] === 0) {
        rows[top] = rest
        count++
        break
      }
      rest ^= rows[top]
    }
  }
  return count
}

/**
 * A linear congruential generator of 31-bit integers (MINSTD with the multiplier 48271; Park, Miller and Stockmeyer
 * 1993).
 */
export function randomIntegers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state
  }
}

/**
 * Krawtchouk polynomials by word length from 3 on: contribution of a run with `weight` factors on to the word count.
 */
function krawtchouk(factors: number): Float64Array[] {
  const columns = Array.from({ length: factors + 1 }, (_, weight) => {
    const polynomial = new Float64Array(lengths + 1)
    polynomial[0] = 1
    for (let i = 0; i < factors; i++)
      for (let n = lengths; n > 0; n--) polynomial[n] += i < weight ? -polynomial[n - 1] : polynomial[n - 1]
    return polynomial
  })
  return Array.from({ length: Math.max(0, Math.min(lengths, factors) - 2) }, (_, at) =>
    Float64Array.from(columns, (polynomial) => polynomial[at + 3]),
  )
}
