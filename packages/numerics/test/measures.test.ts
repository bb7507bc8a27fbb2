import { expect, test } from 'vitest'
import { compareFormats, sqnr } from '../src/index.ts'

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

test('stochastic rounding costs about 3 dB', () => {
  const x = gaussian(2 ** 16)
  const nearest = compareFormats(x, { formats: ['float8_e4m3fn'] })[0].sqnrDb
  const stochastic = compareFormats(x, { formats: ['float8_e4m3fn'], rounding: 'stochastic' })[0].sqnrDb
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
})
