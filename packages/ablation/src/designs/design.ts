/** Two-level fractional factorial designs: few runs from which the effect of every factor can be read apart from the others. */

import { chooseClear } from './clear-interactions.ts'
import { chooseGenerators } from './generators.ts'
import { lengthPattern, members, size, subgroup } from './words.ts'

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
  /** The defining relation: every product of factors that is constant, shorter ones first. Empty for a full factorial. */
  readonly definingRelation: readonly Word[]
  /**
   * Length of the shortest word. III: main effects cannot be told from two-factor interactions; IV: they can, but two-factor interactions not from
   * each other; V: they can too. null for a full factorial, where everything can be told apart.
   */
  readonly resolution: number | null
  /** `wordLengths[n]`: number of words of length n. */
  readonly wordLengths: readonly number[]
}

export interface DesignOptions {
  /** 2 to 15 names, or factors. */
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
   * Two-factor interactions that are to be clear: told apart from every main effect and every other two-factor interaction. Of the designs that
   * do, the one of least aberration.
   */
  clear?: readonly (readonly [string, string])[]
}

const mostFactors = 15
const mostRuns = 128

/**
 * A regular 2^(k-p) design. The runs are in standard order: the first base factor changes fastest.
 * @throws RangeError where the numbers do not fit, names repeat, or generators do not make a design; TypeError for the wrong kind
 * @see Box, Hunter and Hunter, Statistics for Experimenters (2005), chapter 6
 * @example
 * const { runs, resolution } = design({ factors: ['code', 'math', 'books', 'papers', 'web'], runs: 8 })
 * console.log(runs.length, resolution) // 8 3
 */
