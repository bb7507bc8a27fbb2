import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { create } from 'webgpu'
import type { AdapterTraits } from '../src/backends/webgpu/rule.ts'
import { type Device, init, matmul } from '../src/index.ts'
import { matmulVariants, matmulWgsl } from '../src/ops/matmul/matmul.wgsl.ts'
import { contiguousAccess } from '../src/passes/access.ts'

const wave = (n: number, f = 1) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * f))

let reference: Device
beforeAll(async () => {
  reference = await init({ backend: 'reference' })
})
afterAll(() => reference.dispose())

/** Sizes around the tiles' edges, in every operand layout. */
const sizes = [
  [4, 8, 4],
  [33, 20, 36],
  [63, 17, 65],
  [64, 16, 64],
  [130, 40, 132],
] as const
const layouts = ['NN', 'NT', 'TN', 'TT'] as const

// No software adapter has subgroup matrices: that variant is compiled below, and runs where a GPU offers it.
describe.each(matmulVariants.filter((v) => v !== 'subgroup matrix'))('matmul variant %s', (variant) => {
  let device: Device
  beforeAll(async () => {
    device = await init({ backend: 'webgpu', kernels: { matmul: variant } })
  })
  afterAll(() => device.dispose())

  test.each(layouts)('%s agrees with the definition', async (layout) => {
    // Barriers are slow on a software adapter: the tiled kernels get an edge case and one of several tiles.
    for (const [m, k, n] of variant.startsWith('shared') ? [sizes[1], sizes[4]] : sizes) {
      const product = (d: Device) => {
        const a = d.tensor(wave(2 * m * k, 0.7), layout[0] === 'T' ? [2, k, m] : [2, m, k])
        const b = d.tensor(wave(2 * k * n, 1.3), layout[1] === 'T' ? [2, n, k] : [2, k, n])
        return matmul(layout[0] === 'T' ? a.swapAxes(1, 2) : a, layout[1] === 'T' ? b.swapAxes(1, 2) : b)
      }
      const [actual, expected] = [await product(device).data(), await product(reference).data()]
      let worst = 0
      for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(actual[i] - expected[i]))
      expect(worst, `${m} x ${k} x ${n}`).toBeLessThan(2e-5 * k)
    }
  })
})

test.each([2, 8])('K in %i pieces agrees with the definition', async (splitK) => {
  const device = await init({ backend: 'webgpu', kernels: { splitK } })
  const product = (d: Device) =>
    matmul(d.tensor(wave(2 * 12 * 256, 0.7), [2, 12, 256]), d.tensor(wave(2 * 256 * 20, 1.3), [2, 256, 20])).add(1)
  const [actual, expected] = [await product(device).data(), await product(reference).data()]
  device.dispose()
  let worst = 0
  for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(actual[i] - expected[i]))
  expect(worst).toBeLessThan(2e-4)
})

test.each(['NT', 'TT'])('%s with rows a multiple of 1 KiB apart agrees with the definition', async (layout) => {
  const device = await init({ backend: 'webgpu' })
  const [m, k, n] = [128, 256, 24]
  const product = (d: Device) => {
    const a = d.tensor(wave(3 * m * k, 0.7), layout[0] === 'T' ? [3, k, m] : [3, m, k])
    const b = d.tensor(wave(3 * k * n, 1.3), [3, n, k])
    return matmul(layout[0] === 'T' ? a.swapAxes(1, 2) : a, b.swapAxes(1, 2)).add(1)
  }
  const [actual, expected] = [await product(device).data(), await product(reference).data()]
  device.dispose()
  let worst = 0
  for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(actual[i] - expected[i]))
  expect(worst).toBeLessThan(1e-3)
})

test('an unknown variant is refused', async () => {
  await expect(init({ backend: 'webgpu', kernels: { matmul: 'magic' } })).rejects.toThrow(
    /kernels\.matmul must be one of subgroup matrix/,
  )
})

test('every variant compiles on a device without a GPU, for every stored format', async () => {
  const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
  const adapter = await gpu.requestAdapter()
  const device = await adapter!.requestDevice({
    requiredFeatures: ['subgroups', 'shader-f16', 'chromium-experimental-subgroup-matrix'] as GPUFeatureName[],
  })
  const traits: AdapterTraits = {
    subgroups: true,
    subgroupSize: 4,
    subgroupMatrix: true,
    maxWorkgroupStorage: 32768,
    maxStorageBuffers: 8,
    software: false,
  }
  for (const variant of matmulVariants) {
    for (const dtype of ['float32', 'float16', 'bfloat16', 'float8_e4m3fn', 'float8_e5m2'] as const) {
      const operand = (slot: number, shape: number[], d: typeof dtype | 'float32') => ({
        slot,
        dtype: d,
        access: contiguousAccess(shape),
      })
      const { dispatches } = matmulWgsl.plan(
        {
          inputs: [operand(0, [64, 32], dtype), operand(1, [32, 64], dtype)],
          outputs: [operand(2, [64, 64], 'float32')],
          attrs: { dtype: 'float32' },
        },
        { ...traits, pinned: { matmul: variant } },
      )
      const exact = dtype !== 'float32' && dtype !== 'bfloat16'
      expect(dispatches[0].name).toBe(`matmul ${variant === 'subgroup matrix' && !exact ? 'subgroup 8x4' : variant}`)
      const { messages } = await device.createShaderModule({ code: dispatches[0].wgsl }).getCompilationInfo()
      expect(
        messages.filter((m) => m.type === 'error').map((m) => m.message),
        `${variant} ${dtype}`,
      ).toEqual([])
    }
  }
  device.destroy()
})
