/** Two-level fractional factorial designs: the effects of many factors from few runs. */

import { independentWords } from './alias-map.ts'
import { checkObject, checkRegularDesign } from './check-design.ts'
import { chooseApart } from './clear-interactions.ts'
import { wordCounts } from './columns.ts'
import { chooseGenerators } from './generators.ts'
import { members } from './words.ts'

/** A two-level factor. */
export interface Factor {
  readonly name: string
  /** Name of level -1. Default 'off'. */
  readonly off?: string
  /** Name of level 1. Default 'on'. */
  readonly on?: string
}

/** -1: off, 1: on. */
export type Level = -1 | 1

/** A word of the defining relation: `sign` times the product of the columns of `factors` is 1 in every run. */
export interface Word {
  readonly sign: Level
  readonly factors: readonly string[]
}

/** A regular two-level design. Plain data, which can be stored as JSON. */
export interface Design {
  readonly factors: readonly Factor[]
  /** [runs][factors]: the level of each factor in each run. */
  readonly runs: readonly (readonly Level[])[]
  /**
   * The defining relation: all words (constant products of factors), shorter ones first. Empty for a full factorial.
   * Where there are more than 4095, only independent words, which generate the others.
   */
  readonly definingRelation: readonly Word[]
  /**
   * Length of the shortest word. III: main effects are aliased with two-factor interactions; IV: main effects are clear
   * of them, but two-factor interactions are aliased with each other; V: both are clear. null for a full factorial,
   * which has no aliases.
   */
  readonly resolution: number | null
  /** `wordLengths[n]`: number of words of length n, rounded to a double beyond 2^53. */
  readonly wordLengths: readonly number[]
}

export interface DesignOptions {
  /** 2 to 127 factors, or their names. */
  factors: readonly (string | Factor)[]
  /** Number of runs: a power of two, at least 4, more than the number of factors, at most 2^factors and 128. */
  runs: number
  /**
   * Generators: added factors as products of base factors, such as `{ D: ['A', 'B'], E: ['A', 'C'] }`; the other
   * factors are the base. Default: the last factors are added, with minimum aberration.
   */
  generators?: Readonly<Record<string, readonly string[]>>
  /**
   * Chooses the signs of the generators so that all factors are off in the first run (a baseline). Default false:
   * positive signs.
   */
  baseline?: boolean
  /**
   * Two-factor interactions that must be clear, that is not aliased with any main effect or other two-factor
   * interaction; gives the design of least aberration with that property that is found.
   */
  clear?: readonly (readonly [string, string])[]
  /**
   * Two-factor interactions to estimate on the assumption that all others are zero: not aliased with any main effect or
   * with each other. Needs fewer runs than `clear`.
   */
  estimable?: readonly (readonly [string, string])[]
}

const mostFactors = 127
const mostRuns = 128

/**
 * A regular 2^(k-p) fractional factorial design. The runs are in standard order: the first base factor changes fastest.
 * @throws RangeError for numbers out of bounds, duplicate names, invalid generators, or interactions that no such
 *   design can keep apart; TypeError for arguments of the wrong type
 * @see Box, Hunter and Hunter, Statistics for Experimenters (2005), chapter 6
 * @example
 * const { runs, resolution } = design({ factors: ['code', 'math', 'books', 'papers', 'web'], runs: 8 })
 * console.log(runs.length, resolution) // 8 3
 */
