/** Every format against ml_dtypes: decoding, encoding, rounding modes, finfo. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  codeArray,
  decode,
  decodeArray,
  type EncodeOptions,
  encode,
  encodeArray,
  type Format,
  finfo,
  formatNames,
  formats,
  round,
} from '../src/index.ts'
import vectors from '../vectors/formats.json' with { type: 'json' }
import { asFloats, canonical, edgeBits, float5, randomBits, sha256 } from './edges.ts'

const noise = randomBits(2 ** 18)
const finiteNoise = noise.filter((b) => (b & 0x7f800000) !== 0x7f800000)
const codesOf = (f: Format, bits: Uint32Array, options: EncodeOptions) =>
  sha256(Uint16Array.from(encodeArray(f, asFloats(bits), undefined, options)))
const allCodes = (f: Format) => codeArray(f, 2 ** f.bits).map((_: number, i: number) => i) as Uint8Array

describe.each(formatNames)('%s against ml_dtypes', (name) => {
  const f = formats[name]
  const golden = vectors.formats[name]
  if (!golden) throw new Error(`vectors/formats.json has no ${name}: name it in vectors/make.py and run that`)
  const edges = edgeBits(f)

  test('decodes every code', () => {
    const values = decodeArray(f, allCodes(f))
    const bits = canonical(new Uint32Array(values.buffer))
    if ('table' in golden) expect([...bits]).toEqual(golden.table)
    expect(sha256(bits)).toBe(golden.decoded)
  })

  test('encodes every value, midpoint and neighbour', () => {
    expect(edges.length).toBe(golden.edgeCount)
    expect(sha256(edges)).toBe(golden.edges)
    expect(codesOf(f, edges, { saturate: false })).toBe(golden.overflow.edges)
    expect(codesOf(f, edges, { saturate: true })).toBe(golden.saturate.edges)
    expect(codesOf(f, edges, { rounding: 'toward-zero' })).toBe(golden.towardZero.edges)
  })

  test('encodes 2^18 random bit patterns', () => {
    expect(codesOf(f, noise, { saturate: false })).toBe(golden.overflow.random)
    expect(codesOf(f, noise, { saturate: true })).toBe(golden.saturate.random)
    expect(codesOf(f, finiteNoise, { rounding: 'toward-zero' })).toBe(golden.towardZero.finiteRandom)
  })

  test('special values', () => {
    for (const [bits, overflow, saturated] of golden.selected) {
      const x = asFloats(Uint32Array.of(bits))
      expect(encodeArray(f, x, undefined, { saturate: false })[0]).toBe(overflow)
      expect(encodeArray(f, x, undefined, { saturate: true })[0]).toBe(saturated)
      if (!Number.isNaN(x[0])) expect(encode(f, x[0], { saturate: true })).toBe(saturated)
    }
  })

  test('a double is rounded once', () => {
    const { once } = golden
    const values = Array.from({ length: f.maxFiniteCode + 1 }, (_, code) => decode(f, code))
    const inputs: number[] = []
    for (let code = 1; code < f.maxFiniteCode; code += Math.max(1, Math.floor(f.maxFiniteCode / 300))) {
      for (const x of [values[code], (values[code] + values[code + 1]) / 2])
        inputs.push(nextAfter(x, -1), x, nextAfter(x, 1), x * (1 - 2 ** -40), x * (1 + 2 ** -40))
    }
    expect(inputs.length).toBe(once.count)
    expect(sha256(new Uint32Array(Float64Array.from(inputs).buffer))).toBe(once.inputs)
    expect(sha256(Uint16Array.from(inputs, (x) => encode(f, x)))).toBe(once.codes)
    for (const x of inputs) {
      const down = decode(f, encode(f, x, { rounding: 'toward-zero' }))
      expect(down <= x || down === values[0]).toBe(true)
    }
  })

  test('finfo', () => {
    const info = finfo(name)
    expect(info.bits).toBe(golden.finfo.bits)
    expect(info.max).toBe(golden.finfo.max)
    expect(info.min).toBe(golden.finfo.min)
    expect(info.eps).toBe(golden.finfo.eps)
    expect(info.smallestNormal / golden.finfo.smallest_normal).toBe(1)
    expect(info.smallestSubnormal).toBe(golden.finfo.smallest_subnormal)
    const values = decodeArray(f, allCodes(f))
    const codesWhere = (holds: (v: number) => boolean) => [...values.keys()].filter((code) => holds(values[code]))
    expect(info.nanCodes).toEqual(codesWhere(Number.isNaN))
    expect(info.infinityCodes).toEqual(codesWhere((v) => Math.abs(v) === Number.POSITIVE_INFINITY))
  })

  test('scalar and array paths agree under every rounding', () => {
    for (const rounding of ['nearest-even', 'toward-zero', 'stochastic'] as const)
      for (const saturate of [true, false]) {
        const options = { rounding, saturate, random: () => 0.3 }
        const some = asFloats(edges.filter((_, i) => edges.length < 5000 || i % 97 === 0))
        const codes = encodeArray(f, some, undefined, options)
        some.forEach((x, i) => {
          if (encode(f, x, options) !== codes[i]) throw new Error(`${name} ${rounding} ${saturate} ${x}`)
        })
      }
  })

  test('stochastic rounding leaves exact values alone', () => {
    const never = () => {
      throw new Error('drawn')
    }
    for (let code = 0; code <= f.maxFiniteCode; code++)
      expect(encode(f, decode(f, code), { rounding: 'stochastic', random: never })).toBe(code)
  })
})

/** The double next to a positive one, up (1) or down (-1). */
function nextAfter(x: number, direction: number): number {
  const bits = new BigInt64Array(Float64Array.of(x).buffer)
  bits[0] += BigInt(direction)
  return new Float64Array(bits.buffer)[0]
}

