/** Measures of quantization error: SQNR, shares of lost values, histograms, comparison tables. */
import { expect, test } from 'vitest'
import {
  type CompareOptions,
  compareFormats,
  comparisonTable,
  exponentHistogram,
  formatNames,
  sqnr,
} from '../src/index.ts'

/** Gaussian numbers by Box and Muller over a fixed generator. */
function gaussian(count: number): Float32Array {
  let state = 7
  const uniform = () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) + 0.5) / 2 ** 32
  return new Float32Array(count).map(() => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()))
}

test('sqnr', () => {
  expect(sqnr([1, 2], [1, 2])).toBe(Number.POSITIVE_INFINITY)
  expect(sqnr([10, 0], [9, 0])).toBeCloseTo(20, 12)
  expect(() => sqnr([1], [1, 2])).toThrow(/reference 1, approximation 2/)
})

test('SQNR of Gaussian values is what these formats are known to give', () => {
  const rows = compareFormats(gaussian(2 ** 18), { scaling: 'amax' })
  const db = Object.fromEntries(rows.map((r) => [r.format, r.sqnrDb]))
  expect(db.float8_e4m3fn).toBeGreaterThan(31.3)
  expect(db.float8_e4m3fn).toBeLessThan(31.8)
  expect(db.float8_e5m2).toBeCloseTo(25.6, 0)
  expect(db.bfloat16).toBeCloseTo(55.6, 0)
  expect(db.float16).toBeCloseTo(73.7, 0)
  for (const row of rows) {
    expect(row.maxUlpError).toBeLessThanOrEqual(0.5)
    expect(row.meanUlpError).toBeCloseTo(0.25, 1)
  }
})

test('SQNR of Gaussian values with the best scale', () => {
  const formats = ['float8_e4m3fn', 'float8_e5m2', 'bfloat16'] as const
  const rows = compareFormats(gaussian(2 ** 17), { scaling: 'best', formats })
  const wanted = [31.6, 25.6, 55.6]
  for (const [i, row] of rows.entries()) expect(Math.abs(row.sqnrDb - wanted[i])).toBeLessThan(0.2)
})

test('the best scale is no worse than the greatest magnitude gives, and much better for few bits', () => {
  const x = gaussian(2 ** 14)
  const formats = formatNames.filter((name) => name !== 'float8_e8m0fnu')
  const row = (scaling: CompareOptions['scaling']) => compareFormats(x, { scaling, formats })
  const best = row('best')
  for (const [i, r] of row('amax').entries()) expect(best[i].sqnrDb).toBeGreaterThan(r.sqnrDb - 0.05)
  expect(best.map((r) => r.format)).toEqual(compareFormats(x).map((r) => r.format))
  expect(best.at(-1)!.sqnrDb - row('amax').at(-1)!.sqnrDb).toBeGreaterThan(0.3)
})

test('stochastic rounding costs about 3 dB', () => {
  const x = gaussian(2 ** 16)
  const nearest = compareFormats(x, { formats: ['float8_e4m3fn'] })[0].sqnrDb
  const stochastic = compareFormats(x, { formats: ['float8_e4m3fn'], rounding: 'stochastic', seed: 1 })[0].sqnrDb
  expect(nearest - stochastic).toBeGreaterThan(2.5)
  expect(nearest - stochastic).toBeLessThan(3.5)
})

test('fractions count what was lost', () => {
  const x = Float32Array.of(0, 1e-9, 1, 500, -1e9, Number.NaN, Number.POSITIVE_INFINITY, 2)
  const [row] = compareFormats(x, { formats: ['float8_e4m3fn'] })
  expect(row).toMatchObject({ scale: 1, underflowFraction: 1 / 8, saturationFraction: 3 / 8, nanFraction: 1 / 8 })
  const [half] = compareFormats(x, { formats: ['float16'] })
  expect(half).toMatchObject({ saturationFraction: 2 / 8, nanFraction: 1 / 8 })
  expect(() => compareFormats(x, { scaling: 'block' as never })).toThrow(/'block'/)
  expect(compareFormats(new Float32Array())[0].sqnrDb).toBe(Number.POSITIVE_INFINITY)
  // Nothing that could be compared is not exact.
  for (const x of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const [row] = compareFormats(Float32Array.of(x, x), { formats: ['bfloat16'] })
    expect(row.sqnrDb).toBeNaN()
    expect(comparisonTable([row])).toMatch(/\| +- \|/)
  }
})

