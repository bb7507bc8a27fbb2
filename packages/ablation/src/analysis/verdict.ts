/** Conclusions of an analysis in sentences, and analysis of several responses at once. */

import { aliases } from '../designs/aliases.ts'
import { checkDesign, checkObject } from '../designs/check-design.ts'
import type { Design } from '../designs/design.ts'
import type { LevelDesign } from '../designs/level-design.ts'
import { type Anova, type AnovaOptions, analysisOfVariance, type Response } from './analysis-of-variance.ts'
import { benjaminiHochberg } from './corrections.ts'

/** Analyses of several responses of the same runs. */
export interface SeveralAnalyses {
  /** The analysis of each response by name. */
  readonly analyses: Readonly<Record<string, Anova>>
  /** By response and term, with p-values corrected over all terms of all responses (Benjamini-Hochberg). */
  readonly table: readonly {
    readonly response: string
    readonly term: string
    readonly difference: number | null
    readonly pValue: number | null
    readonly benjaminiHochberg: number | null
  }[]
  readonly verdict: readonly string[]
}

/**
 * Analyses several responses, such as the subtasks of a benchmark, with p-values corrected for all of them together.
 * @throws RangeError as `analysisOfVariance`, with the name of the response
 * @example
 * const d = design({ factors: ['code', 'math'], runs: 4 })
 * const several = analyzeSeveral(d, { accuracy: [0.37, 0.41, 0.38, 0.43], loss: [3.1, 2.9, 3.1, 2.8] })
 * Object.keys(several.analyses) // ['accuracy', 'loss']
 */
export function analyzeSeveral(
  design: Design | LevelDesign,
  responses: Readonly<Record<string, readonly Response[]>>,
  options: AnovaOptions = {},
): SeveralAnalyses {
  checkDesign('analyzeSeveral', design)
  checkObject('analyzeSeveral: responses', responses)
  const analyses: Record<string, Anova> = {}
  for (const [name, values] of Object.entries(responses)) {
    try {
      analyses[name] = analysisOfVariance(design, values, options)
    } catch (error) {
      if (error instanceof Error) error.message = `${name}: ${error.message}`
      throw error
    }
  }
  const rows = Object.entries(analyses).flatMap(([response, { terms }]) =>
    terms.map(({ term, difference, pValue }) => ({ response, term, difference, pValue })),
  )
  const corrected = benjaminiHochberg(rows.map(({ pValue }) => pValue))
  return {
    analyses,
    table: rows.map((row, i) => ({ ...row, benjaminiHochberg: corrected[i] })),
    verdict: Object.entries(analyses).flatMap(([name, analysis]) =>
      verdict(design, analysis).map((sentence) => `${name}: ${sentence}`),
    ),
  }
}

/**
 * The conclusions of an analysis in sentences: significant effects (after Holm's correction) with their aliases, and an
 * upper bound of the others.
 * @example
 * const d = design({ factors: ['code', 'math'], runs: 4 })
 * verdict(d, analysisOfVariance(d, [0.37, 0.41, 0.38, 0.43])).length // 1
 */
export function verdict(design: Design | LevelDesign, analysis: Anova): string[] {
  checkDesign('verdict', design)
  if (!Array.isArray((analysis as Anova | undefined)?.terms))
    throw new TypeError('verdict: needs the analysis that analysisOfVariance returned')
  const { terms, residual, confidence } = analysis
  const alpha = 1 - confidence
  if (residual.standardDeviation === null)
    return [
      'There are no residual degrees of freedom, so no effect can be tested; replicate runs, or use Lenth’s method.',
    ]
  // Terms and residual are zero up to rounding.
  if (terms.length > 0 && terms.every(({ F }) => F === null))
    return [
      `All responses are ${text(analysis.mean)}, so no effect can be tested; check that the right metric was read.`,
    ]
  const sentences: string[] = []
  const found = terms.filter(({ holm, term }) => holm !== null && holm < alpha && term !== 'blocks')
  for (const { term, difference, confidenceInterval, holm, means, factors } of found) {
    const also = aliasesOf(design, factors)
    const tail = also.length > 0 ? `; it is aliased with ${also.join(', ')}` : ''
    if (difference !== null && confidenceInterval) {
      const [low, high] = confidenceInterval
      sentences.push(
        `${term} ${difference > 0 ? 'raises' : 'lowers'} the response by ${text(Math.abs(difference))} (${text(low)} to ${text(high)}, p = ${text(holm!)})${tail}.`,
      )
    } else {
      const best = [...means].sort((a, b) => b.mean - a.mean)
      const levels = best.map(({ level, mean }) => `${level} ${text(mean)}`).join(', ')
      sentences.push(`${term} has a significant effect (p = ${text(holm!)})${levels ? `: ${levels}` : ''}${tail}.`)
    }
  }
  const others = terms.filter((one) => !found.includes(one) && one.term !== 'blocks')
  if (others.length > 0) {
    const widest = Math.max(
      ...others.map(({ confidenceInterval: c }) => (c ? Math.max(Math.abs(c[0]), Math.abs(c[1])) : 0)),
    )
    const bound = widest > 0 ? `; none of them is likely to exceed ${text(widest)}` : ''
    sentences.push(`No significant effect of ${others.map(({ term }) => term).join(', ')}${bound}.`)
  }
  if (analysis.missing > 0)
    sentences.push(`${analysis.missing} responses are missing; sums of squares are of type III.`)
  return sentences
}

/** The main effects and two-factor interactions that a term is aliased with. */
function aliasesOf(design: Design | LevelDesign, factors: readonly string[]): string[] {
  if (!('definingRelation' in design) || design.definingRelation.length === 0) return []
  const key = (names: readonly string[]) => [...names].sort().join(':')
  const set = aliases(design, 2).find(({ effects }) => effects.some((e) => key(e.factors) === key(factors)))
  return (set?.effects ?? []).filter((e) => key(e.factors) !== key(factors)).map((e) => e.factors.join(':'))
}

function text(value: number): string {
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(1) : String(+value.toPrecision(3))
}
