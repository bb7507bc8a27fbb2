/**
 * Designs in which given two-factor interactions are clear (not aliased with main effects or other two-factor
 * interactions), or estimable (not aliased with main effects or with each other).
 */
import { byOwnBase } from './columns.ts'
import { type Placement, placeFactors } from './placed-factors.ts'
import { compareAberration, lengthPattern, members, sets, size } from './words.ts'

/** Limit of choices of generators for exhaustive search. */
const mostChoices = 300_000

/** Generators by indices of factors: the base factors, and each added factor as a product of base factors. */
interface Generators {
  readonly basic: readonly number[]
  readonly added: readonly { readonly factor: number; readonly of: readonly number[] }[]
}

/**
 * Generators of a design in which the given two-factor interactions are clear or estimable. For `clear` with at most
 * 300,000 choices, exhaustive search for minimum aberration; otherwise the best design of a heuristic search.
 * @throws RangeError where there is no such design, or none was found
 * @see Grömping 2012, Creating clear designs: a graph-based algorithm and a catalog of clear compromise plans, IIE
 * Transactions 44(11); Chen and
 *   Hedayat 1998, 2^(n-m) designs with resolution III or IV containing clear two-factor interactions, Journal of
 * Statistical Planning and Inference 75(1)
 */
export function chooseApart(wanted: Placement): Generators {
  const { base, factors, pairs, kind } = wanted
  const runs = 2 ** base
  const what = `design of ${factors} factors in ${runs} runs in which these interactions are ${kind}`
  const none = (why: string) => new RangeError(`design: there is no ${what}${why}; use more runs`)
  // With a clear interaction AB, the columns c and c ^ AB cannot both be used, which leaves half of them.
  if (kind === 'clear' && factors > runs / 2) throw none(` (beyond ${runs / 2} factors no interaction is clear)`)
  if (kind === 'estimable' && factors + pairs.length > runs - 1)
    throw none(` (${runs} runs have ${runs - 1} columns, and ${factors + pairs.length} are needed)`)
  if (kind === 'clear' && choose(2 ** base - 1 - base, factors - base) <= mostChoices) {
    const found = chooseClear(base, factors, pairs)
    if (found) return found
    throw none('')
  }
  const placed = placeFactors(wanted)
  if (placed.columns) {
    const { basic, of } = byOwnBase(placed.columns, base)
    const added = of.map((mask, factor) => ({ factor, of: members(mask).map((i) => basic[i]) }))
    return { basic, added: added.filter(({ factor }) => !basic.includes(factor)) }
  }
  if (placed.exhausted) throw none('')
  throw new RangeError(
    `design: the search found no ${what}, which does not prove that there is none; use more runs, or give generators`,
  )
}

/**
 * The generators of minimum aberration with which the pairs are clear, by exhaustive search.
 * @param base number of base factors
 * @param factors total number of factors
 * @param pairs indices of factors
 * @returns undefined where there are none
 */
function chooseClear(
  base: number,
  factors: number,
  pairs: readonly (readonly [number, number])[],
): Generators | undefined {
  const added = factors - base
  const all = sets(base, 2, base)
  let best: { generators: number[]; columns: number[]; pattern: number[] } | undefined
  const chosen: number[] = []
  const grow = (from: number, words: readonly number[]) => {
    if (chosen.length === added) {
      const pattern = lengthPattern(words.slice(1), factors)
      if (best && compareAberration(pattern, best.pattern) >= 0) return
      const columns = placed(factors, pairs, notClear(words.slice(1), factors))
      if (columns) best = { generators: [...chosen], columns, pattern }
      return
    }
    for (let i = from; i <= all.length - (added - chosen.length); i++) {
      const word = all[i] | (1 << (base + chosen.length))
      chosen.push(all[i])
      grow(i + 1, [...words, ...words.map((w) => w ^ word)])
      chosen.pop()
    }
  }
  grow(0, [0])
  if (!best) return undefined
  const { generators, columns } = best
  const factorAt = (column: number) => columns.indexOf(column)
  return {
    basic: Array.from({ length: base }, (_, column) => factorAt(column)),
    added: generators.map((set, i) => ({ factor: factorAt(base + i), of: members(set).map(factorAt) })),
  }
}

/** For each column, the set of columns whose interaction with it is not clear: it is in a word of length 3 or 4. */
function notClear(words: readonly number[], factors: number): number[] {
  const mixed = new Array<number>(factors).fill(0)
  for (const word of words) if (size(word) <= 4) for (const i of members(word)) mixed[i] |= word
  return mixed
}

/** Assigns factors to columns so that the pairs are clear (backtracking); undefined where that is impossible. */
function placed(
  factors: number,
  pairs: readonly (readonly [number, number])[],
  mixed: readonly number[],
): number[] | undefined {
  const columns = new Array<number>(factors).fill(-1)
  const place = (factor: number, used: number): boolean => {
    if (factor === factors) return true
    const own = pairs.flatMap(([a, b]) => (a === factor ? [b] : b === factor ? [a] : []))
    // Factors that are in no pair may have any column.
    for (let column = 0; column < factors; column++) {
      if ((used >>> column) & 1) continue
      if (own.some((other) => columns[other] >= 0 && (mixed[column] >>> columns[other]) & 1)) continue
      columns[factor] = column
      if (place(factor + 1, used | (1 << column))) return true
      columns[factor] = -1
    }
    return false
  }
  return place(0, 0) ? columns : undefined
}

function choose(n: number, k: number): number {
  let c = 1
  for (let i = 0; i < k; i++) c = (c * (n - i)) / (i + 1)
  return Math.round(c)
}