export function design(options: DesignOptions): Design {
  checkObject('design: options', options)
  const { factors: given, runs, generators, baseline = false, clear = [], estimable = [] } = options
  const factors = checkFactors(given)
  const k = factors.length
  const base = Math.log2(runs)
  if (!Number.isInteger(runs) || !Number.isInteger(base) || runs < 4 || runs > Math.min(mostRuns, 2 ** k) || runs <= k)
    throw new RangeError(
      `design: runs must be a power of two, more than ${k} (the factors), at least 4 and at most ${Math.min(mostRuns, 2 ** k)}, got ${runs}${[12, 20, 24].includes(runs) ? ' (for that number use a Plackett-Burman design: plackettBurman; --kind plackett-burman)' : ''}`,
    )
  const asked = [generators, clear.length > 0, estimable.length > 0].filter(Boolean)
  if (asked.length > 1) throw new RangeError('design: generators, clear and estimable exclude each other; give one')
  const kind = clear.length > 0 ? 'clear' : 'estimable'
  const { basic, added } = generators
    ? readGenerators(factors, base, generators)
    : asked.length > 0
      ? chooseApart({ base, factors: k, pairs: readPairs(factors, kind, kind === 'clear' ? clear : estimable), kind })
      : defaultGenerators(k, base)
  const rows = Array.from({ length: runs }, (_, run) => {
    const row = new Array<Level>(k)
    basic.forEach((factor, bit) => {
      row[factor] = (run >>> bit) & 1 ? 1 : -1
    })
    for (const { factor, of } of added) {
      const flip = baseline && of.length % 2 === 0
      row[factor] = of.reduce((p, f) => p * row[f], flip ? -1 : 1) as Level
    }
    return row
  })
  const bit = (factor: number) => 1n << BigInt(factor)
  return fromRuns(
    factors,
    rows,
    added.map(({ factor, of }) => of.reduce((word, f) => word | bit(f), bit(factor))),
  )
}

/**
 * The foldover of a design: the design followed by its mirror image, with the signs of all factors or of one reversed.
 * The full foldover of a resolution III design has resolution IV; folding over one factor removes the aliases of that
 * factor and of its two-factor interactions.
 * @param factor name of the one factor to reverse. Default: all
 * @throws RangeError for an unknown factor, or where the mirror image has the same runs
 * @example foldover(design({ factors: ['code', 'math', 'books', 'papers', 'web'], runs: 8 })).resolution // 4
 */
export function foldover(original: Design, factor?: string): Design {
  checkRegularDesign('foldover', original)
  const index = factor === undefined ? -1 : original.factors.findIndex((f) => f.name === factor)
  if (factor !== undefined && index < 0)
    throw new RangeError(
      `foldover: unknown factor '${factor}'; the design has ${original.factors.map((f) => f.name).join(', ')}`,
    )
  const words = [...independentWords(original.factors, original.definingRelation).values()].map(({ set }) => set)
  const isFlipped = (i: number) => index < 0 || i === index
  // A word with an odd number of reversed factors changes its sign in the mirror image, so it is no word of the
  // foldover, but the product of two such words is.
  const odd = words.filter(
    (word) => original.factors.filter((_, i) => isFlipped(i) && (word >> BigInt(i)) & 1n).length % 2 === 1,
  )
  if (odd.length === 0)
    throw new RangeError(
      'foldover: the mirror image has the same runs, since every word of the defining relation has an even number of the reversed factors; reverse another factor',
    )
  const kept = [...words.filter((word) => !odd.includes(word)), ...odd.slice(1).map((word) => word ^ odd[0])]
  const mirror = original.runs.map((row) => row.map((level, i) => (isFlipped(i) ? -level : level) as Level))
  return fromRuns(original.factors, [...original.runs, ...mirror], kept)
}

/** Up to this number of generators all 2^n - 1 words are listed, otherwise only independent ones. */
const mostGenerators = 12

/** Makes a design from its runs. @param generators independent words: bit i is factor i */
function fromRuns(
  factors: readonly Factor[],
  runs: readonly (readonly Level[])[],
  generators: readonly bigint[],
): Design {
  let sets = [0n]
  if (generators.length <= mostGenerators) for (const g of generators) sets = [...sets, ...sets.map((set) => set ^ g)]
  else sets = [0n, ...generators]
  const words = sets
    .slice(1)
    .map((set) => factors.map((_, i) => i).filter((i) => (set >> BigInt(i)) & 1n))
    .sort(compareWords)
  const distances = runs.map((row) => row.reduce((n, level, i) => n + Number(level !== runs[0][i]), 0))
  const wordLengths = wordCounts(distances, factors.length)
  const shortest = wordLengths.findIndex((count) => count > 0)
  return {
    factors,
    runs,
    definingRelation: words.map((word) => ({
      sign: word.reduce((p, f) => p * runs[0][f], 1) as Level,
      factors: word.map((i) => factors[i].name),
    })),
    resolution: shortest < 0 ? null : shortest,
    wordLengths,
  }
}

