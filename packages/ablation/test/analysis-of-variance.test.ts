/** Analyses of variance, corrections and margins against statsmodels and scipy. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  analysisOfVariance,
  analyzeSeveral,
  curvature,
  design,
  fullFactorial,
  type LevelDesign,
  lenth,
  power,
  type Response,
  replicatesNeeded,
  verdict,
} from '../src/index.ts'

interface Case {
  name: string
  levels: number[]
  runs: number[][]
  responses: Response[]
  interactions: number[][]
  blocks?: number[]
  residual: [number, number]
  rSquared: number
  mean: number
  terms: {
    df: number
    ss: number
    F: number
    p: number
    holm: number
    bh: number
    difference?: number
    standardError?: number
    interval?: [number, number]
  }[]
}
const vectors = JSON.parse(readFileSync(new URL('../vectors/anova.json', import.meta.url), 'utf8')) as {
  cases: Case[]
  lenth: { runs: number; factors: number; y: number[]; pse: number; me: number; sme: number }[]
}

function close(got: number | null, want: number, what: string, scale = Math.abs(want)): void {
  if (!(Math.abs((got ?? Number.NaN) - want) <= 1e-9 * scale)) expect.fail(`${what}: ${got}, not ${want}`)
}

test.each(vectors.cases.map((c) => [c.name, c] as const))('%s', (_, c) => {
  const factors = c.levels.map((n, k) => ({ name: `F${k}`, levels: Array.from({ length: n }, (_, i) => String(i)) }))
  const given: LevelDesign = { name: c.name, factors, runs: c.runs, ...(c.blocks && { blocks: c.blocks }) }
  const interactions = c.interactions.map((own) => own.map((k) => `F${k}`))
  const a = analysisOfVariance(given, c.responses, { interactions })
  expect(a.residual.degreesOfFreedom).toBe(c.residual[0])
  close(a.residual.sumOfSquares, c.residual[1], 'residual')
  close(a.rSquared, c.rSquared, 'R squared')
  close(a.mean, c.mean, 'mean')
  expect(a.terms).toHaveLength(c.terms.length)
  expect(a.observations + a.missing).toBe(c.responses.flat().length)
  c.terms.forEach((want, i) => {
    const got = a.terms[i]
    expect(got.degreesOfFreedom).toBe(want.df)
    close(got.sumOfSquares, want.ss, `${got.term} sum of squares`)
    close(got.F, want.F, `${got.term} F`)
    close(got.pValue, want.p, `${got.term} p`)
    close(got.holm, want.holm, `${got.term} Holm`)
    close(got.benjaminiHochberg, want.bh, `${got.term} Benjamini-Hochberg`)
    close(got.cohensF, Math.sqrt(want.ss / c.residual[1]), `${got.term} Cohen's f`)
    if (want.difference === undefined || want.standardError === undefined) return
    close(got.difference, want.difference, `${got.term} difference`, want.standardError)
    close(got.standardError, want.standardError, `${got.term} standard error`)
    want.interval!.forEach((end, k) => {
      close(got.confidenceInterval![k], end, `${got.term} interval`, want.standardError)
    })
    const [off, on] = got.means
    close(on.mean - off.mean, want.difference, `${got.term} means`, want.standardError)
  })
})

test.each(vectors.lenth)('Lenth, $runs runs of $factors factors', ({ runs, factors, y, pse, me, sme }) => {
  const names = Array.from({ length: factors }, (_, i) => String.fromCharCode(65 + i))
  const found = lenth(design({ factors: names, runs }), y)
  expect(found.effects).toHaveLength(runs - 1)
  close(found.pseudoStandardError, pse, 'pseudo standard error')
  close(found.marginOfError, me, 'margin of error')
  close(found.simultaneousMarginOfError, sme, 'simultaneous margin of error')
})

const five = design({ factors: ['Code', 'Web', 'Math', 'Dialogue', 'PDF'], runs: 8 })
const scores = five.runs.map((row, run) => 0.4 + 0.03 * row[2] + 0.0004 * Math.sin(7 * run))

test('a verdict says what was found, what it is mixed with, and how large the rest can be', () => {
  const sentences = verdict(five, analysisOfVariance(five, scores))
  expect(sentences[0]).toMatch(/^Math raises the response by 0\.0595 \(.* to .*, p = .*\); it is aliased with/)
  expect(sentences.at(-1)).toMatch(/^No significant effect of Code, Web, .*; none of them is likely to exceed /)
  const holes = analysisOfVariance(fullFactorial(['A', 'B', 'C']), [1, 2, 1.1, 2.1, null, 2.05, 1.04, 1.97])
  expect(verdict(fullFactorial(['A', 'B', 'C']), holes).at(-1)).toMatch(/^1 responses are missing/)
  expect(verdict(five, analysisOfVariance(design({ factors: ['A', 'B', 'C'], runs: 4 }), [1, 2, 3, 4]))[0]).toMatch(
    /^There are no residual degrees/,
  )
})

test('several responses are corrected together', () => {
  const several = analyzeSeveral(five, { easy: scores, hard: scores.map((y, i) => y + 0.01 * Math.cos(5 * i)) })
  expect(several.table).toHaveLength(10)
  const math = several.table.find(({ response, term }) => response === 'easy' && term === 'Math')!
  expect(math.benjaminiHochberg! / math.pValue!).toBeGreaterThan(1)
  expect(several.verdict[0]).toMatch(/^easy: Math raises/)
  expect(() => analyzeSeveral(five, { hard: [1, 2] })).toThrow(
    'hard: analysisOfVariance: 8 runs need 8 responses, got 2',
  )
})

test('rounding is no effect', () => {
  const exact = analysisOfVariance(
    five,
    five.runs.map((row) => 0.1 + 0.3 * row[2]),
  )
  expect(exact.terms.map(({ F, pValue }) => [F, pValue])).toEqual(
    five.factors.map(({ name }) => (name === 'Math' ? [Number.POSITIVE_INFINITY, 0] : [null, null])),
  )
  expect(analysisOfVariance(five, Array(8).fill(0.7)).terms.every(({ pValue }) => pValue === null)).toBe(true)
})

test('power', () => {
  // scipy: ncf.sf(f.isf(0.05, 1, 30), 1, 30, 2)
  expect(power({ runs: 4, replicates: 8, terms: 1, effect: 0.5, standardDeviation: 1 })).toBeCloseTo(0.27774452381, 9)
  expect(replicatesNeeded({ runs: 8, terms: 5, effect: 0.5, standardDeviation: 0.3 })).toBe(2)
  expect(() => power({ runs: 8, terms: 7, effect: 1, standardDeviation: 1 })).toThrow(/no residual degrees of freedom/)
  const { F, pValue } = curvature([1, 2, 3, 4], [4, 4.2, 3.8])
  expect(F).toBeCloseTo((4 * 3 * 1.5 ** 2) / 7 / 0.04, 9)
  expect(pValue).toBeLessThan(0.05)
})

test('what cannot be analysed is refused by name', () => {
  const two = fullFactorial(['A', 'B'])
  expect(() => analysisOfVariance(two, [1, null, 2, null])).toThrow(
    /A is aliased with other terms in the 2 available responses/,
  )
  expect(() => analysisOfVariance(two, [1, 2, Number.NaN, 4])).toThrow(
    'run 2 has a response that is not a finite number: NaN',
  )
  expect(() => analysisOfVariance(two, [1, 2, 3, 4], { interactions: [['A', 'X']] })).toThrow(
    "'X', which is not a factor",
  )
  expect(() => analysisOfVariance(five, scores, { interactions: [['Code', 'Web']] })).toThrow(
    /is aliased with other terms/,
  )
})

test.each([1, 0, -7.25e9, 1e-300])('a response that is %d in every run: nothing varies, which is said', (value) => {
  const made = design({ factors: ['a', 'b', 'c', 'd', 'e'], runs: 8 })
  const analysis = analysisOfVariance(made, Array(8).fill(value))
  expect(verdict(made, analysis)).toEqual([expect.stringMatching(/^All responses are .*, so no effect can be tested/)])
})
