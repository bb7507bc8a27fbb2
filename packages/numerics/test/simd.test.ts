/** SIMD kernels against the loops in JavaScript, bit for bit. */
import { describe, expect, test, vi } from 'vitest'
import { decodeByTable } from '../src/decode.ts'
import { encodeNearest } from '../src/encode.ts'
import { codeArray, decodeArray, encodeArray, type Format, formats, roundArray } from '../src/index.ts'
import { decodeWithSimd, encodeWithSimd, roundWithSimd } from '../src/simd/run.ts'
import { asFloats, edgeBits, float5, randomBits } from './edges.ts'

/** Those whose negative zero is NaN have no kernels: `encodeWithSimd` and its like say so. */
const signed: Format[] = [...Object.values(formats).filter((f) => f.signed && !f.negativeZeroIsNaN), float5]
const bitsOf = (a: Float32Array) => new Uint32Array(a.buffer, a.byteOffset, a.length)
const same = (a: { buffer: ArrayBufferLike }, b: { buffer: ArrayBufferLike }) =>
  Buffer.compare(Buffer.from(a.buffer), Buffer.from(b.buffer)) === 0

describe.each(signed.map((f) => [f.name, f] as const))('%s', (_, f) => {
  test.each([true, false])('encodes every value, midpoint and neighbour, and random bits; saturate %s', (saturate) => {
    for (const bits of [edgeBits(f), randomBits(2 ** 17)]) {
      const source = asFloats(
        bits.length < 128 ? Uint32Array.of(...bits, ...bits, ...bits, ...bits, ...bits, ...bits) : bits,
      )
      const fast = codeArray(f, source.length)
      const plain = codeArray(f, source.length)
      expect(encodeWithSimd(f, source, fast, saturate)).toBe(true)
      encodeNearest(f, source, plain, saturate)
      expect(same(fast, plain)).toBe(true)
      const rounded = new Float32Array(source.length)
      expect(roundWithSimd(f, source, rounded, saturate)).toBe(true)
      expect(same(rounded, decodeArray(f, plain))).toBe(true)
    }
  })

  test('decodes every code', () => {
    const codes = codeArray(f, Math.max(256, 2 ** f.bits)).map((_: number, i: number) => i) as Uint8Array
    const fast = new Float32Array(codes.length)
    const plain = new Float32Array(codes.length)
    expect(decodeWithSimd(f, codes, fast)).toBe(true)
    decodeByTable(f, codes, plain)
    expect(bitsOf(fast)).toEqual(bitsOf(plain))
  })
})

test('any length and alignment; nothing is written past the end', () => {
  const noise = asFloats(randomBits(20_000)).map((v) => (Number.isNaN(v) ? 0.3 : v))
  for (const f of [formats.bfloat16, formats.float8_e4m3fn])
    for (const [start, length] of [
      [0, 128],
      [1, 129],
      [3, 143],
      [5, 8192],
      [7, 8193],
      [2, 8207],
      [1, 16_385],
      [0, 20_000],
    ]) {
      const source = noise.subarray(start, start + length)
      const codes = codeArray(f, length + 5)
        .fill(7)
        .subarray(1, length + 4)
      const plain = codeArray(f, length)
      encodeArray(f, source, codes)
      encodeNearest(f, source, plain, f.saturates)
      expect([...codes.subarray(0, length)]).toEqual([...plain])
      expect([...codes.subarray(length)]).toEqual([7, 7, 7])
      const values = new Float32Array(length + 3).fill(9)
      decodeArray(f, codes.subarray(0, length), values)
      expect([...values.subarray(length)]).toEqual([9, 9, 9])
      expect(values.subarray(0, length)).toEqual(roundArray(f, source))
    }
})

test('in place', () => {
  const x = Float32Array.from({ length: 1000 }, (_, i) => i / 7)
  const wanted = roundArray('float8_e5m2', x)
  expect(roundArray('float8_e5m2', x, x)).toBe(x)
  expect(x).toEqual(wanted)
})

test('without WebAssembly the results are the same', async () => {
  vi.resetModules()
  vi.stubGlobal('WebAssembly', undefined)
  const plain = await import('../src/index.ts')
  const run = await import('../src/simd/run.ts')
  const source = asFloats(randomBits(5000))
  for (const f of signed) {
    expect(run.encodeWithSimd(f, source, codeArray(f, 5000), true)).toBe(false)
    expect(plain.encodeArray(f, source)).toEqual(encodeArray(f, source))
    expect(bitsOf(plain.roundArray(f, source))).toEqual(bitsOf(roundArray(f, source)))
  }
  vi.unstubAllGlobals()
})
