// Which interactions the added factors should copy.
//
// A regular 2^(k-p) design has b = k - p base factors in all combinations; each of the p added factors is the product of some of them. The choice
// decides which effects cannot be told apart. The best choice has the fewest short words in its defining relation (least aberration).

import { compareAberration, lengthPattern, sets, size, subgroup } from './words.ts'

/** Choices that are looked through one by one before shortcuts are taken. */
const mostChoices = 300_000

/**
 * For each added factor the set of base factors whose product it is. Of least aberration where there are at most 300,000 choices (every design of up to
 * 16 runs, and 32 runs up to 11 factors); beyond that the better of two good ones: products of odd numbers of factors only, and a greedy choice.
 * @param base number of base factors
 * @param added number of added factors; at most 2^base - 1 - base
 * @see Fries and Hunter (1980), Minimum Aberration 2^(k-p) Designs, Technometrics 22(4)
 */
export function chooseGenerators(base: number, added: number): number[] {
  if (added === 0) return []
  const all = sets(base, 2, base)
  if (choose(all.length, added) <= mostChoices) return exhaustive(all, base, added)
  const odd = all.filter((set) => size(set) % 2 === 1)
  const candidates = [greedy(all, base, added)]
  if (odd.length >= added)
    candidates.push(choose(odd.length, added) <= mostChoices ? exhaustive(odd, base, added) : greedy(odd, base, added))
  return candidates.reduce((best, next) =>
    compareAberration(patternOf(next, base), patternOf(best, base)) < 0 ? next : best,
  )
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
