/** Analysis of variance by least squares: factors of any number of levels, unbalanced and missing runs, blocks. */
import { checkDesign } from '../designs/check-design.ts'
import type { Design } from '../designs/design.ts'
import type { LevelDesign } from '../designs/level-design.ts'
import { fUpperTail, tQuantile } from '../distributions/distributions.ts'
import { benjaminiHochberg, holm } from './corrections.ts'
import { leastSquares } from './least-squares.ts'

export interface AnovaOptions {
  /** Interactions to estimate besides the main effects, as lists of factor names. */
  readonly interactions?: readonly (readonly string[])[]
  /** Confidence level of the intervals, above 0 and below 1. Default 0.95. */
  readonly confidence?: number
}

/** A term of the model: a factor, an interaction, or the blocks. */
export interface AnovaTerm {
  /** The factor, the factors of an interaction joined by ':', or `blocks`. */
  readonly term: string
  readonly factors: readonly string[]
  readonly degreesOfFreedom: number
  /** Type III sum of squares: the variation that the term explains after all others. */
  readonly sumOfSquares: number
  /**
   * F statistic; null without residual degrees of freedom, or where term and residual are zero up to rounding, as are
   * the values that depend on it. Infinite where the model fits every response up to rounding.
   */
  readonly F: number | null
  readonly pValue: number | null
  /** p-value after Holm's correction over all terms. */
  readonly holm: number | null
  /** p-value after the Benjamini-Hochberg correction over all terms. */
  readonly benjaminiHochberg: number | null
  /** Cohen's f: sqrt(SS / residual SS). By convention 0.1 is small, 0.25 medium, 0.4 large. */
  readonly cohensF: number | null
  /** For main effects: estimated marginal mean at each level. */
  readonly means: readonly { readonly level: string; readonly mean: number }[]
  /** For terms of two levels: mean at the second level minus mean at the first. */
  readonly difference: number | null
  readonly standardError: number | null
  readonly confidenceInterval: readonly [low: number, high: number] | null
}

export interface Anova {
  /** Number of responses. */
  readonly observations: number
  /** Number of missing responses. */
  readonly missing: number
  /** Mean of the model, with equal weights of all levels. */
  readonly mean: number
  readonly terms: readonly AnovaTerm[]
  readonly residual: {
    readonly degreesOfFreedom: number
    readonly sumOfSquares: number
    readonly standardDeviation: number | null
  }
  readonly rSquared: number | null
  readonly confidence: number
}

/** The response of a run: a number, null where it is missing, or a list where the run was replicated. */
export type Response = number | null | readonly (number | null)[]

interface Term {
  readonly name: string
  readonly factors: readonly number[]
  readonly columns: number[][]
}

/**
 * Estimates and tests the main effects, and given interactions, of any design, with type III sums of squares
 * (sum-to-zero contrasts), so that missing or replicated runs are allowed.
 * @param responses one for each run, in the design's order
 * @throws RangeError where the number of responses does not match the design, or a term is aliased with others in the
 *   available runs
 * @see Montgomery, Design and Analysis of Experiments, chapter 15 (unbalanced data); Cohen 1988, section 8.2
 * @example
 * const d = fullFactorial(['code', { name: 'data', levels: ['web', 'books', 'mixed'] }])
 * const { terms } = analysisOfVariance(d, [1, 2, 3, 4, 5, 7])
 * terms.map(({ term }) => term) // ['code', 'data']
 */
export function analysisOfVariance(
  design: Design | LevelDesign,
  responses: readonly Response[],
  options: AnovaOptions = {},
): Anova {
  const { confidence = 0.95, interactions = [] } = options
  if (!(confidence > 0 && confidence < 1))
    throw new RangeError(`analysisOfVariance: confidence must be above 0 and below 1, got ${confidence}`)
  checkDesign('analysisOfVariance', design)
  const table = asLevels(design)
  const { y, run, missing } = readResponses(table, responses)
  const terms = readTerms(table, run, interactions)
  const constant = y.map(() => 1)
  const n = y.length
  const fit = leastSquares([constant, ...terms.flatMap(({ columns }) => columns)], y)
  if ('dependent' in fit) throw aliasedTerm(terms, fit.dependent, n)
  const residualDegrees = n - fit.coefficients.length
  // Sums of squares within the rounding error count as zero.
  const noise = n * (4 * n * Number.EPSILON * y.reduce((most, v) => Math.max(most, Math.abs(v)), 0)) ** 2
  const clean = (sum: number) => (sum <= noise ? 0 : sum)
  const residualSum = residualDegrees === 0 ? 0 : clean(fit.residualSumOfSquares)
  const meanSquare = residualDegrees === 0 ? null : residualSum / residualDegrees
  const total = y.reduce((s, v) => s + (v - y.reduce((a, b) => a + b, 0) / n) ** 2, 0)
  const t = meanSquare === null ? null : tQuantile((1 - confidence) / 2, residualDegrees)

  let at = 1
  const found = terms.map((term) => {
    const from = at
    at += term.columns.length
    // With its columns last, their projections give the type III sum of squares.
    const others = terms.filter((other) => other !== term).flatMap(({ columns }) => columns)
    const own = leastSquares([constant, ...others, ...term.columns], y)
    if ('dependent' in own) throw aliasedTerm(terms, own.dependent, n)
    const sumOfSquares = clean(own.projections.slice(-term.columns.length).reduce((s, x) => s + x * x, 0))
    const degreesOfFreedom = term.columns.length
    const F =
      meanSquare === null || (meanSquare === 0 && sumOfSquares === 0)
        ? null
        : sumOfSquares / degreesOfFreedom / meanSquare
    const coefficients = fit.coefficients.slice(from, at)
    const single = degreesOfFreedom === 1
    const error = single && meanSquare !== null ? 2 * Math.sqrt(meanSquare * fit.unscaledVariances[from]) : null
    const difference = single ? 2 * coefficients[0] : null
    const levels = term.factors.length === 1 ? table.factors[term.factors[0]].levels : []
    return {
      term: term.name,
      factors: term.factors.map((i) => table.factors[i].name),
      degreesOfFreedom,
      sumOfSquares,
      F,
      pValue: F === null ? null : fUpperTail(F, degreesOfFreedom, residualDegrees),
      cohensF: F === null ? null : Math.sqrt(sumOfSquares / residualSum),
      means: levels.map((level, i) => ({
        level,
        mean: fit.coefficients[0] + (i === 0 ? -coefficients.reduce((s, c) => s + c, 0) : coefficients[i - 1]),
      })),
      difference,
      standardError: error,
      confidenceInterval:
        difference === null || error === null || t === null
          ? null
          : ([difference - t * error, difference + t * error] as const),
    }
  })
  const pValues = found.map(({ pValue }) => pValue)
  const [familyWise, discovery] = [holm(pValues), benjaminiHochberg(pValues)]
  return {
    observations: n,
    missing,
    mean: fit.coefficients[0],
    terms: found.map((one, i) => ({ ...one, holm: familyWise[i], benjaminiHochberg: discovery[i] })),
    residual: {
      degreesOfFreedom: residualDegrees,
      sumOfSquares: residualSum,
      standardDeviation: meanSquare === null ? null : Math.sqrt(meanSquare),
    },
    rSquared: total === 0 ? null : 1 - residualSum / total,
    confidence,
  }
}

