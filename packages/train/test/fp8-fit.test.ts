/** Shares of values that overflow and underflow under every scaling recipe. */
import {
  amax as amaxOfArray,
  blockAmax,
  blockwiseScaling,
  decodeArray,
  encodeArray,
  mxScaleCode,
  scaleFor,
} from '@kumiki/numerics'
import { compile, type Device, init, type Tensor } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Fp8Recipe, type Fp8Role, type Fp8Scaling, type ScalingState } from '../src/index.ts'
import { tinyModel } from './tiny.ts'

type Format = 'float8_e4m3fn' | 'float8_e5m2'
const greatest = { float8_e4m3fn: 448, float8_e5m2: 57344 } as const

/** Ten orders of magnitude, both signs, and a zero in every seventh place. */
const values = (n: number, f: number, scale = 1) =>
  Float32Array.from({ length: n }, (_, i) =>
    i % 7 === 3 ? 0 : Math.sin(i * f) * 10 ** (5 * Math.sin(i * 1.7)) * scale,
  )

/**
 * The shares by plain counting; of a power of two elements, so that they are exact.
 * @param scaleAt the scale of element i
 */
function counted(x: Float32Array, format: Format, scaleAt: (i: number) => number) {
  const scaled = x.map((v, i) => v * scaleAt(i))
  const decoded = decodeArray(format, encodeArray(format, scaled))
  const share = (holds: (i: number) => boolean) => x.filter((_, i) => holds(i)).length / x.length
  return {
    // A largest value that the scale brings to the greatest may lie a rounding above it, and is not clipped by that.
    saturated: share((i) => Math.abs(scaled[i]) > greatest[format] * (1 + 1e-6)),
    underflow: share((i) => x[i] !== 0 && decoded[i] === 0),
  }
}

const layer = 'model.layers.1.mlp.up_proj.weight'
const rolesAndFormats = [
  ['input', 'float8_e4m3fn'],
  ['weight', 'float8_e4m3fn'],
  ['gradient', 'float8_e5m2'],
] as const

