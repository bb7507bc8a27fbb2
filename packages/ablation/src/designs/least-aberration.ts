/**
 * Designs of minimum aberration with many factors, by complementary designs: 2^b runs have 2^b - 1 columns, and the
 * word length pattern of a design is determined by that of the columns it does not use.
 */
import { improved, randomIntegers, rank, scoreOf } from './exchange.ts'
import { compareAberration, size } from './words.ts'

/** Limit of choices of unused columns for exhaustive search. */
const mostChoices = 100_000

/** Number of random starts of a search (with a fixed seed): more where many designs are nearly optimal. */
const starts = (factors: number) => (factors > 16 && factors < 25 ? 600 : 60)

/**
 * Columns of a design of `factors` factors in 2^base runs.
 *
 * With at least half of the columns, the unused ones lie in the smallest flat that contains them (Chen and Hedayat):
 * the design has all columns outside that flat, and within it the minimum aberration design of the remaining factors.
 * With more factors than five sixteenths of the runs, all words have even length (Butler; Chen and Cheng): the design
 * has the columns of odd size without a choice of minimum aberration among those. Up to 64 runs both constructions are
 * exact. With fewer factors, and for some numbers of factors in 128 runs, the result is the best of a search by
 * exchange, without proof of optimality; for every number of factors in 32, 64 and 128 runs the word length pattern
 * agrees with published ones.
 * @see Chen and Hedayat (1996), 2^(n-l) designs with weak minimum aberration, Annals of Statistics 24(6); Tang and Wu
 *   (1996), Characterization of minimum aberration 2^(n-k) designs in terms of their complementary designs, Annals of
 *   Statistics 24(6); Butler (2003), Some theory for constructing minimum aberration fractional factorial designs,
 *   Biometrika 90(1); Chen and Cheng (2006), Doubling and projection, Annals of Statistics 34(1)
 */
export function leastAberration(base: number, factors: number): number[] {
  const runs = 2 ** base
  if (factors <= base) return Array.from({ length: factors }, (_, i) => 1 << i)
  if (factors >= runs / 2) {
    const flat = Math.ceil(Math.log2(runs - factors))
    const outside = range(2 ** flat, runs)
    return [...outside, ...leastAberration(flat, factors - outside.length)]
  }
  const all = range(1, runs)
  const odd = all.filter((column) => size(column) % 2 === 1)
  if (factors > (5 / 16) * runs) {
    const left = new Set(even(base, odd, odd.length - factors))
    return odd.filter((column) => !left.has(column))
  }
  const doubled = base > 4 ? doubledFive(base) : []
  return searched(base, factors, all, [odd, all, doubled])
}

/** The choice of `count` columns of odd size with minimum aberration; all their words have even length. */
function even(base: number, odd: readonly number[], count: number): number[] {
  const units = Array.from({ length: base }, (_, i) => 1 << i)
  if (count <= base) return units.slice(0, count)
  const others = odd.filter((column) => size(column) > 1)
  const added = count - base
  let choices = 1
  for (let i = 0; i < added; i++) choices = (choices * (others.length - i)) / (i + 1)
  if (choices > mostChoices) return searched(base, count, odd, [odd])
  // Any spanning choice contains these base columns after a change of base; choices that do not span have more words.
  const words = new Int32Array(2 ** base)
  let best: number[] = []
  let fewest = Number.POSITIVE_INFINITY
  const chosen = [...units]
  // A word of length 4 splits into two pairs of equal XOR in three ways, so `fours` is three times the number of words.
  const grow = (from: number, fours: number) => {
    if (fours > fewest) return
    if (chosen.length === count) {
      if (fours < fewest || evenBetter(chosen, best, base)) best = [...chosen]
      fewest = fours
      return
    }
    for (let i = from; i < others.length; i++) {
      let more = 0
      for (const column of chosen) more += words[column ^ others[i]]++
      chosen.push(others[i])
      grow(i + 1, fours + more)
      chosen.pop()
      for (const column of chosen) words[column ^ others[i]]--
    }
  }
  for (const [i, a] of units.entries()) for (const b of units.slice(0, i)) words[a ^ b]++
  grow(0, 0)
  return best
}

/** Whether the first of two choices with equally many words of length 4 has less aberration. */
function evenBetter(a: readonly number[], b: readonly number[], base: number): boolean {
  return b.length === 0 || compareAberration(scoreOf(base, a), scoreOf(base, b)) < 0
}

/**
 * The resolution V design of five factors in 16 runs, doubled up to 2^base runs: each column with and without every new
 * base factor.
 */
function doubledFive(base: number): number[] {
  let columns = [1, 2, 4, 8, 15]
  for (let bit = 4; bit < base; bit++) columns = [...columns, ...columns.map((column) => column | (1 << bit))]
  return columns
}

/** The best of many searches by exchange from random starts (with a fixed seed). */
function searched(
  base: number,
  factors: number,
  all: readonly number[],
  pools: readonly (readonly number[])[],
): number[] {
  const usable = pools.filter((pool) => pool.length >= factors)
  const next = randomIntegers(1)
  let best: { columns: number[]; score: number[] } | undefined
  for (let start = 0; start < starts(factors); start++) {
    const pool = usable[start % usable.length]
    const drawn = new Set<number>()
    while (drawn.size < factors) {
      drawn.add(pool[next() % pool.length])
      if (drawn.size === factors && rank([...drawn], base) < base) drawn.clear()
    }
    const found = improved({ base, factors, from: all }, [...drawn])
    if (!best || compareAberration(found.score, best.score) < 0) best = found
  }
  return best?.columns ?? []
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}