/** Converts a two-level design to levels 0 and 1. */
export function asLevels(design: Design | LevelDesign): LevelDesign {
  if (!('definingRelation' in design)) return design
  return {
    name: 'two-level design',
    factors: design.factors.map(({ name, off = 'off', on = 'on' }) => ({ name, levels: [off, on] })),
    runs: design.runs.map((row) => row.map((level) => (level > 0 ? 1 : 0))),
  }
}

function readResponses({ runs }: LevelDesign, responses: readonly Response[]) {
  if (!Array.isArray(responses)) throw new TypeError('analysisOfVariance: responses must be an array, one for each run')
  if (responses.length !== runs.length)
    throw new RangeError(
      `analysisOfVariance: ${runs.length} runs need ${runs.length} responses, got ${responses.length}; give null for a run that is missing`,
    )
  const y: number[] = []
  const run: number[] = []
  let missing = 0
  responses.forEach((response, i) => {
    for (const value of Array.isArray(response) ? response : [response]) {
      if (value === null) missing++
      else if (typeof value !== 'number' || !Number.isFinite(value))
        throw new RangeError(
          `analysisOfVariance: run ${i} has a response that is not a finite number: ${String(value)}`,
        )
      else {
        y.push(value)
        run.push(i)
      }
    }
  })
  return { y, run, missing }
}

function readTerms(design: LevelDesign, run: readonly number[], interactions: readonly (readonly string[])[]): Term[] {
  const { factors, runs, blocks } = design
  const effect = (levels: readonly number[], count: number): number[][] =>
    Array.from({ length: count - 1 }, (_, j) => levels.map((level) => (level === 0 ? -1 : level === j + 1 ? 1 : 0)))
  const main = factors.map(({ levels }, i) =>
    effect(
      run.map((r) => runs[r][i]),
      levels.length,
    ),
  )
  const terms: Term[] = factors.map(({ name }, i) => ({ name, factors: [i], columns: main[i] }))
  for (const names of interactions) {
    const indices = names.map((name) => {
      const i = factors.findIndex((f) => f.name === name)
      if (i < 0)
        throw new RangeError(
          `analysisOfVariance: interactions name '${name}', which is not a factor; the factors are ${factors.map((f) => f.name).join(', ')}`,
        )
      return i
    })
    if (indices.length < 2 || new Set(indices).size !== indices.length)
      throw new RangeError(
        `analysisOfVariance: an interaction needs two or more different factors, got ${names.join(':')}`,
      )
    const columns = indices
      .map((i) => main[i])
      .reduce((left, right) => left.flatMap((a) => right.map((b) => a.map((x, k) => x * b[k]))))
    terms.push({ name: names.join(':'), factors: indices, columns })
  }
  if (blocks) {
    const own = run.map((r) => blocks[r])
    const known = [...new Set(own)].sort((a, b) => a - b)
    if (known.length > 1)
      terms.push({
        name: 'blocks',
        factors: [],
        columns: effect(
          own.map((block) => known.indexOf(block)),
          known.length,
        ),
      })
  }
  return terms
}

/** The error for a column that is linearly dependent on others. */
function aliasedTerm(terms: readonly Term[], column: number, observations: number): RangeError {
  let at = 1
  const term = terms.find(({ columns }) => {
    at += columns.length
    return column < at
  })
  const what = term?.name ?? 'the mean'
  return new RangeError(
    `analysisOfVariance: ${what} is aliased with other terms in the ${observations} available responses; omit a term or add runs`,
  )
}
