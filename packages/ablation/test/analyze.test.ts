/** Effects and their tests against statsmodels, designs at the limits, and errors of wrong input. */
import { describe, expect, test } from 'vitest'
import { analyze, design, effectsCsv, effectsTable } from '../src/index.ts'
import vectors from '../vectors/analysis.json' with { type: 'json' }

function expectClose(actual: number | null, wanted: number, tolerance: number, what: string, scale = 0) {
  if (actual === null || !(Math.abs(actual - wanted) <= tolerance * Math.max(Math.abs(wanted), scale)))
    throw new Error(`${what}: ${actual}, expected ${wanted}`)
}

describe('against statsmodels', () => {
  test.each(vectors.cases.map((c) => [c.name, c] as const))('%s', (_, c) => {
    const generators =
      Object.keys(c.generators).length > 0 ? (c.generators as unknown as Record<string, string[]>) : undefined
    const d = design({ factors: c.factors, runs: c.runs, generators })
    expect(d.runs).toEqual(c.levels)
    const nested = d.runs.map((_, run) => c.responses.slice(run * c.replicates, (run + 1) * c.replicates))
    for (const a of [
      analyze(d, c.responses, { replicates: c.replicates, interactions: c.interactions }),
      analyze(d, nested, { interactions: c.interactions }),
    ]) {
      expect(a.residual.degreesOfFreedom).toBe(c.degreesOfFreedom)
      expectClose(a.residual.sumOfSquares, c.residualSumOfSquares, 1e-9, 'residual')
      expectClose(a.rSquared, c.rSquared, 1e-9, 'R squared')
      expectClose(a.mean, c.mean, 1e-12, 'mean', 1e-3)
      expect(a.effects.map((e) => e.term)).toEqual(c.effects.map((e) => e.term))
      a.effects.forEach((e, i) => {
        const w = c.effects[i]
        expectClose(e.difference, w.difference, 1e-9, `${w.term} difference`, 1e-3)
        expectClose(e.meanOn - e.meanOff, w.difference, 1e-9, `${w.term} means`, 1e-3)
        expectClose(e.standardError, w.standardError, 1e-9, `${w.term} standard error`)
        expectClose(e.confidenceInterval![0], w.low, 1e-9, `${w.term} low`, w.standardError)
        expectClose(e.confidenceInterval![1], w.high, 1e-9, `${w.term} high`, w.standardError)
        expectClose(e.sumOfSquares, w.sumOfSquares, 1e-8, `${w.term} sum of squares`)
        expectClose(e.F, w.F, 1e-8, `${w.term} F`)
        expectClose(e.pValue, w.p, 1e-9, `${w.term} p`)
        expectClose(e.adjustedPValue, w.holm, 1e-9, `${w.term} Holm`)
        expectClose(e.cohensF, w.cohensF, 1e-8, `${w.term} Cohen's f`)
      })
    }
  })
})

const five = design({ factors: ['Stack v2', 'FineWeb-', 'MegaMath', 'Laboro', 'FinePDFs'], runs: 8 })
const responses = five.runs.map((row, i) => 0.4 + 0.03 * row[2] + 0.002 * row[0] + 0.001 * Math.sin(7 * i))

test('finds the one clear effect', () => {
  const a = analyze(five, responses)
  expect(a.effects.filter((e) => e.pValue! < 0.01).map((e) => e.term)).toEqual(['MegaMath'])
  expect(a.effects[2].difference).toBeCloseTo(0.06, 2)
  expect(a.effects[0].aliases).toEqual(['FineWeb-:Laboro', 'MegaMath:FinePDFs'])
})

test('a saturated design has effects but no test', () => {
  const d = design({ factors: ['A', 'B', 'C'], runs: 4 })
  const a = analyze(d, [1, 2, 3, 4])
  expect(a.residual).toEqual({ degreesOfFreedom: 0, sumOfSquares: 0, meanSquare: null, standardDeviation: null })
  expect(a.effects[0]).toMatchObject({ difference: 1, F: null, pValue: null, cohensF: null, confidenceInterval: null })
  expect(effectsTable(a)).toContain('-')
})