test('comparisonTable', () => {
  const x = Float32Array.of(0, 1e-9, 1, 500, 0.3, -0.75)
  const rows = compareFormats(x, { formats: ['bfloat16', 'float8_e4m3fn', 'float4_e2m1fn'] })
  expect(comparisonTable(rows)).toMatchInlineSnapshot(`
    "| format        | scale | SQNR (dB) | max ulp | mean ulp | underflow | saturated | NaN |
    | ------------- | ----: | --------: | ------: | -------: | --------: | --------: | --: |
    | bfloat16      |     1 |    116.12 |   0.439 |    0.140 |         0 |         0 |   0 |
    | float8_e4m3fn |     1 |     19.66 |   0.400 |    0.080 |     16.7% |     16.7% |   0 |
    | float4_e2m1fn |     1 |      0.10 |   0.500 |    0.180 |     16.7% |     16.7% |   0 |"
  `)
  expect(comparisonTable(compareFormats(Float32Array.of(2 ** 20), { scaling: 'amax-power-of-two' }))).toMatch(
    /2\^-12 +\| {5}exact/,
  )
})

test('exponentHistogram', () => {
  const x = Float32Array.of(1, 1.99, 2, -3, 0.25, 0, -0, Number.NaN, Number.NEGATIVE_INFINITY, 4)
  expect(exponentHistogram(x)).toEqual({
    count: 10,
    firstExponent: -2,
    counts: Uint32Array.of(1, 0, 2, 2, 1),
    zeros: 2,
    infinities: 1,
    nans: 1,
  })
  const ends = exponentHistogram(Float32Array.of(1e-45, 2 ** -127, 2 ** -126, 3e38))
  expect([ends.firstExponent, ends.counts.length, ends.counts[22], ends.counts[23]]).toEqual([-149, 277, 1, 1])
  expect(exponentHistogram(new Float32Array(3))).toMatchObject({
    firstExponent: 0,
    counts: new Uint32Array(0),
    zeros: 3,
  })
  const many = gaussian(2 ** 16)
  const own = new Map<number, number>()
  for (const v of many)
    own.set(Math.floor(Math.log2(Math.abs(v))), (own.get(Math.floor(Math.log2(Math.abs(v)))) ?? 0) + 1)
  const h = exponentHistogram(many)
  for (const [i, n] of h.counts.entries()) expect(n).toBe(own.get(h.firstExponent + i) ?? 0)
})

test('rows hold the histogram of what a format made of the values, where asked', () => {
  const x = Float32Array.of(1e-9, 1, 500, 3)
  const [row] = compareFormats(x, { formats: ['float8_e4m3fn'], histogram: true })
  expect(row.exponents).toMatchObject({ firstExponent: 0, zeros: 1, counts: Uint32Array.of(1, 1, 0, 0, 0, 0, 0, 0, 1) })
  expect(compareFormats(x)[0].exponents).toBeUndefined()
})

test('misuse is named', () => {
  expect(() => compareFormats([1] as never)).toThrow(/values must be a Float32Array/)
  expect(() => exponentHistogram([1] as never)).toThrow(/values must be a Float32Array/)
  expect(() => compareFormats(gaussian(4), { formats: ['float9' as never] })).toThrow(/unknown name 'float9'/)
  expect(() => compareFormats(gaussian(4), { rounding: 'up' as never })).toThrow(/'up' is unknown/)
})
