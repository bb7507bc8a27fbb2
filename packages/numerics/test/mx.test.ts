/** OCP microscaling (MX) formats: scales, rounding of scales, recipes, errors of wrong input. */
import { describe, expect, test } from 'vitest'
import {
  blockAmax,
  decode,
  decodeArray,
  decodeMx,
  encodeArray,
  encodeMx,
  finfo,
  type MxFormatName,
  mxFormats,
  mxScaleCode,
  mxScaling,
  sqnr,
} from '../src/index.ts'
import { asFloats, randomBits } from './edges.ts'

const names = Object.keys(mxFormats) as MxFormatName[]
const wide = Float32Array.from({ length: 32 * 500 }, (_, i) => Math.sin(i * 1.3) * 2 ** ((i >> 5) % 60) * 2 ** -30)

describe.each(names)('%s', (name) => {
  const { element } = mxFormats[name]
  const { max } = finfo(element)

  test('the scale is the smallest power of two under which nothing saturates; floor is the specification', () => {
    const wrong = asFloats(randomBits(20_000)).filter((value) => {
      const amax = Math.abs(value)
      if (!(amax > 1e-30 && amax < Number.POSITIVE_INFINITY)) return false
      const up = mxScaleCode(name, amax) - 127
      const floor = mxScaleCode(name, amax, { scaleRounding: 'floor' }) - 127
      const least = amax <= max * 2 ** up && amax > max * 2 ** (up - 1)
      return !least || floor !== Math.floor(Math.log2(amax)) - Math.floor(Math.log2(max))
    })
    expect([...wrong]).toEqual([])
  })

  test('even and ceil', () => {
    const emax = Math.floor(Math.log2(max))
    const wrong = asFloats(randomBits(20_000)).filter((value) => {
      const amax = Math.abs(value)
      if (!(amax > 1e-30 && amax < 1e38)) return false
      const exponent = Math.floor(Math.log2(amax))
      const fraction = amax / 2 ** exponent
      const ceil = mxScaleCode(name, amax, { scaleRounding: 'ceil' }) - 127
      // Half of the last place of the element's mantissa below 2 is enough.
      const carries = fraction >= 2 - 2 ** -(element.mantissaBits + 1)
      const even = mxScaleCode(name, amax, { scaleRounding: 'even' }) - 127
      return ceil !== exponent + (fraction > 1 ? 1 : 0) - emax || even !== exponent + (carries ? 1 : 0) - emax
    })
    expect([...wrong]).toEqual([])
    expect(mxScaleCode(name, 3.4e38, { scaleRounding: 'ceil' })).toBeLessThanOrEqual(0xfe)
    expect(() => mxScaleCode(name, 1, { scaleRounding: 'down' as never })).toThrow(/use 'up', 'floor', 'even', 'ceil'/)
  })

  test('a block is its elements times its scale', () => {
    const { codes, scales } = encodeMx(name, wide)
    const back = decodeMx(name, { codes, scales })
    scales.forEach((scale, b) => {
      const block = wide.subarray(32 * b, 32 * b + 32)
      expect(scale).toBe(mxScaleCode(name, Math.max(...block.map(Math.abs))))
      const scaled = block.map((v) => v * 2 ** (127 - scale))
      expect(codes.subarray(32 * b, 32 * b + 32)).toEqual(encodeArray(element, scaled))
      const elements = decodeArray(element, codes.subarray(32 * b, 32 * b + 32))
      expect(back.subarray(32 * b, 32 * b + 32)).toEqual(elements.map((v) => v * 2 ** (scale - 127)))
    })
    expect(sqnr(wide, back)).toBeGreaterThan({ 3: 27, 2: 21, 1: 15 }[element.mantissaBits]!)
  })

  test('as a recipe', () => {
    const recipe = mxScaling(name)
    const shape = [10, 1600] as const
    const before = recipe.init(shape)
    const state = recipe.update(before, blockAmax(wide, shape, recipe.block))
    const { scales } = encodeMx(name, wide)
    expect(before.codes.every((c) => c === 127)).toBe(true)
    expect(state.codes).toEqual(scales)
    expect(recipe.scales(state)).toEqual(Float32Array.from(scales, (c) => 2 ** (127 - c)))
  })

  test('zeros, NaN, infinity and the ends of the range', () => {
    expect([0, 1e-45, Number.POSITIVE_INFINITY, Number.NaN].map((a) => mxScaleCode(name, a))).toEqual([
      0, 0, 0xfe, 0xff,
    ])
    const x = new Float32Array(96)
    x[3] = Number.NaN
    x[40] = Number.NEGATIVE_INFINITY
    x[41] = 1
    const { codes, scales } = encodeMx(name, x)
    expect([...scales]).toEqual([0xff, 0xfe, 0])
    const back = decodeMx(name, { codes, scales })
    expect(back.subarray(0, 32).every(Number.isNaN)).toBe(true)
    expect(back[40]).toBe(Math.fround(-max * 2 ** 127))
    expect([...back.subarray(64)]).toEqual([...new Float32Array(32)])
    expect(decode('float8_e8m0fnu', scales[2])).toBe(2 ** -127)
  })

  test('into given outputs, in pieces the same, stochastic and seeded', () => {
    const out = { codes: new Uint8Array(wide.length), scales: new Uint8Array(wide.length / 32) }
    const options = { rounding: 'stochastic', seed: 11 } as const
    expect(encodeMx(name, wide, out, options)).toBe(out)
    const rest = encodeMx(name, wide.subarray(9600), undefined, { ...options, firstIndex: 9600 })
    expect(rest.codes).toEqual(out.codes.subarray(9600))
    const values = new Float32Array(wide.length)
    expect(decodeMx(name, out, values)).toBe(values)
  })
})

