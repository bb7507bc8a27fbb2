/** Codes packed into 32-bit words. */
import { expect, test } from 'vitest'
import {
  codeArray,
  codesPerWord,
  decodeArray,
  decodeWords,
  encodeArray,
  encodeWords,
  formatNames,
  formats,
  packWords,
  unpackWords,
} from '../src/index.ts'

test.each(formatNames)('%s: packing and unpacking are inverse, and the first code is lowest', (name) => {
  const f = formats[name]
  const n = codesPerWord(f)
  expect(n).toBe({ 16: 2, 8: 4, 6: 4, 4: 8 }[f.bits])
  for (const length of [0, 1, n, n + 1, 257]) {
    const codes = codeArray(f, length).map((_: number, i: number) => (i * 37 + 5) % 2 ** f.bits) as Uint8Array
    const words = packWords(f, codes)
    expect(words.length).toBe(Math.ceil(length / n))
    codes.forEach((code, i) => {
      expect((words[Math.floor(i / n)] >>> ((i % n) * (32 / n))) & (2 ** f.bits - 1)).toBe(code)
    })
    expect(unpackWords(f, words, length)).toEqual(codes)
    expect(decodeWords(f, words, length)).toEqual(decodeArray(f, codes))
  }
})

test.each(formatNames)('%s: values into words are their codes packed, longer arrays too', (name) => {
  const x = Float32Array.from({ length: 10_001 }, (_, i) => (i + 1) / 700)
  const words = encodeWords(name, x)
  expect(words).toEqual(packWords(name, encodeArray(name, x)))
  expect(decodeWords(name, words, x.length)).toEqual(decodeArray(name, encodeArray(name, x)))
  const seeded = { rounding: 'stochastic', seed: 9 } as const
  expect(encodeWords(name, x, undefined, seeded)).toEqual(packWords(name, encodeArray(name, x, undefined, seeded)))
})

test('into a given output', () => {
  const out = new Uint32Array(4).fill(0xffffffff)
  expect(encodeWords('float4_e2m1fn', Float32Array.of(1, -1, 6), out)).toBe(out)
  expect([...out]).toEqual([0x7a2, 0xffffffff, 0xffffffff, 0xffffffff])
  const values = new Float32Array(4).fill(9)
  expect([...decodeWords('float4_e2m1fn', out, 3, values)]).toEqual([1, -1, 6, 9])
  const codes = new Uint8Array(4).fill(9)
  expect([...unpackWords('float4_e2m1fn', out, 3, codes)]).toEqual([2, 10, 7, 9])
})

test('misuse is named', () => {
  const words = new Uint32Array(1)
  expect(() => packWords('float8_e5m2', new Uint8Array(5), words)).toThrow(
    /out has 1 words, 5 codes of float8_e5m2 need 2/,
  )
  expect(() => packWords('float16', new Uint8Array(2) as never)).toThrow(/codes must be a Uint16Array/)
  expect(() => encodeWords('float16', new Float32Array(3), words)).toThrow(RangeError)
  expect(() => encodeWords('float16', [1] as never)).toThrow(/source must be a Float32Array/)
  expect(() => encodeWords('float16', new Float32Array(1), [1] as never)).toThrow(/out must be a Uint32Array/)
  expect(() => decodeWords('float16', words, 3)).toThrow(/words has 1 words, 3 codes/)
  expect(() => decodeWords('float16', words, -1)).toThrow(/count must be an integer/)
  expect(() => decodeWords('float16', words, 2, new Float32Array(1))).toThrow(/out has 1 elements, count is 2/)
  expect(() => unpackWords('float16', words, 2, new Uint16Array(1))).toThrow(/out has 1 elements, count is 2/)
  expect(() => codesPerWord('float12' as never)).toThrow(/unknown name 'float12'/)
})