test('every format is in the README', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  expect(
    formatNames.filter((name) => !readme.includes(`| \`${name}\` `)),
    'each needs a row',
  ).toEqual([])
})

test('doubles that are on a midpoint once they are float32', () => {
  expect(round('float16', 2.9802322387695319e-8)).toBe(2 ** -24)
  expect(round('bfloat16', 1 + 2 ** -8 + 2 ** -40)).toBe(1 + 2 ** -7)
  expect(round('float16', 1e300)).toBe(Number.POSITIVE_INFINITY)
  expect(round('bfloat16', 1e300, { rounding: 'toward-zero' })).toBe(decode('bfloat16', 0x7f7f))
  expect(round('bfloat16', -1e-300)).toBe(-0)
})

test('encodeArray and decodeArray write into out and allocate nothing of their own', () => {
  const out = new Uint8Array(5)
  expect(encodeArray('float8_e4m3fn', Float32Array.of(1, -2, 500), out)).toBe(out)
  expect([...out]).toEqual([0x38, 0xc0, 0x7e, 0, 0])
  const values = new Float32Array(4).fill(9)
  expect([...decodeArray('float8_e4m3fn', out.subarray(0, 3), values)]).toEqual([1, -2, 448, 9])
})

test('wrong input is named', () => {
  expect(() => encode('float8' as never, 1)).toThrow(/unknown name 'float8'; known are bfloat16/)
  expect(() => encode('toString' as never, 1)).toThrow(RangeError)
  expect(() => encode(7 as never, 1)).toThrow(TypeError)
  expect(() => encode('float16', '1' as never)).toThrow(TypeError)
  expect(() => encode('float16', 1, { rounding: 'up' as never })).toThrow(/'up' is unknown/)
  expect(() => decode('float8_e5m2', 256)).toThrow(/0 to 255/)
  expect(() => encodeArray('float16', new Float32Array(3), new Uint16Array(2))).toThrow(/2 elements, source has 3/)
  expect(() => encodeArray('float16', new Float32Array(3), new Uint8Array(3))).toThrow(/Uint16Array for float16/)
  expect(() => decodeArray('float16', new Uint16Array(3), new Float32Array(2))).toThrow(RangeError)
})

describe('a format of one own', () => {
  test('holds its values, saturates, and has no NaN', () => {
    const values = decodeArray(
      float5,
      Uint8Array.from({ length: 32 }, (_, i) => i),
    )
    expect([...values.subarray(0, 16)]).toEqual([0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6, 7])
    const x = Float32Array.of(0.125, 0.13, 0.375, 2.25, 2.75, 4.5, 5.5, 100, -0.1, Number.NaN)
    expect([...decodeArray(float5, encodeArray(float5, x))]).toEqual([0, 0.25, 0.5, 2, 3, 4, 6, 7, -0, 7])
    expect(encode(float5, 100, { saturate: false })).toBe(15)
    expect(finfo(float5)).toMatchObject({ max: 7, smallestNormal: 1, smallestSubnormal: 0.25, hasInfinity: false })
  })

  test('is checked', () => {
    expect(() => encode({ ...float5, bits: 8 }, 1)).toThrow(/float5_e2m2fn must have bits = 1 \+ exponentBits/)
  })
})
