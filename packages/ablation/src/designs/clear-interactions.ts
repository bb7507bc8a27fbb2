/** Designs in which given two-factor interactions are clear: aliased with no main effect and no other two-factor interaction. */
import { compareAberration, lengthPattern, members, sets, size } from './words.ts'

/** Choices of generators that are looked through. */
const mostChoices = 300_000

/**
 * The choice of least aberration in which the pairs are clear.
 * @param base number of base factors
 * @param factors number of all factors
 * @param pairs indices of factors
 * @returns the factor of each base column, and each added factor with those whose product it is
 * @throws RangeError where no choice does, or there are more than 300,000 to look through
 * @see Grömping 2012, Creating clear designs: a graph-based algorithm and a catalog of clear compromise plans, IIE Transactions 44(11)
 */
export function chooseClear(
  base: number,
  factors: number,
  pairs: readonly (readonly [number, number])[],
): { basic: number[]; added: { factor: number; of: number[] }[] } {
  const added = factors - base
  const all = sets(base, 2, base)
  const choices = choose(all.length, added)
  if (choices > mostChoices)
    throw new RangeError(
      `design: ${choices} choices of generators would have to be looked through for clear; give generators yourself, or take fewer factors`,
    )
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
  if (!best)
    throw new RangeError(
      `design: no ${2 ** base} runs keep these interactions of ${factors} factors clear; take more runs`,
    )
  const { generators, columns } = best
  const factorAt = (column: number) => columns.indexOf(column)
  return {
    basic: Array.from({ length: base }, (_, column) => factorAt(column)),
    added: generators.map((set, i) => ({ factor: factorAt(base + i), of: members(set).map(factorAt) })),
  }
}

/** For each column the columns whose interaction with it is in a word of three or four. */
function notClear(words: readonly number[], factors: number): number[] {
  const mixed = new Array<number>(factors).fill(0)
  for (const word of words) if (size(word) <= 4) for (const i of members(word)) mixed[i] |= word
  return mixed
}

/** A column for each factor so that the pairs are clear. */
function placed(
  factors: number,
  pairs: readonly (readonly [number, number])[],
  mixed: readonly number[],
): number[] | undefined {
  const columns = new Array<number>(factors).fill(-1)
  const place = (factor: number, used: number): boolean => {
    if (factor === factors) return true
    const own = pairs.flatMap(([a, b]) => (a === factor ? [b] : b === factor ? [a] : []))
    // Factors that no pair names go anywhere.
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
