/** float16 against an independent library that rounds doubles directly. */
import { f16round } from '@petamoriken/float16'
import { expect, test } from 'vitest'
import { round } from '../src/index.ts'
import { asFloats, randomBits } from './edges.ts'

test('round to float16 agrees with @petamoriken/float16 on float32 values', () => {
  for (const x of asFloats(randomBits(100_000)))
    if (!Object.is(round('float16', x), f16round(x))) throw new Error(`${x}`)
  expect(round('float16', 65520)).toBe(Number.POSITIVE_INFINITY)
})

test('a double that is no float32 is rounded once, as there', () => {
  // The float32 between lies on the midpoint of two float16 numbers: by way of it the result would be 1.
  const x = 1 + 2 ** -11 + 2 ** -40
  expect(round('float16', x)).toBe(1 + 2 ** -10)
  for (const y of asFloats(randomBits(20_000))) {
    const near = y * (1 + 2 ** -30)
    if (!Object.is(round('float16', near), f16round(near))) throw new Error(`${near}`)
  }
})
