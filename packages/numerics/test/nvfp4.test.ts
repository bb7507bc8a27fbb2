/** NVFP4: codes, block scales and tensor scale. */
import { describe, expect, test } from 'vitest'
import { decodeNvfp4, encodeNvfp4, nvfp4TensorScale, sqnr } from '../src/index.ts'
import golden from '../vectors/nvfp4.json' with { type: 'json' }
import { asFloats } from './edges.ts'

describe('NVFP4', () => {
  const x = asFloats(Uint32Array.from(golden.x))

  test('codes, scales and values of the recipe', () => {
    const array = encodeNvfp4(x)
    expect(array.tensorScale).toBe(golden.tensorScale)
    expect([...array.scales]).toEqual(golden.scales)
    expect([...array.codes]).toEqual(golden.codes)
    expect([...new Uint32Array(decodeNvfp4(array).buffer)]).toEqual(golden.values)
    expect(sqnr(x, decodeNvfp4(array))).toBeGreaterThan(19)
  })

  test('a part of a tensor, zeros, and what it cannot hold', () => {
    const part = x.subarray(0, 64)
    const greatest = Math.max(...x.map(Math.abs))
    expect([...encodeNvfp4(part, { amax: greatest }).codes]).toEqual(golden.codes.slice(0, 64))
    expect(nvfp4TensorScale(greatest)).toBe(golden.tensorScale)
    const zeros = encodeNvfp4(new Float32Array(16))
    expect([zeros.tensorScale, zeros.scales[0], ...decodeNvfp4(zeros)]).toEqual([1, 0, ...new Array(16).fill(0)])
    expect(() => encodeNvfp4(new Float32Array(17))).toThrow(/16 does not divide/)
    expect(() => encodeNvfp4(new Float32Array(16).fill(Number.NaN))).toThrow(/finite/)
    expect(() => encodeNvfp4(new Float32Array(16).fill(Number.POSITIVE_INFINITY), { amax: 1 })).toThrow(/block 0/)
    expect(() => decodeNvfp4({ ...zeros, codes: new Uint8Array(8) })).toThrow(/need 0.5 scales/)
  })
})
