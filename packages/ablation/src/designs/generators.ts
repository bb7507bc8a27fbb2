/**
 * Which interactions the added factors should copy.
 *
 * A regular 2^(k-p) design has b = k - p base factors in all combinations; each of the p added factors is the product of some of them. The choice
 * decides which effects cannot be told apart. The best choice has the fewest short words in its defining relation (least aberration).
 */

import { compareAberration, lengthPattern, sets, size, subgroup } from './words.ts'

/** Choices that are looked through one by one before shortcuts are taken. */
const mostChoices = 300_000

/** Designs that the exchange begins with besides the good ones; each is drawn by a fixed seed. */
const starts = 40

/**
 * For each added factor the set of base factors whose product it is. Of least aberration where there are at most 300,000 choices (every design of up to
 * 16 runs, and 32 runs up to 11 factors). Beyond that the best of a search: products of odd numbers of factors only, a greedy choice, and
 * fixed random ones, each improved by exchanging one product at a time until none improves it. For 32, 64 and 128 runs with up to 15 factors
 * it finds the word counts of the published designs of least aberration, but it proves nothing.
 * @param base number of base factors
 * @param added number of added factors; at most 2^base - 1 - base
 * @see Fries and Hunter (1980), Minimum Aberration 2^(k-p) Designs, Technometrics 22(4); Chen, Sun and Wu (1993), A catalogue of two-level and
 *   three-level fractional factorial designs with small runs, International Statistical Review 61(1)
 */
export function chooseGenerators(base: number, added: number): number[] {
  if (added === 0) return []
  const all = sets(base, 2, base)
  if (choose(all.length, added) <= mostChoices) return exhaustive(all, base, added)
  const odd = all.filter((set) => size(set) % 2 === 1)
  const candidates = [exchange(greedy(all, base, added), all, base)]
  if (odd.length >= added) {
    const good = choose(odd.length, added) <= mostChoices ? exhaustive(odd, base, added) : greedy(odd, base, added)
    candidates.push(exchange(good, all, base))
  }
  const next = randomIntegers(1)
  for (let start = 0; start < starts; start++) {
    const from = start % 2 === 0 && odd.length >= added ? odd : all
    const drawn = new Set<number>()
    while (drawn.size < added) drawn.add(from[next() % from.length])
    candidates.push(exchange([...drawn], all, base))
  }
  return candidates.reduce((best, one) =>
    compareAberration(patternOf(one, base), patternOf(best, base)) < 0 ? one : best,
  )
}

/** Exchanges one product for another, the one that helps most, until none helps. */
function exchange(from: readonly number[], all: readonly number[], base: number): number[] {
  let best = [...from]
  let pattern = patternOf(best, base)
  for (;;) {
    let better: number[] | undefined
    for (let i = 0; i < best.length; i++) {
      const bit = 1 << (base + i)
      // Words without the product that is exchanged; each other word is one of these times it.
      const kept = [0, ...subgroup(generatorWords(best, base).filter((_, at) => at !== i))]
      const fixed = lengthPattern(kept.slice(1), base + best.length)
      for (const set of all) {
        if (best.includes(set)) continue
        const tried = [...fixed]
        for (const word of kept) tried[size(word ^ set ^ bit) - 1]++
        if (compareAberration(tried, pattern) < 0) {
          pattern = tried
          better = best.map((one, at) => (at === i ? set : one))
        }
      }
    }
    if (better === undefined) return best
    best = better
  }
}

/** Numbers of a fixed sequence (the multiplier of Park and Miller 1988). */
function randomIntegers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state
  }
}

/** The words that generators stand for: factor base + i equals the product of generators[i]. */
function generatorWords(generators: readonly number[], base: number): number[] {
  return generators.map((set, i) => set | (1 << (base + i)))
}

function patternOf(generators: readonly number[], base: number): number[] {
  return lengthPattern(subgroup(generatorWords(generators, base)), base + generators.length)
}

function exhaustive(candidates: readonly number[], base: number, added: number): number[] {
  let best: number[] = []
  let bestPattern: number[] | undefined
  const chosen: number[] = []
  const grow = (from: number, words: readonly number[]) => {
    const depth = chosen.length
    if (depth === added) {
      const pattern = lengthPattern(words.slice(1), base + added)
      if (bestPattern === undefined || compareAberration(pattern, bestPattern) < 0) {
        bestPattern = pattern
        best = [...chosen]
      }
      return
    }
    for (let i = from; i <= candidates.length - (added - depth); i++) {
      chosen.push(candidates[i])
      const word = candidates[i] | (1 << (base + depth))
      grow(i + 1, [...words, ...words.map((w) => w ^ word)])
      chosen.pop()
    }
  }
  grow(0, [0])
  return best
}

function greedy(candidates: readonly number[], base: number, added: number): number[] {
  const chosen: number[] = []
  for (let depth = 0; depth < added; depth++) {
    let best: { set: number; pattern: number[] } | undefined
    for (const set of candidates) {
      if (chosen.includes(set)) continue
      const pattern = patternOf([...chosen, set], base)
      if (best === undefined || compareAberration(pattern, best.pattern) < 0) best = { set, pattern }
    }
    chosen.push(best!.set)
  }
  return chosen
}

function choose(n: number, k: number): number {
  let c = 1
  for (let i = 0; i < k; i++) c = (c * (n - i)) / (i + 1)
  return c
}
