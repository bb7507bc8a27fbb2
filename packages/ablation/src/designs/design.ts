/** Two-level fractional factorial designs: few runs from which the effect of every factor can be read apart from the others. */

import { independentWords } from './alias-map.ts'
import { chooseApart } from './clear-interactions.ts'
import { wordCounts } from './columns.ts'
import { chooseGenerators } from './generators.ts'
import { members } from './words.ts'

/** Something switched on or off. */
export interface Factor {
  readonly name: string
  /** What level -1 means. Default 'off'. */
  readonly off?: string
  /** What level 1 means. Default 'on'. */
  readonly on?: string
}

/** -1: off, 1: on. */
export type Level = -1 | 1

/** Says that a product of factors is constant: sign times the product of the columns of `factors` is 1 in every run. */
export interface Word {
  readonly sign: Level
  readonly factors: readonly string[]
}

/** A regular two-level design. Plain data: it can be written as JSON and read again. */
export interface Design {
  readonly factors: readonly Factor[]
  /** [runs][factors]: the level of each factor in each run. */
  readonly runs: readonly (readonly Level[])[]
  /**
   * The defining relation: every product of factors that is constant, shorter ones first. Empty for a full factorial. Where there are more than 4095, the
   * independent ones, of which the others are products.
   */
  readonly definingRelation: readonly Word[]
  /**
   * Length of the shortest word. III: main effects are aliased with two-factor interactions; IV: they are clear, but two-factor interactions are aliased with
   * each other; V: both are clear. null for a full factorial, where nothing is aliased.
   */
  readonly resolution: number | null
  /** `wordLengths[n]`: number of all words of length n; beyond 2^53 the nearest number. */
  readonly wordLengths: readonly number[]
}

export interface DesignOptions {
  /** 2 to 127 names, or factors. */
  factors: readonly (string | Factor)[]
  /** A power of two, at least 4 and more than the number of factors, at most 2^factors and 128. */
  runs: number
  /**
   * The added factors as products of the base factors, such as `{ D: ['A', 'B'], E: ['A', 'C'] }`; factors that are not named are the base. Default: the
   * last factors are added, by the choice of least aberration.
   */
  generators?: Readonly<Record<string, readonly string[]>>
  /**
   * Choose the signs of the generators so that the first run has every factor off (a baseline). Default false: each added factor is the product itself.
   */
  baseline?: boolean
  /**
   * Two-factor interactions that must be clear: not aliased with any main effect or any other two-factor interaction. Of the designs that
   * do, the one of least aberration.
   */
  clear?: readonly (readonly [string, string])[]
  /**
   * Two-factor interactions to estimate, assuming all others are zero: not aliased with any main effect or with each other. It takes fewer runs
   * than `clear`.
   */
  estimable?: readonly (readonly [string, string])[]
}

const mostFactors = 127
const mostRuns = 128

/**
 * A regular 2^(k-p) design. The runs are in standard order: the first base factor changes fastest.
 * @throws RangeError where the numbers do not fit, names repeat, or generators do not make a design; TypeError for the wrong kind
 * @see Box, Hunter and Hunter, Statistics for Experimenters (2005), chapter 6
 * @example
 * const { runs, resolution } = design({ factors: ['code', 'math', 'books', 'papers', 'web'], runs: 8 })
 * console.log(runs.length, resolution) // 8 3
 */
export function design({
  factors: given,
  runs,
  generators,
  baseline = false,
  clear = [],
  estimable = [],
}: DesignOptions): Design {
  const factors = checkFactors(given)
  const k = factors.length
  const base = Math.log2(runs)
  if (!Number.isInteger(runs) || !Number.isInteger(base) || runs < 4 || runs > Math.min(mostRuns, 2 ** k) || runs <= k)
    throw new RangeError(
      `design: runs must be a power of two, more than ${k} (the factors), at least 4 and at most ${Math.min(mostRuns, 2 ** k)}, got ${runs}${[12, 20, 24].includes(runs) ? ' (so many are a Plackett-Burman design: plackettBurman; --kind plackett-burman)' : ''}`,
    )
  const asked = [generators, clear.length > 0, estimable.length > 0].filter(Boolean)
  if (asked.length > 1) throw new RangeError('design: give one of generators, clear and estimable')
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
 * The design followed by its mirror image: every sign changed, or only that of one factor. Folding over a design of resolution III gives one of
 * resolution IV; folding over one factor frees it and its two-factor interactions from each other's aliases.
 * @param factor the name of the one factor to change. Default: all
 * @throws RangeError for an unknown factor, or where the mirror image repeats runs that are there already
 * @example foldover(design({ factors: ['code', 'math', 'books', 'papers', 'web'], runs: 8 })).resolution // 4
 */
export function foldover(original: Design, factor?: string): Design {
  const index = factor === undefined ? -1 : original.factors.findIndex((f) => f.name === factor)
  if (factor !== undefined && index < 0)
    throw new RangeError(
      `foldover: unknown factor '${factor}'; the design has ${original.factors.map((f) => f.name).join(', ')}`,
    )
  const words = [...independentWords(original.factors, original.definingRelation).values()].map(({ set }) => set)
  const isFlipped = (i: number) => index < 0 || i === index
  // Words with an odd number of what is changed are none of both halves; their products with one of them are.
  const odd = words.filter(
    (word) => original.factors.filter((_, i) => isFlipped(i) && (word >> BigInt(i)) & 1n).length % 2 === 1,
  )
  if (odd.length === 0)
    throw new RangeError(
      'foldover: the mirror image has the same runs; every word of the defining relation is even in what is changed',
    )
  const kept = [...words.filter((word) => !odd.includes(word)), ...odd.slice(1).map((word) => word ^ odd[0])]
  const mirror = original.runs.map((row) => row.map((level, i) => (isFlipped(i) ? -level : level) as Level))
  return fromRuns(original.factors, [...original.runs, ...mirror], kept)
}

/** Sets of constant products are listed up to 2^12 - 1; of more the independent ones. */
const mostGenerators = 12

/** @param generators independent products of factors that are constant over the runs: bit i is factor i */
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
        `design: ${option} names '${name}', which is no factor; there are ${factors.map((f) => f.name).join(', ')}`,
      )
    return i
  }
  const read = pairs.map((pair): [number, number] => {
    if (!Array.isArray(pair) || pair.length !== 2 || pair[0] === pair[1])
      throw new RangeError(`design: ${option} takes pairs of two factors, got ${JSON.stringify(pair)}`)
    return [index(pair[0]), index(pair[1])]
  })
  // One that is named twice is one.
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
        `design: generators name '${name}', which is no factor; there are ${factors.map((f) => f.name).join(', ')}`,
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
    throw new RangeError(`design: 2 to ${mostFactors} factors are possible, got ${factors.length}`)
  factors.forEach(({ name }, i) => {
    if (typeof name !== 'string' || name === '') throw new TypeError(`design: factors[${i}] needs a name`)
    if (factors.findIndex((f) => f.name === name) !== i)
      throw new RangeError(`design: two factors have the name '${name}'`)
  })
  return factors
}
