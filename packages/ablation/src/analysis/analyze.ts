/** Estimation and tests of the effects of a two-level design, by analysis of variance. */

import { aliasMap } from '../designs/alias-map.ts'
import { effectsUpTo } from '../designs/aliases.ts'
import { checkRegularDesign } from '../designs/check-design.ts'
import type { Design, Level } from '../designs/design.ts'
import { fUpperTail, tQuantile } from '../distributions/distributions.ts'
import { holm } from './corrections.ts'

export interface AnalyzeOptions {
  /**
   * Number of responses per run in a flat list of responses, all of run 0 first. Default 1. Alternatively, give a list
   * for each run.
   */
  replicates?: number
  /**
   * Interactions to estimate besides the main effects, as lists of factor names. Default: none, so they are in the
   * residual.
   */
  interactions?: readonly (readonly string[])[]
  /** Confidence level of the intervals, above 0 and below 1. Default 0.95. */
  confidence?: number
}

export interface Effect {
  /** The factor, or the factors of an interaction joined by ':'. */
  term: string
  factors: readonly string[]
  /** Mean response where the term is on (1), in units of the response. */
  meanOn: number
  /** Mean response where the term is off (-1). */
  meanOff: number
  /** meanOn - meanOff. */
  difference: number
  /** Standard error of the difference; null without residual degrees of freedom. */
  standardError: number | null
  /** Confidence interval of the difference; null without residual degrees of freedom. */
  confidenceInterval: readonly [low: number, high: number] | null
  /** Sum of squares, with 1 degree of freedom. */
  sumOfSquares: number
  /**
   * F statistic with 1 and `residual.degreesOfFreedom` degrees of freedom; null where it is undefined, infinite where
   * the model fits every response up to rounding.
   */
  F: number | null
  pValue: number | null
  /** p-value after Holm's correction for the number of terms. */
  adjustedPValue: number | null
  /** Cohen's f of the term: sqrt(SS / residual SS). By convention 0.1 is small, 0.25 medium, 0.4 large. */
  cohensF: number | null
  /** Main effects and two-factor interactions that the term is aliased with, with their sign: '-B:C'. */
  aliases: readonly string[]
}

export interface Analysis {
  /** Number of responses. */
  observations: number
  mean: number
  effects: Effect[]
  residual: {
    degreesOfFreedom: number
    sumOfSquares: number
    /** null without residual degrees of freedom. */
    meanSquare: number | null
    /** Standard deviation of a response around the model, in units of the response. */
    standardDeviation: number | null
  }
  totalSumOfSquares: number
  /** Share of the total sum of squares that the terms explain. */
  rSquared: number | null
  confidence: number
}

/**
 * Estimates and tests the main effects, and given interactions, of a two-level design.
 *
 * The model is response = mean + sum of effect / 2 * level + error. Columns are orthogonal, so each effect is a
 * difference of means with the sum of squares N / 4 * difference^2, and the residual has everything else: omitted
 * interactions and the variation between replicates. F = SS / residual MS. An unreplicated design of 5 factors in 8
 * runs has 2 residual degrees of freedom.
 * @param responses one number per run; with replicates, one list per run or one flat list
 * @throws RangeError where the number of responses does not match the design, a response is not finite, or a term is
 *   aliased with another; TypeError for arguments of the wrong type
 * @see Montgomery, Design and Analysis of Experiments, chapters 6 and 8; Cohen, Statistical Power Analysis (1988),
 * section 8.2; Holm (1979)
 * @example
 * const d = design({ factors: ['code', 'math'], runs: 4 })
 * const { effects } = analyze(d, [0.37, 0.41, 0.38, 0.42]) // one score per run
 * effects.map(({ difference }) => difference) // [0.04, 0.01]
 */
