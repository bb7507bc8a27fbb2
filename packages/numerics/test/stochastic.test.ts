/** Stochastic rounding: unbiased, reproducible by seed; quality of the random bits. */
import { describe, expect, test } from 'vitest'
import { decode, decodeArray, encode, encodeArray, formatNames, formats, randomBits, roundArray } from '../src/index.ts'

const count = 100_000

describe.each(formatNames)('stochastic rounding to %s', (name) => {
  const f = formats[name]
  const low = decode(f, f.signed ? 3 << f.mantissaBits : 130)
  const high = decode(f, f.signed ? (3 << f.mantissaBits) + 1 : 131)

  test.each([0.1, 0.25, 0.5, 0.9])('is unbiased: the mean of values at %d of the way', (fraction) => {
    const x = Math.fround(low + (high - low) * fraction)
    const exact = (x - low) / (high - low)
    const rounded = roundArray(f, new Float32Array(count).fill(x), undefined, { rounding: 'stochastic', seed: 42 })
    let up = 0
    for (const r of rounded) {
      if (r === high) up++
      else if (r !== low) throw new Error(`${x} became ${r}`)
    }
    // 4 standard deviations of a fair draw.
    expect(Math.abs(up / count - exact)).toBeLessThan(4 * Math.sqrt((exact * (1 - exact)) / count) + 1e-12)
  })

  test('is unbiased below the smallest value, and symmetric', () => {
    if (!f.signed) return
    const x = Math.fround(decode(f, 1) * 0.3)
    const rounded = roundArray(f, new Float32Array(count).fill(-x), undefined, { rounding: 'stochastic', seed: 7 })
    const mean = rounded.reduce((a, b) => a + b, 0) / count
    expect(mean / -x).toBeGreaterThan(0.97)
    expect(mean / -x).toBeLessThan(1.03)
  })

  test('is the same for the same seed, in pieces too, and another for another', () => {
    const x = Float32Array.from({ length: 5000 }, (_, i) => Math.fround(low + (high - low) * ((i % 97) / 97)))
    const options = { rounding: 'stochastic', seed: 1 } as const
    const whole = encodeArray(f, x, undefined, options)
    expect(encodeArray(f, x, undefined, options)).toEqual(whole)
    expect(encodeArray(f, x.subarray(1000), undefined, { ...options, firstIndex: 1000 })).toEqual(whole.subarray(1000))
    expect(encodeArray(f, x, undefined, { ...options, seed: 2 })).not.toEqual(whole)
    expect(encode(f, x[4321], { ...options, firstIndex: 4321 })).toBe(whole[4321])
    expect(roundArray(f, x, undefined, options)).toEqual(decodeArray(f, whole))
  })
})

test('randomBits is uniform in every bit and uncorrelated between neighbours and seeds', () => {
  const ones = new Array<number>(32).fill(0)
  const same = [0, 0]
  for (let i = 0; i < count; i++) {
    const r = randomBits(3, i)
    for (let b = 0; b < 32; b++) ones[b] += (r >>> b) & 1
    same[0] += ~(r ^ randomBits(3, i + 1)) & 1
    same[1] += ~(r ^ randomBits(4, i)) & 1
  }
  for (const n of [...ones, ...same]) expect(Math.abs(n / count - 0.5)).toBeLessThan(0.0075)
})

test('misuse is named', () => {
  const options = { rounding: 'stochastic' } as const
  expect(() => encode('float16', 1, { ...options, seed: -1 })).toThrow(/seed: .* got -1/)
  expect(() => encode('float16', 1, { ...options, seed: 1.5 })).toThrow(RangeError)
  expect(() => encode('float16', 1, { ...options, seed: 1, random: Math.random })).toThrow(TypeError)
  expect(() => encode('float16', 1, { ...options, random: 3 as never })).toThrow(/random: .* got 3/)
  expect(() => encode('float16', 1, { ...options, firstIndex: -2 })).toThrow(/firstIndex/)
  expect(() => encode('float16', 1, { saturate: 1 as never })).toThrow(/saturate: .* got 1/)
})