describe.each(['cpu', 'webgpu'] as const)('how values fit fp8, on %s', (backend) => {
  let device: Device
  beforeAll(async () => {
    device = await init({ backend })
  })
  afterAll(() => device.dispose())

  async function fit(recipe: Fp8Recipe, x: Tensor, role: Fp8Role, state: ScalingState = {}, step?: Tensor) {
    const run = compile((x: Tensor, state: ScalingState, step?: Tensor) => recipe.fit(x, { layer, role }, state, step))
    const { saturated, underflow } = await run(x, state, step)
    const found = { saturated: await saturated.item(), underflow: await underflow.item() }
    run.dispose()
    return found
  }
  const recipeOf = (scaling: Fp8Scaling, over = {}) => new Fp8Recipe(tinyModel, { scaling, ...over })

  test('delayed: by the stored scales, too large, too small and fitting', async () => {
    const recipe = recipeOf({ kind: 'delayed', historyLength: 2 })
    const count = recipe.tensors.length
    const x = values(32 * 32, 0.37)
    for (const scale of [1e6, 1, 448 / amaxOfArray(x), 1e-12]) {
      for (const [role, format] of rolesAndFormats) {
        const at = recipe.tensors.findIndex((t) => t.layer === layer && t.role === role)
        // Every other tensor's scale would give other shares.
        const scales = new Float32Array(count).fill(1e30)
        scales[at] = scale
        const state = { ...recipe.initialState(device), scale: device.tensor(scales, [count]) }
        const found = await fit(recipe, device.tensor(x, [2, 16, 32]), role, state)
        expect(found, `${role}, ${scale}`).toEqual(counted(x, format, () => scales[at]))
        expect(found.saturated > 0.4).toBe(scale === 1e6)
        expect(found.underflow > 0.8).toBe(scale === 1e-12)
      }
    }
  })

  test('current: by the tensor itself, with margin and powers of two', async () => {
    const x = values(32 * 32, 0.61)
    for (const [margin, powerOfTwo] of [
      [0, false],
      [3, true],
      [12, false],
    ] as const) {
      const recipe = recipeOf({ kind: 'current', margin, powerOfTwo })
      for (const [role, format] of rolesAndFormats) {
        const found = await fit(recipe, device.tensor(x, [32, 32]), role)
        const scale = scaleFor(format, amaxOfArray(x), { margin, powerOfTwo })
        expect(found, `${role}, margin ${margin}`).toEqual(counted(x, format, () => scale))
        expect(found.saturated).toBe(0)
      }
    }
    // The formats are the policy's.
    const swapped = recipeOf({ kind: 'current' }, { forward: 'float8_e5m2', backward: 'float8_e4m3fn' })
    for (const [role, format] of [
      ['input', 'float8_e5m2'],
      ['gradient', 'float8_e4m3fn'],
    ] as const) {
      const scale = scaleFor(format, amaxOfArray(x))
      expect(await fit(swapped, device.tensor(x, [32, 32]), role)).toEqual(counted(x, format, () => scale))
    }
  })

  /**
   * Blocks whose ranges lie far apart: with one scale nearly everything would underflow, with their own next to
   * nothing.
   */
  const uneven = (rows: number, columns: number, block: number) =>
    Float32Array.from(values(rows * columns, 0.23), (v, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns]
      return v * 10 ** (-3 * ((Math.floor(row / block) + Math.floor(column / block)) % 4))
    })

  test('block: each block by itself, of the shape the role has', async () => {
    const shape = [128, 256] as const
    const x = uneven(...shape, 128)
    const recipe = recipeOf({ kind: 'block' })
    for (const [role, format] of rolesAndFormats) {
      const block = role === 'weight' ? ([128, 128] as const) : ([1, 128] as const)
      const host = blockwiseScaling(format, { block })
      const { scales } = host.update(host.init(shape), blockAmax(x, shape, block))
      const scaleAt = (i: number) => {
        const [row, column] = [Math.floor(i / shape[1]), i % shape[1]]
        return scales[Math.floor(row / block[0]) * (shape[1] / block[1]) + Math.floor(column / block[1])]
      }
      const found = await fit(recipe, device.tensor(x, [...shape]), role)
      expect(found, role).toEqual(counted(x, format, scaleAt))
      const whole = await fit(recipeOf({ kind: 'current' }), device.tensor(x, [...shape]), role)
      expect(found.saturated).toBe(0)
      expect(found.underflow).toBeLessThan(whole.underflow)
    }
  })

  test('mx: each 32 along the sum by an E8M0 scale that clips nothing', async () => {
    const shape = [16, 128] as const
    const x = uneven(...shape, 32)
    const recipe = recipeOf({ kind: 'mx' })
    for (const [role, format] of rolesAndFormats) {
      const scales = Array.from({ length: x.length / 32 }, (_, b) => {
        const amax = amaxOfArray(x.subarray(b * 32, b * 32 + 32))
        return 2 ** (127 - mxScaleCode(format === 'float8_e4m3fn' ? 'mxfp8_e4m3' : 'mxfp8_e5m2', amax))
      })
      const found = await fit(recipe, device.tensor(x, [...shape]), role)
      expect(found, role).toEqual(counted(x, format, (i) => scales[Math.floor(i / 32)]))
      expect(found.saturated).toBe(0)
      expect(found.underflow).toBeGreaterThan(0)
    }
  })

  test('zeros fit everywhere, and what is not finite is not lost', async () => {
    for (const kind of ['current', 'block', 'mx'] as const) {
      const found = await fit(recipeOf({ kind }), device.tensor(new Float32Array(128 * 128), [128, 128]), 'weight')
      expect(found, kind).toEqual({ saturated: 0, underflow: 0 })
    }
    const recipe = recipeOf({ kind: 'delayed', historyLength: 1 })
    const x = device.tensor(Float32Array.of(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1, 0), [1, 4])
    expect(await fit(recipe, x, 'input', recipe.initialState(device))).toEqual({ saturated: 0.5, underflow: 0 })
  })

  test('gradients that are rounded at random underflow at random', async () => {
    const recipe = recipeOf({ kind: 'delayed', historyLength: 1 }, { stochasticGradients: true })
    // A quarter of E5M2's smallest value: to nearest all of it is lost, at random three of four.
    const x = device.tensor(new Float32Array(4096).fill(2 ** -18), [64, 64])
    const state = recipe.initialState(device)
    const [one, two] = [
      await fit(recipe, x, 'gradient', state, device.tensor(1)),
      await fit(recipe, x, 'gradient', state, device.tensor(2)),
    ]
    expect(Math.abs(one.underflow - 0.75)).toBeLessThan(0.05)
    expect(two.underflow).not.toBe(one.underflow)
    expect((await fit(recipeOf({ kind: 'delayed', historyLength: 1 }), x, 'gradient', state)).underflow).toBe(1)
    expect(() => recipe.fit(x, { layer, role: 'gradient' }, state)).toThrow(/needs the step number/)
  })

  test('what cannot be is refused with the reason', () => {
    const x = device.tensor(new Float32Array(16 * 32), [16, 32])
    expect(() => recipeOf({ kind: 'current' }).fit(x, { layer: 'lm_head.weight', role: 'input' }, {})).toThrow(
      /lm_head\.weight is not a layer of this recipe/,
    )
    expect(() => recipeOf({ kind: 'delayed' }).fit(x, { layer, role: 'input' }, {})).toThrow(
      /delayed scaling needs the scales of its state/,
    )
    expect(() => recipeOf({ kind: 'block' }).fit(x, { layer, role: 'weight' }, {})).toThrow(
      /up_proj\.weight: its weight is \[16, 32\], which blocks of 128 x 128 do not divide/,
    )
  })
})

test('blocks are held against every matrix before anything is built', () => {
  const recipe = (kind: 'current' | 'block' | 'mx', includes?: (l: { name: string }) => boolean) =>
    new Fp8Recipe(tinyModel, { scaling: { kind }, includes })
  expect(() => recipe('block').check(128)).toThrow(/layers\.0\.self_attn\.q_proj\.weight: its input is \[128, 32\]/)
  expect(() => recipe('mx').check(64)).toThrow(/k_proj\.weight: its weight is \[16, 32\], which blocks of 32 x 1/)
  const feedForward = recipe('mx', ({ name }) => name.includes('mlp'))
  feedForward.check(64)
  expect(() => feedForward.check(48)).toThrow(/tokens are a multiple of 32/)
  recipe('current').check(1)
})