test('floor clips what up keeps', () => {
  const x = new Float32Array(32).fill(1.9)
  const at = (scaleRounding: 'up' | 'floor') =>
    decodeMx('mxfp8_e4m3', encodeMx('mxfp8_e4m3', x, undefined, { scaleRounding }))[0]
  expect([at('up'), at('floor')]).toEqual([1.875, 1.75])
})

test('misuse is named', () => {
  const x = new Float32Array(64)
  const right = encodeMx('mxfp8_e4m3', x)
  expect(() => encodeMx('mxfp8_e4m3', new Float32Array(40))).toThrow(
    /block size 32 does not divide the length of source, 40/,
  )
  expect(() => encodeMx('mxfp9' as never, x)).toThrow(/unknown MX name 'mxfp9'; known are mxfp8_e4m3/)
  expect(() => encodeMx(3 as never, x)).toThrow(TypeError)
  expect(() => encodeMx({ ...mxFormats.mxfp8_e4m3, blockSize: 0 }, x)).toThrow(
    /blockSize must be an integer of at least 1, got 0/,
  )
  expect(() => encodeMx('mxfp8_e4m3', [1] as never)).toThrow(/source must be a Float32Array/)
  expect(() => encodeMx('mxfp8_e4m3', x, { ...right, codes: new Uint8Array(3) })).toThrow(
    /out.codes must have 64 elements, has 3/,
  )
  expect(() => encodeMx('mxfp8_e4m3', x, { ...right, scales: new Uint8Array(3) })).toThrow(
    /out.scales must have 2 elements, has 3/,
  )
  expect(() => encodeMx('mxfp8_e4m3', x, { ...right, codes: new Uint16Array(64) })).toThrow(TypeError)
  expect(() => encodeMx('mxfp8_e4m3', x, undefined, { scaleRounding: 'nearest' as never })).toThrow(
    /'nearest' is unknown/,
  )
  expect(() => decodeMx('mxfp8_e4m3', { codes: new Uint8Array(40), scales: new Uint8Array(2) })).toThrow(
    /does not divide/,
  )
  expect(() => decodeMx('mxfp8_e4m3', { ...right, scales: [1] as never })).toThrow(/scales must be a Uint8Array/)
  expect(() => mxScaleCode('mxfp8_e4m3', -1)).toThrow(/amax must not be negative/)
  expect(() => mxScaling('mxfp8_e4m3').init([1, 40])).toThrow(/does not divide/)
})
