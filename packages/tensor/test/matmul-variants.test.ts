/**
 * Every matmul kernel against the definition, block-scaled matmul, split K, and compilation for every stored format.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { create } from 'webgpu'
import type { AdapterTraits } from '../src/backends/webgpu/rule.ts'
import { loadFormatCode } from '../src/backends/webgpu/shader.ts'
import type { DType } from '../src/dtype.ts'
import {
  compile,
  type Device,
  dequantizeBlocks,
  init,
  matmul,
  scaledMatmul,
  swapAxes,
  type Tensor,
} from '../src/index.ts'
import { matmulVariants, matmulWgsl } from '../src/ops/matmul/matmul.wgsl.ts'
import { scaledMatmulWgsl } from '../src/ops/matmul/scaled-matmul.wgsl.ts'
import { subgroupMatrixKernel } from '../src/ops/matmul/subgroup-matrix.wgsl.ts'
import { contiguousAccess } from '../src/passes/access.ts'
import { blockCases, expectBlocks, expectProduct, matmulLayouts, scaledProducts, wave } from './matmul-cases.ts'

let reference: Device
beforeAll(async () => {
  await loadFormatCode()
  reference = await init({ backend: 'reference' })
})
afterAll(() => reference.dispose())

const layouts = matmulLayouts

// No software adapter has subgroup matrices: that variant is compiled below, and runs where a GPU offers it. Each size
// and layout is a shader of its own, which a software adapter compiles slowly, tiles of 8 x 8 in seconds: the edges of
// tiles here, every size in every layout in matmul-variants.deep.ts. A product of codes in blocks is compared with one
// of decoded operands, which is the layout's plain product.
const taken: Readonly<
  Record<
    string,
    readonly (readonly [layout: string, sizes: readonly (readonly number[])[], blocks: readonly number[]])[]
  >
> = {
  // The two are one text with other numbers: the small tiles show the layouts, the large ones their own ends.
  'shared 8x8': [['NN', [[130, 40, 132]], []]],
  'shared 4x4': [
    ['NN', [[130, 40, 132]], []],
    ['TT', [], [0]],
  ],
}
const everywhere = [
  [
    'NN',
    [
      [4, 8, 4],
      [63, 17, 65],
      [130, 40, 132],
    ],
    [0, 3],
  ],
  ['NT', [], [2]],
  ['TN', [[33, 20, 36]], []],
  [
    'TT',
    [
      [63, 17, 65],
      [130, 40, 132],
    ],
    [1],
  ],
] as const

describe.each(matmulVariants.filter((v) => v !== 'subgroup matrix'))('matmul variant %s', (variant) => {
  let device: Device
  beforeAll(async () => {
    device = await init({ backend: 'webgpu', kernels: { matmul: variant } })
  })
  afterAll(() => device.dispose())

  test.each(taken[variant] ?? everywhere)(
    '%s agrees with the definition, of codes in blocks to the bit',
    async (layout, sizes, blocks) => {
      for (const size of sizes) await expectProduct(device, reference, size, layout)
      for (const i of blocks) await expectBlocks(device, reference, layout, blockCases[i])
    },
  )
})

test.each(['cpu', 'webgpu'] as const)('codes in blocks, without a pinned kernel, on %s', async (backend) => {
  const device = await init({ backend })
  for (const layout of layouts) {
    const blocks: [number[], number[]] = [layout[0] === 'T' ? [32, 1] : [1, 32], layout[1] === 'T' ? [1, 32] : [32, 1]]
    const { direct, decoded } = scaledProducts(device, [96, 64, 72], layout, ...blocks)
    const [actual, expected] = [await direct.data(), await (await decoded()).data()]
    // On a processor the sum runs in the same order; elsewhere another kernel may suit the decoded operands.
    if (backend === 'cpu') expect(actual, layout).toEqual(expected)
    let worst = 0
    for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(actual[i] - expected[i]))
    expect(worst, layout).toBeLessThan(1e-4)
  }
  // One step: no operand is decoded before.
  const program = compile((a: Tensor, sa: Tensor, b: Tensor, sb: Tensor) =>
    scaledMatmul({ codes: a, scales: sa }, { codes: b, scales: sb }, { transposeB: true }),
  )
  const zeros = (shape: number[], dtype: 'float32' | 'float8_e4m3fn') =>
    device.tensor(new Float32Array(shape.reduce((x, y) => x * y)), shape, dtype)
  await program.prepare(
    zeros([96, 64], 'float8_e4m3fn'),
    zeros([96, 2], 'float32'),
    zeros([72, 64], 'float8_e4m3fn'),
    zeros([9, 2], 'float32'),
  )
  expect(program.explain()).toContain('1 kernels, 0 temporary buffers')
  device.dispose()
})

test('narrow operands that a software adapter lays out first agree with the definition', async () => {
  const device = await init({ backend: 'webgpu' })
  const [m, k, n] = [68, 36, 64]
  for (const dtype of ['bfloat16', 'float8_e5m2'] as const)
    for (const layout of layouts) {
      const product = (d: Device) => {
        const a = d.tensor(wave(3 * m * k, 0.7), layout[0] === 'T' ? [3, k, m] : [3, m, k], dtype)
        const b = d.tensor(wave(3 * k * n, 1.3), layout[1] === 'T' ? [3, n, k] : [3, k, n], dtype)
        const transposed = (x: Tensor, transpose: boolean) => (transpose ? swapAxes(x, 1, 2) : x)
        return matmul(transposed(a, layout[0] === 'T'), transposed(b, layout[1] === 'T'), { dtype: 'float32' }).add(1)
      }
      const [actual, expected] = [await product(device).data(), await product(reference).data()]
      let worst = 0
      for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(actual[i] - expected[i]))
      expect(worst, `${dtype} ${layout}`).toBeLessThan(1e-4)
    }
  device.dispose()
})

test('scales that do not fit are refused with both shapes', async () => {
  const t = (...shape: number[]) => reference.tensor(new Float32Array(shape.reduce((a, b) => a * b)), shape)
  const b = { codes: t(8, 4), scales: t(2, 1) }
  expect(() => scaledMatmul({ codes: t(4, 8), scales: t(4, 3) }, b)).toThrow(
    /scaledMatmul: a: the scales do not divide the codes into equal blocks, got codes \[4, 8\], scales \[4, 3\]/,
  )
  expect(() => scaledMatmul({ codes: t(4, 8), scales: t(4) }, b)).toThrow(/must be matrices of the same batch/)
  expect(() => scaledMatmul({ codes: t(4, 6), scales: t(4, 3) }, b)).toThrow(
    /batch and inner dimensions must be equal, got \[4, 6\] and \[8, 4\]/,
  )
  expect(() => dequantizeBlocks({ codes: t(4, 8), scales: t(0, 1) })).toThrow(/equal blocks/)
  const integer = reference.tensor(new Int32Array(32), [4, 8], 'int32')
  expect(() => scaledMatmul({ codes: integer, scales: t(4, 1) }, b)).toThrow(/must be floats, got int32/)
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
    subgroupMatrix: {
      configs: [{ componentType: 'f16', resultComponentType: 'f32', M: 16, N: 16, K: 16 }],
      lanes: 32,
      sized: false,
    },
    subgroupMatrixKernel,
    maxWorkgroupStorage: 32768,
    maxStorageBuffers: 8,
    software: false,
  }
  for (const variant of matmulVariants) {
    for (const dtype of ['float32', 'float16', 'bfloat16', 'float8_e4m3fn', 'float8_e5m2'] as const) {
      const operand = (slot: number, shape: number[], d: DType) => ({
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
      const inBlocks = scaledMatmulWgsl.plan(
        {
          inputs: [
            operand(0, [32, 64], dtype),
            operand(1, [2, 64], 'float32'),
            operand(2, [32, 64], dtype),
            operand(3, [2, 2], 'bfloat16'),
          ],
          outputs: [operand(4, [64, 64], 'float32')],
          attrs: { transposeA: true, transposeB: false },
        },
        { ...traits, pinned: { matmul: variant } },
      ).dispatches[0]
      const scaled = await device.createShaderModule({ code: inBlocks.wgsl }).getCompilationInfo()
      expect(
        scaled.messages.filter((m) => m.type === 'error').map((m) => m.message),
        `${variant} ${dtype} in blocks`,
      ).toEqual([])
      const { messages } = await device.createShaderModule({ code: dispatches[0].wgsl }).getCompilationInfo()
      expect(
        messages.filter((m) => m.type === 'error').map((m) => m.message),
        `${variant} ${dtype}`,
      ).toEqual([])
    }
  }
  device.destroy()
})
