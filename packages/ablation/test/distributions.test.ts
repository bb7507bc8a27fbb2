/** Tails and quantiles of distributions against mpmath with 60 digits, to 1e-12 relative. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  chiSquareUpperTail,
  fQuantile,
  fUpperTail,
  noncentralFUpperTail,
  normalQuantile,
  normalUpperTail,
  tQuantile,
  tUpperTail,
} from '../src/distributions/distributions.ts'

type Rows = readonly (readonly number[])[]
const vectors = JSON.parse(readFileSync(new URL('../vectors/distributions.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, Rows>
>

const functions: Readonly<Record<string, (...values: number[]) => number>> = {
  f: fUpperTail,
  fQuantile,
  tQuantile,
  normal: normalUpperTail,
  normalQuantile,
  chiSquare: chiSquareUpperTail,
  noncentralF: noncentralFUpperTail,
}

test.each(Object.keys(functions))('%s', (name) => {
  expect(vectors[name].length).toBeGreaterThan(4)
  let worst = 0
  for (const row of vectors[name]) {
    const want = row.at(-1) as number
    const got = functions[name](...row.slice(0, -1))
    const error = want === 0 ? Math.abs(got) : Math.abs(got / want - 1)
    if (!(error <= 1e-12)) expect.fail(`${name}(${row.slice(0, -1).join(', ')}) is ${got}, not ${want}`)
    worst = Math.max(worst, error)
  }
  expect(worst).toBeLessThan(1e-12)
})

test('ends of the line', () => {
  expect(fUpperTail(Number.POSITIVE_INFINITY, 1, 5)).toBe(0)
  expect(fUpperTail(0, 1, 5)).toBe(1)
  expect(tUpperTail(0, 3)).toBe(0.5)
  expect(tUpperTail(-1, 3) + tUpperTail(1, 3)).toBeCloseTo(1, 15)
  expect(tQuantile(0.5, 4)).toBe(0)
  expect(noncentralFUpperTail(3, 1, 8, 0)).toBe(fUpperTail(3, 1, 8))
})