export function design({ factors: given, runs, generators, baseline = false, clear = [] }: DesignOptions): Design {
  const factors = checkFactors(given)
  const k = factors.length
  const base = Math.log2(runs)
  if (!Number.isInteger(runs) || !Number.isInteger(base) || runs < 4 || runs > Math.min(mostRuns, 2 ** k) || runs <= k)
    throw new RangeError(
      `design: runs must be a power of two, more than ${k} (the factors), at least 4 and at most ${Math.min(mostRuns, 2 ** k)}, got ${runs}${[12, 20, 24].includes(runs) ? ' (so many are a Plackett-Burman design: plackettBurman; --kind plackett-burman)' : ''}`,
    )
  if (generators && clear.length > 0) throw new RangeError('design: give generators or clear, not both')
  const { basic, added } = generators
    ? readGenerators(factors, base, generators)
    : clear.length > 0
      ? chooseClear(base, k, readPairs(factors, clear))
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
  return fromRuns(
    factors,
    rows,
    subgroup(added.map(({ factor, of }) => of.reduce((word, f) => word | (1 << f), 1 << factor))),
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
  const k = original.factors.length
  const index = factor === undefined ? -1 : original.factors.findIndex((f) => f.name === factor)
  if (factor !== undefined && index < 0)
    throw new RangeError(
      `foldover: unknown factor '${factor}'; the design has ${original.factors.map((f) => f.name).join(', ')}`,
    )
  const flipped = factor === undefined ? 2 ** k - 1 : 1 << index
  const words = original.definingRelation.map((w) => maskOf(original.factors, w.factors))
  const kept = words.filter((word) => size(word & flipped) % 2 === 0)
  if (kept.length === words.length)
    throw new RangeError(
      'foldover: the mirror image has the same runs; every word of the defining relation is even in what is changed',
    )
  const mirror = original.runs.map((row) => row.map((level, i) => ((flipped >>> i) & 1 ? -level : level) as Level))
  return fromRuns(original.factors, [...original.runs, ...mirror], kept)
}

/** Sets of effects, each in one list with those that cannot be told from it: equal up to the sign in every run. */
export interface AliasSet {
  /** The first is what the set is named after; `sign` is relative to it. */
  readonly effects: readonly { readonly sign: Level; readonly factors: readonly string[] }[]
}

/**
 * What cannot be told apart. One set for every main effect, and for every interaction of up to `order` factors that is not in a set before it.
 * Effects that are constant (words of the defining relation) are left out.
 * @param order interactions of at most this many factors are listed: 2 (default) or more
 * @throws RangeError where order is not an integer from 1 to the number of factors
 * @example
 * const d = design({ factors: ['code', 'math', 'web'], runs: 4 })
 * aliases(d).length // 3
 */
export function aliases(d: Design, order = 2): AliasSet[] {
  const k = d.factors.length
  if (!Number.isInteger(order) || order < 1 || order > k)
    throw new RangeError(`aliases: order must be an integer from 1 to ${k} (the factors), got ${order}`)
  const words = d.definingRelation.map((w) => ({ sign: w.sign, mask: maskOf(d.factors, w.factors) }))
  const all = new Set(words.map((w) => w.mask))
  const seen = new Set<number>()
  const result: AliasSet[] = []
  for (const set of effectsUpTo(k, order)) {
    if (seen.has(set) || all.has(set)) continue
    const others = words
      .map((w) => ({ sign: w.sign, mask: w.mask ^ set }))
      .filter((w) => size(w.mask) <= order)
      .sort((a, b) => size(a.mask) - size(b.mask) || compareSets(a.mask, b.mask))
    const effects = [{ sign: 1 as Level, mask: set }, ...others]
    for (const { mask } of effects) seen.add(mask)
    result.push({ effects: effects.map(({ sign, mask }) => ({ sign, factors: namesOf(d.factors, mask) })) })
  }
  return result
}

/** @param constant every product of factors that is constant over the runs */
function fromRuns(
  factors: readonly Factor[],
  runs: readonly (readonly Level[])[],
  constant: readonly number[],
): Design {
  const words = [...constant].sort((a, b) => size(a) - size(b) || compareSets(a, b))
  const pattern = lengthPattern(words, factors.length)
  return {
    factors,
    runs,
    definingRelation: words.map((word) => ({
      sign: members(word).reduce((p, f) => p * runs[0][f], 1) as Level,
      factors: namesOf(factors, word),
    })),
    resolution: words.length === 0 ? null : size(words[0]),
    wordLengths: [0, ...pattern],
  }
}

function defaultGenerators(k: number, base: number) {
  return {
    basic: Array.from({ length: base }, (_, i) => i),
    added: chooseGenerators(base, k - base).map((set, i) => ({ factor: base + i, of: members(set) })),
  }
}

function readPairs(factors: readonly Factor[], pairs: readonly (readonly [string, string])[]): [number, number][] {
  const index = (name: string) => {
    const i = factors.findIndex((f) => f.name === name)
    if (i < 0)
      throw new RangeError(
        `design: clear names '${name}', which is no factor; there are ${factors.map((f) => f.name).join(', ')}`,
      )
    return i
  }
  return pairs.map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2 || pair[0] === pair[1])
      throw new RangeError(`design: clear takes pairs of two factors, got ${JSON.stringify(pair)}`)
    return [index(pair[0]), index(pair[1])]
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

/** The set of factors with these names. */
export function maskOf(factors: readonly Factor[], names: readonly string[]): number {
  return names.reduce((mask, name) => mask | (1 << factors.findIndex((f) => f.name === name)), 0)
}

function namesOf(factors: readonly Factor[], mask: number): string[] {
  return members(mask).map((i) => factors[i].name)
}

function effectsUpTo(k: number, order: number): number[] {
  return Array.from({ length: 2 ** k - 1 }, (_, i) => i + 1)
    .filter((set) => size(set) <= order)
    .sort((a, b) => size(a) - size(b) || compareSets(a, b))
}

/** Lexicographic order by members. */
function compareSets(a: number, b: number): number {
  const difference = a ^ b
  if (difference === 0) return 0
  return a & (difference & -difference) ? -1 : 1
}
