/**
 * Choice of generators.
 *
 * A regular 2^(k-p) design has b = k - p base factors in all combinations; each of the p added factors is a product of
 * base factors. The choice of these generators determines the aliases; the best one has the fewest short words in its
 * defining relation (minimum aberration).
 */

import { inOwnBase } from './columns.ts'
import { leastAberration } from './least-aberration.ts'
import { compareAberration, lengthPattern, sets } from './words.ts'

/** Limit of choices for exhaustive search. */
const mostChoices = 300_000

/**
 * The generator of each added factor as a set of base factors. Exhaustive search for minimum aberration with at most
 * 300,000 choices (all designs of up to 16 runs, and 32 runs up to 11 factors); beyond that by `leastAberration`.
 * @param base number of base factors
 * @param added number of added factors; at most 2^base - 1 - base
 * @see Fries and Hunter (1980), Minimum Aberration 2^(k-p) Designs, Technometrics 22(4); Chen, Sun and Wu (1993), A
 * catalogue of two-level and
 *   three-level fractional factorial designs with small runs, International Statistical Review 61(1)
 */
export function chooseGenerators(base: number, added: number): number[] {
  if (added === 0) return []
  const all = sets(base, 2, base)
  // With more than 11 added factors each choice would have thousands of words.
  if (added <= 11 && choose(all.length, added) <= mostChoices) return exhaustive(all, base, added)
  return inOwnBase(leastAberration(base, base + added), base).slice(base)
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

function choose(n: number, k: number): number {
  let c = 1
  for (let i = 0; i < k; i++) c = (c * (n - i)) / (i + 1)
  return c
}