test('no noise at all: F is infinite, or undefined where there is no effect', () => {
  const d = design({ factors: ['A', 'B'], runs: 4 })
  const a = analyze(d, [0, 1, 0, 1], { replicates: 1 })
  expect(a.effects.map((e) => [e.F, e.pValue])).toEqual([
    [Number.POSITIVE_INFINITY, 0],
    [null, null],
  ])
  expect(analyze(d, [5, 5, 5, 5]).rSquared).toBe(null)
})

test('text and CSV', () => {
  const a = analyze(five, responses)
  const lines = effectsTable(a).split('\n')
  expect(lines[0]).toMatch(/^term +on +off +on - off +95% low +95% high +F +p +p \(Holm\) +Cohen's f$/)
  expect(lines).toHaveLength(8)
  const csv = effectsCsv(a).trimEnd().split('\r\n')
  expect(csv).toHaveLength(6)
  expect(Number(csv[3].split(',')[3])).toBe(a.effects[2].difference)
})

test('wrong input is named', () => {
  expect(() => analyze(five, [1, 2, 3])).toThrow(/8 runs with 1 replicates need 8 responses, got 3/)
  expect(() => analyze(five, responses, { replicates: 2 })).toThrow(/need 16 responses, got 8/)
  expect(() => analyze(five, [...responses.slice(1), Number.NaN])).toThrow(/run 7 has a response that is not finite/)
  expect(() => analyze(five, [...responses.slice(1), 'x' as never])).toThrow(TypeError)
  expect(() =>
    analyze(
      five,
      five.runs.map((_, i) => (i === 3 ? [1] : [1, 2])),
    ),
  ).toThrow(/run 3 has 1 responses, others have 2/)
  expect(() => analyze(five, responses, { confidence: 1 })).toThrow(RangeError)
  expect(() => analyze(five, responses, { interactions: [['Stack v2', 'FineWeb-']] })).toThrow(
    /Stack v2:FineWeb- is aliased with Laboro/,
  )
  expect(() => analyze(five, responses, { interactions: [['MegaMath', 'Q']] })).toThrow(/'Q', which is not a factor/)
  expect(() => analyze(five, responses, { interactions: [['MegaMath']] })).toThrow(/two or more/)
})

describe('responses and designs at the edge', () => {
  const d = design({ factors: ['A', 'B', 'C'], runs: 4 })
  const eight = design({ factors: ['A', 'B', 'C', 'D'], runs: 8 })

  test('a level that is neither -1 nor 1 is refused', () => {
    const runs = d.runs.map((row, i) => (i === 2 ? [0, ...row.slice(1)] : row)) as never
    expect(() => analyze({ ...d, runs }, [1, 2, 3, 4])).toThrow(/run 2 has A at level 0; levels are -1 and 1/)
  })

  test('responses of any size give the same F and p', () => {
    const y = [0.1, 0.5, 0.3, 0.9, 0.2, 0.55, 0.28, 0.97]
    const { effects } = analyze(eight, y)
    for (const scale of [2 ** 600, 2 ** -600, 2 ** 1010]) {
      const scaled = analyze(
        eight,
        y.map((v) => v * scale),
      )
      expect(scaled.effects.map(({ F, pValue, cohensF }) => [F, pValue, cohensF])).toEqual(
        effects.map(({ F, pValue, cohensF }) => [F, pValue, cohensF]),
      )
      expect(scaled.effects[0].difference).toBe(effects[0].difference * scale)
    }
    expect(
      analyze(eight, [1e200, -1e200, 1e200, 3e199, 1, 2, 3, 4]).effects.every(
        ({ pValue }) => pValue! > 0 && pValue! < 1,
      ),
    ).toBe(true)
  })

  test('a fit that is perfect but for rounding has no p from its rounding', () => {
    const y = eight.runs.map((row) => 0.1 + 0.3 * row[0])
    const { effects, residual } = analyze(eight, y)
    expect(residual.sumOfSquares).toBe(0)
    expect(effects.map(({ F, pValue }) => [F, pValue])).toEqual([
      [Number.POSITIVE_INFINITY, 0],
      [null, null],
      [null, null],
      [null, null],
    ])
  })

  test('a lost run is called that', () => {
    const runs = eight.runs.slice(0, 7)
    expect(() => analyze({ ...eight, runs }, [1, 2, 3, 4, 5, 6, 7])).toThrow(
      /on in \d and off in \d of the 7 runs.*7 is not a power of two, so runs are missing/,
    )
  })
})