/** Shorter words first, then in lexicographic order. */
function compareWords(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length) return a.length - b.length
  const at = a.findIndex((factor, i) => factor !== b[i])
  return at < 0 ? 0 : a[at] - b[at]
}

function defaultGenerators(k: number, base: number) {
  return {
    basic: Array.from({ length: base }, (_, i) => i),
    added: chooseGenerators(base, k - base).map((set, i) => ({ factor: base + i, of: members(set) })),
  }
}

function readPairs(
  factors: readonly Factor[],
  option: string,
  pairs: readonly (readonly [string, string])[],
): [number, number][] {
  const index = (name: string) => {
    const i = factors.findIndex((f) => f.name === name)
    if (i < 0)
      throw new RangeError(
        `design: ${option} names '${name}', which is not a factor; the factors are ${factors.map((f) => f.name).join(', ')}`,
      )
    return i
  }
  const read = pairs.map((pair): [number, number] => {
    if (!Array.isArray(pair) || pair.length !== 2 || pair[0] === pair[1])
      throw new RangeError(`design: ${option} takes pairs of two factors, got ${JSON.stringify(pair)}`)
    return [index(pair[0]), index(pair[1])]
  })
  // Duplicates are removed.
  const known = new Set<string>()
  return read.filter(([a, b]) => {
    const key = [Math.min(a, b), Math.max(a, b)].join()
    return !known.has(key) && known.add(key)
  })
}

function readGenerators(
  factors: readonly Factor[],
  base: number,
  generators: Readonly<Record<string, readonly string[]>>,
) {
  const index = (name: string) => {
    const i = factors.findIndex((f) => f.name === name)
    if (i < 0)
      throw new RangeError(
        `design: generators name '${name}', which is not a factor; the factors are ${factors.map((f) => f.name).join(', ')}`,
      )
    return i
  }
  const added = Object.entries(generators).map(([name, of]) => {
    if (!Array.isArray(of)) throw new TypeError(`design: generators.${name} must be an array of factor names`)
    return { factor: index(name), of: of.map(index) }
  })
  const basic = factors.map((_, i) => i).filter((i) => !added.some((a) => a.factor === i))
  if (basic.length !== base)
    throw new RangeError(
      `design: ${2 ** base} runs have ${base} base factors, so ${factors.length - base} generators are needed, got ${added.length}`,
    )
  added.forEach(({ factor, of }, i) => {
    const name = factors[factor].name
    if (of.length < 2 || new Set(of).size !== of.length || of.some((f) => !basic.includes(f)))
      throw new RangeError(
        `design: generators.${name} must be two or more different base factors (${basic.map((b) => factors[b].name).join(', ')})`,
      )
    const twin = added.slice(0, i).find((a) => a.of.length === of.length && a.of.every((f) => of.includes(f)))
    if (twin) throw new RangeError(`design: generators make ${name} and ${factors[twin.factor].name} the same column`)
  })
  return { basic, added }
}

function checkFactors(given: readonly (string | Factor)[]): Factor[] {
  if (!Array.isArray(given)) throw new TypeError('design: factors must be an array of names or of { name, off, on }')
  const factors = given.map((f) => (typeof f === 'string' ? { name: f } : { ...f }))
  if (factors.length < 2 || factors.length > mostFactors)
    throw new RangeError(`design: factors must have 2 to ${mostFactors} entries, got ${factors.length}`)
  factors.forEach(({ name }, i) => {
    if (typeof name !== 'string' || name === '') throw new TypeError(`design: factors[${i}] needs a name`)
    if (factors.findIndex((f) => f.name === name) !== i)
      throw new RangeError(`design: two factors have the name '${name}'`)
  })
  return factors
}
