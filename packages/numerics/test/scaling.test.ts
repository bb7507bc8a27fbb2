/** Current and delayed scaling against Transformer Engine's rules. */
import { expect, test } from 'vitest'
import {
  amax,
  currentScaling,
  type DelayedScalingState,
  delayedScaling,
  dequantize,
  quantize,
  scaleFor,
} from '../src/index.ts'

const f32 = Math.fround

test('scaleFor: the rules at the edges', () => {
  expect(scaleFor('float8_e4m3fn', 448)).toBe(1)
  expect(scaleFor('float8_e4m3fn', 3)).toBe(f32(448 / 3))
  expect(scaleFor('float8_e4m3fn', 3, { powerOfTwo: true })).toBe(128)
  expect(scaleFor('float8_e5m2', 1, { margin: 2 })).toBe(57344 / 4)
  for (const bad of [0, Number.POSITIVE_INFINITY, Number.NaN]) expect(scaleFor('float8_e4m3fn', bad)).toBe(1)
  expect(scaleFor('float8_e4m3fn', 0, { epsilon: 7 })).toBe(64)
  expect(scaleFor('float8_e4m3fn', 1e-40)).toBe(3.4028234663852886e38)
  expect(scaleFor('float8_e4m3fn', 1e-40, { powerOfTwo: true })).toBe(2 ** 127)
  expect(() => scaleFor('float8_e4m3fn', -1)).toThrow(RangeError)
  expect(() => scaleFor('float8_e4m3fn', 1, { margin: 0.5 })).toThrow(/margin/)
})

test('currentScaling uses the tensor that was seen last', () => {
  const recipe = currentScaling('float8_e4m3fn', { powerOfTwo: true })
  const state = recipe.update(recipe.init(), 1)
  expect(recipe.scale(state)).toBe(256)
  expect(recipe.scale(recipe.update(state, 0))).toBe(1)
})

/** The kernel's own bookkeeping: slot 0 is this step's, the rest roll towards the front, the oldest leaves. */
function transformerEngine(amaxes: number[], length: number, max: number): number[] {
  let history = new Array<number>(length).fill(0)
  let scale = 1
  return amaxes.map((a) => {
    history[0] = f32(a)
    const seen = history.reduce((m, h) => (Number.isNaN(h) ? m : Math.max(m, h)), 0)
    if (Number.isFinite(seen) && seen > 0) scale = f32(max / seen)
    history = [...history.slice(1), history[0]]
    history[0] = 0
    return scale
  })
}

test.each([1, 2, 3, 8])('delayedScaling with history %i rolls as Transformer Engine does', (historyLength) => {
  const amaxes = [
    0,
    1,
    5,
    2,
    2,
    0.5,
    0.25,
    0,
    3,
    Number.POSITIVE_INFINITY,
    1,
    1,
    1,
    1,
    Number.NaN,
    7,
    1e-3,
    0.1,
    0.1,
    0.1,
    0.1,
  ]
  const recipe = delayedScaling('float8_e5m2', { historyLength })
  let state: DelayedScalingState = recipe.init()
  const scales = amaxes.map((a) => recipe.scale((state = recipe.update(state, a))))
  expect(scales).toEqual(transformerEngine(amaxes, historyLength, 57344))
  expect(state.history.length).toBe(historyLength)
})

test('delayedScaling: options, purity, errors', () => {
  const recipe = delayedScaling('float8_e4m3fn', { amaxCompute: 'most-recent', margin: 1, powerOfTwo: true })
  const first = recipe.update(recipe.init(), 100)
  const second = recipe.update(first, 1)
  expect([first.scale, second.scale, first.history]).toEqual([2, 128, [100]])
  expect(() => delayedScaling('float8_e4m3fn', { historyLength: 0 })).toThrow(/at least 1, got 0/)
  expect(() => delayedScaling('float8_e4m3fn', { amaxCompute: 'mean' as never })).toThrow(/'mean'/)
})

test('quantize and dequantize with a power of two are exact for what the format holds', () => {
  const x = new Float32Array(10_000).map((_, i) => (((i % 15) - 7) / 8) * 2 ** -20)
  const scale = scaleFor('float8_e4m3fn', amax(x), { powerOfTwo: true })
  const codes = quantize('float8_e4m3fn', x, scale)
  expect(dequantize('float8_e4m3fn', codes, scale)).toEqual(x.map((v) => v + 0))
  expect(() => quantize('float8_e4m3fn', x, 0)).toThrow(/greater than 0, got 0/)
  expect(() => quantize('float8_e4m3fn', x, Number.NaN)).toThrow(/scale must be finite and greater than 0, got NaN/)
  expect(() => dequantize('float8_e4m3fn', codes, 0)).toThrow(/scale must be .* got 0/)
  expect(() => dequantize('float8_e4m3fn', codes, Number.NaN)).toThrow(RangeError)
  expect(() => quantize('float8_e4m3fn', x, 1, new Uint8Array(3))).toThrow(RangeError)
})

test('amax', () => {
  expect(amax(new Float32Array())).toBe(0)
  expect(amax(Float32Array.of(1, -3, 2))).toBe(3)
  expect(amax(Float32Array.of(1, Number.NaN, 2))).toBeNaN()
})