export function analyze(
  design: Design,
  responses: readonly (number | readonly number[])[],
  options: AnalyzeOptions = {},
): Analysis {
  const { confidence = 0.95 } = options
  if (!(confidence > 0 && confidence < 1))
    throw new RangeError(`analyze: confidence must be above 0 and below 1, got ${confidence}`)
  checkRegularDesign('analyze', design)
  checkLevels(design)
  const given = readResponses(design, responses, options.replicates)
  // Scaled by a power of two, which is exact, so that squares of very large or small responses do not overflow or
  // underflow.
  const largest = given.flat().reduce((most, y) => Math.max(most, Math.abs(y)), 0)
  const unit = largest === 0 ? 1 : 2 ** Math.max(-1020, Math.min(1020, Math.floor(Math.log2(largest))))
  const table = given.map((row) => row.map((y) => y / unit))
  const terms = readTerms(design, options.interactions ?? [])
  const columns = terms.map((factors) => column(design, factors))
  const alsoThese = aliasNames(design, terms)
  const perRun = table[0].length
  const n = table.length * perRun
  checkOrthogonal(design, terms, columns)

  const all = table.flat()
  const mean = sum(all) / n
  const totalSumOfSquares = sum(all.map((y) => (y - mean) ** 2))
  const noise = 4 * n * Number.EPSILON * (largest / unit)
  const estimates = columns.map((levels) => {
    const on = mean2(table, levels, 1)
    const off = mean2(table, levels, -1)
    // Differences within the rounding error of the sums count as zero.
    const difference = Math.abs(on - off) <= noise ? 0 : on - off
    return { on, off, difference, sumOfSquares: (n / 4) * difference ** 2 }
  })
  const degreesOfFreedom = n - 1 - terms.length
  // From the fitted values, since total minus explained suffers from cancellation.
  const leftOver =
    degreesOfFreedom === 0
      ? 0
      : sum(
          table.flatMap((row, run) => {
            const fitted = estimates.reduce((m, e, t) => m + (e.difference / 2) * columns[t][run], mean)
            return row.map((y) => (y - fitted) ** 2)
          }),
        )
  const residualSumOfSquares = leftOver <= n * noise ** 2 ? 0 : leftOver
  const meanSquare = degreesOfFreedom === 0 ? null : residualSumOfSquares / degreesOfFreedom
  const squared = unit * unit
  const t = meanSquare === null ? null : tQuantile((1 - confidence) / 2, degreesOfFreedom)

  const effects = estimates.map((e, i): Effect => {
    const F = meanSquare === null ? null : ratio(e.sumOfSquares, meanSquare)
    const standardError = meanSquare === null ? null : Math.sqrt((4 * meanSquare) / n)
    const margin = t === null || standardError === null ? null : t * standardError
    return {
      term: nameOf(design, terms[i]),
      factors: terms[i].map((f) => design.factors[f].name),
      meanOn: unit * e.on,
      meanOff: unit * e.off,
      difference: unit * e.difference,
      standardError: standardError === null ? null : unit * standardError,
      confidenceInterval: margin === null ? null : [unit * (e.difference - margin), unit * (e.difference + margin)],
      sumOfSquares: squared * e.sumOfSquares,
      F,
      pValue: F === null ? null : fUpperTail(F, 1, degreesOfFreedom),
      adjustedPValue: null,
      cohensF: degreesOfFreedom === 0 ? null : root(ratio(e.sumOfSquares, residualSumOfSquares)),
      aliases: alsoThese[i],
    }
  })
  const adjusted = holm(effects.map(({ pValue }) => pValue))
  effects.forEach((effect, i) => {
    effect.adjustedPValue = adjusted[i]
  })
  return {
    observations: n,
    mean: unit * mean,
    effects,
    residual: {
      degreesOfFreedom,
      sumOfSquares: squared * residualSumOfSquares,
      meanSquare: meanSquare === null ? null : squared * meanSquare,
      standardDeviation: meanSquare === null ? null : unit * Math.sqrt(meanSquare),
    },
    totalSumOfSquares: squared * totalSumOfSquares,
    rSquared: totalSumOfSquares === 0 ? null : 1 - residualSumOfSquares / totalSumOfSquares,
    confidence,
  }
}

/** numerator / denominator, with infinity for x / 0 and null for 0 / 0. */
function ratio(numerator: number, denominator: number): number | null {
  return numerator === 0 && denominator === 0 ? null : numerator / denominator
}

function root(x: number | null): number | null {
  return x === null ? null : Math.sqrt(x)
}

function sum(values: readonly number[]): number {
  return values.reduce((s, v) => s + v, 0)
}

function mean2(table: readonly (readonly number[])[], levels: readonly Level[], level: Level): number {
  const chosen = table.filter((_, run) => levels[run] === level).flat()
  return sum(chosen) / chosen.length
}

function readResponses(
  design: Design,
  responses: readonly (number | readonly number[])[],
  replicates: number | undefined,
): number[][] {
  const runs = design.runs.length
  if (!Array.isArray(responses)) throw new TypeError('analyze: responses must be an array')
  if (replicates !== undefined && !(Number.isInteger(replicates) && replicates >= 1))
    throw new RangeError(`analyze: replicates must be an integer of at least 1, got ${replicates}`)
  const nested = responses.some((r) => Array.isArray(r))
  const perRun = replicates ?? (nested ? (responses[0] as number[]).length : 1)
  const expected = nested ? runs : runs * perRun
  if (responses.length !== expected)
    throw new RangeError(
      `analyze: ${runs} runs${nested ? '' : ` with ${perRun} replicates`} need ${expected} ${nested ? 'lists of responses' : 'responses'}, got ${responses.length}`,
    )
  const table = nested
    ? responses.map((r) => (Array.isArray(r) ? [...r] : [r as number]))
    : Array.from({ length: runs }, (_, run) => responses.slice(run * perRun, (run + 1) * perRun) as number[])
  table.forEach((row, run) => {
    if (row.length !== perRun || perRun === 0)
      throw new RangeError(
        `analyze: run ${run} has ${row.length} responses, others have ${perRun}; all runs need the same number, at least 1`,
      )
    row.forEach((y) => {
      if (typeof y !== 'number')
        throw new TypeError(`analyze: run ${run} has a response that is not a number: ${String(y)}`)
      if (!Number.isFinite(y)) throw new RangeError(`analyze: run ${run} has a response that is not finite: ${y}`)
    })
  })
  return table
}

/** Checks that levels are -1 and 1, since other values would silently give wrong sums. */
function checkLevels(design: Design): void {
  for (const [run, row] of design.runs.entries())
    for (const [i, factor] of design.factors.entries())
      if (row[i] !== 1 && row[i] !== -1)
        throw new RangeError(`analyze: run ${run} has ${factor.name} at level ${String(row[i])}; levels are -1 and 1`)
}

function readTerms(design: Design, interactions: readonly (readonly string[])[]): number[][] {
  const terms = design.factors.map((_, i) => [i])
  for (const names of interactions) {
    if (!Array.isArray(names)) throw new TypeError('analyze: interactions must be lists of factor names')
    for (const name of names)
      if (!design.factors.some((f) => f.name === name))
        throw new RangeError(
          `analyze: interactions name '${name}', which is not a factor; the factors are ${design.factors.map((f) => f.name).join(', ')}`,
        )
    const of = names.map((name) => design.factors.findIndex((f) => f.name === name))
    if (new Set(of).size !== names.length || names.length < 2)
      throw new RangeError(`analyze: an interaction needs two or more different factors, got ${names.join(':')}`)
    terms.push(of.sort((a, b) => a - b))
  }
  return terms
}

function column(design: Design, factors: readonly number[]): Level[] {
  return design.runs.map((row) => factors.reduce((p, f) => p * row[f], 1) as Level)
}

function checkOrthogonal(design: Design, terms: readonly (readonly number[])[], columns: readonly Level[][]): void {
  columns.forEach((a, i) => {
    if (sum(a) !== 0) {
      const on = a.filter((level) => level > 0).length
      const runs = a.length
      const lost =
        Number.isInteger(Math.log2(runs)) || design.definingRelation.length === 0
          ? ''
          : `; ${runs} is not a power of two, so runs are missing: add them to the design, with a response for each`
      throw new RangeError(
        `analyze: ${nameOf(design, terms[i])} is on in ${on} and off in ${runs - on} of the ${runs} runs: its effect cannot be read apart from the mean${lost}`,
      )
    }
    for (let j = 0; j < i; j++)
      if (a.reduce((s, x, run) => s + x * columns[j][run], 0) !== 0)
        throw new RangeError(
          `analyze: ${nameOf(design, terms[i])} is aliased with ${nameOf(design, terms[j])} in this design; leave one out or use more runs`,
        )
  })
}

function nameOf(design: Design, factors: readonly number[]): string {
  return factors.map((f) => design.factors[f].name).join(':')
}

/** For each term, the main effects and two-factor interactions that it is aliased with, with their sign. */
function aliasNames(design: Design, terms: readonly (readonly number[])[]): string[][] {
  const { column, sign } = aliasMap(design)
  const others = new Map<number, number[][]>()
  for (const effect of effectsUpTo(design.factors.length, 2)) {
    const at = column(effect)
    const list = others.get(at)
    if (list) list.push(effect)
    else others.set(at, [effect])
  }
  return terms.map((term) => {
    const own = nameOf(design, term)
    return (others.get(column(term)) ?? []).flatMap((effect) => {
      const name = nameOf(design, effect)
      return name === own ? [] : [(sign(effect) * sign(term) < 0 ? '-' : '') + name]
    })
  })
}
