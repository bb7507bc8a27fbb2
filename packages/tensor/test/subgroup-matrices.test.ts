/** Subgroup matrices: parsing of what an adapter lists, the check before first use, compilation without a GPU. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { create, globals } from 'webgpu'
import type { SubgroupMatrixConfig } from '../src/backends/webgpu/rule.ts'
import { loadFormatCode } from '../src/backends/webgpu/shader.ts'
import { subgroupMatricesOf } from '../src/backends/webgpu/subgroup-matrices.ts'
import { testValues, workingMatrices } from '../src/backends/webgpu/try-matrices.ts'
import type { DType } from '../src/dtype.ts'
import { decodeArray, encodeArray } from '../src/formats.ts'
import { matmulProblem } from '../src/ops/matmul/layout.ts'
import { planMatmul } from '../src/ops/matmul/matmul.wgsl.ts'
import { matrixConfigFor } from '../src/ops/matmul/subgroup-matrix-syntax.ts'
import { contiguousAccess } from '../src/passes/access.ts'
import { config, emulatedSyntax, traits } from './emulated-matrices.ts'

// Dawn drops devices with what create() returned.
const gpu = create([])
const nullGpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
let device: GPUDevice
let nullDevice: GPUDevice
beforeAll(async () => {
  Object.assign(globalThis, globals)
  await loadFormatCode()
  device = await (await gpu.requestAdapter())!.requestDevice()
  nullDevice = await (await nullGpu.requestAdapter())!.requestDevice({
    requiredFeatures: [
      'subgroups',
      'subgroup-size-control',
      'shader-f16',
      'chromium-experimental-subgroup-matrix',
    ] as GPUFeatureName[],
  })
})
afterAll(() => {
  device.destroy()
  nullDevice.destroy()
})

describe('what an adapter lists', () => {
  const all = () => true
  const listed = [config('f16', 16, 16, 16), config('bf16', 16, 16, 16)]
  const sizes = (min: number, max: number) => ({ subgroupMinSize: min, subgroupMaxSize: max })
  test.each([
    ['one size', sizes(32, 32), all, 32, false],
    ['several, with a say', sizes(8, 64), all, 32, true],
    ['several, without', sizes(8, 32), (f: string) => f !== 'subgroup-size-control', 32, false],
    ['none of 32', sizes(64, 64), all, 64, false],
  ] as const)('subgroups of %s', (_, info, has, lanes, sized) => {
    expect(subgroupMatricesOf({ ...info, subgroupMatrixConfigs: listed }, has)).toEqual({
      configs: listed,
      lanes,
      sized,
    })
  })

  test('only what kernels can use', () => {
    const one = (c: SubgroupMatrixConfig, has: (f: string) => boolean = all) =>
      subgroupMatricesOf({ ...sizes(32, 32), subgroupMatrixConfigs: [c] }, has)
    expect(one(config('f8_e4m3', 16, 16, 32))).toBeDefined()
    expect(one(config('i8', 16, 16, 32))).toBeUndefined()
    expect(one(config('constructor', 16, 16, 16))).toBeUndefined()
    expect(one(config('f16', 64, 16, 16))).toBeUndefined()
    expect(one({ ...config('f16', 16, 16, 16), resultComponentType: 'f16' })).toBeUndefined()
    expect(one(config('f16', 16, 16, 16), (f) => f !== 'shader-f16')).toBeUndefined()
    expect(one(config('f16', 16, 16, 16), (f) => f !== 'chromium-experimental-subgroup-matrix')).toBeUndefined()
    expect(subgroupMatricesOf({ ...sizes(128, 128), subgroupMatrixConfigs: listed }, all)).toBeUndefined()
  })

  test('codes where it takes them, else float16 where that is exact, else float32', () => {
    const every = ['f16', 'f32', 'bf16', 'f8_e4m3', 'f8_e5m2'].map((c) => config(c, 16, 16, 16))
    const chosen = (a: DType, b: DType, configs = every) => matrixConfigFor([a, b], traits(configs))?.componentType
    expect(chosen('bfloat16', 'bfloat16')).toBe('bf16')
    expect(chosen('float8_e4m3fn', 'float8_e4m3fn')).toBe('f8_e4m3')
    expect(chosen('float8_e4m3fn', 'float8_e5m2')).toBe('f16')
    expect(chosen('float16', 'float8_e5m2')).toBe('f16')
    expect(chosen('bfloat16', 'float16')).toBe('f32')
    expect(chosen('bfloat16', 'bfloat16', [every[0]])).toBeUndefined()
    expect(chosen('float8_e5m2', 'float8_e5m2', [every[0]])).toBe('f16')
    const two = [config('f16', 16, 8, 16), config('f16', 16, 16, 8), config('f16', 16, 16, 16)]
    expect(matrixConfigFor(['float16', 'float16'], traits(two))).toEqual(two[2])
  })
})

describe('matrices that are new', () => {
  const e4m3 = config('f8_e4m3', 8, 8, 32)
  const alone = { configs: [e4m3], lanes: 4, sized: false }

  test('are used if they make of codes what these mean', async () => {
    expect(await workingMatrices(device, alone, emulatedSyntax)).toEqual(alone)
    const f32 = { ...alone, configs: [config('f32', 8, 8, 8)] }
    expect(await workingMatrices(device, f32, emulatedSyntax)).toEqual(f32)
  })

  test('are not used if they read codes otherwise, or do not compile', async () => {
    expect(await workingMatrices(device, alone, (c, m) => emulatedSyntax(c, m, 'float8_e5m2'))).toBeUndefined()
    const known = config('f16', 16, 16, 16)
    const both = { configs: [known, config('bf16', 16, 16, 16)], lanes: 32, sized: true }
    expect((await workingMatrices(nullDevice, both))?.configs).toEqual([known])
  })

  test('are tried with every finite code, and every bit of wider significands', () => {
    const values = testValues(e4m3)
    expect(values).toHaveLength(254)
    expect(decodeArray('float8_e4m3fn', encodeArray('float8_e4m3fn', values) as Uint8Array)).toEqual(values)
    expect(testValues(config('f8_e5m2', 8, 8, 32))).toHaveLength(248)
    const bits = (c: string) => new Uint32Array(testValues(config(c, 8, 8, 8)).buffer).reduce((all, x) => all | x, 0)
    expect(bits('f32') & 0x7fffff).toBe(0x7fffff)
    expect(bits('bf16') & 0x7fffff).toBe(0x7f0000)
  })
})

test('every kind compiles on a device without a GPU, as far as it knows the component', async () => {
  for (const [component, dtype] of [
    ['f16', 'float8_e4m3fn'],
    ['f32', 'float32'],
    ['bf16', 'bfloat16'],
    ['f8_e4m3', 'float8_e4m3fn'],
    ['f8_e5m2', 'float8_e5m2'],
  ] as const)
    for (const [M, N, K] of component === 'f32'
      ? [[8, 8, 8]]
      : [
          [16, 16, 16],
          [8, 8, 16],
        ]) {
      const operand = (shape: number[]) => ({ slot: 0, dtype: dtype as DType, access: contiguousAccess(shape) })
      const { dispatches } = planMatmul(
        matmulProblem(operand([128, 64]), operand([64, 128])),
        { dtype, binding: { input: 0 } },
        { dtype, binding: { input: 1 } },
        { ...operand([128, 128]), dtype: 'float32' },
        { ...traits([config(component, M, N, K)], 32, true), pinned: { matmul: 'subgroup matrix', splitK: '1' } },
      )
      expect(dispatches.map((d) => d.name)).toEqual(['matmul subgroup matrix'])
      nullDevice.pushErrorScope('validation')
      const module = nullDevice.createShaderModule({ code: dispatches[0].wgsl })
      await nullDevice.popErrorScope()
      const errors = (await module.getCompilationInfo()).messages.filter((m) => m.type === 'error')
      // Dawn has no type of these names yet; where it has, the whole text must compile.
      const unknown = ['bf16', 'f8_e4m3', 'f8_e5m2'].includes(component) && errors.length > 0
      expect(errors.map((m) => m.message)).toEqual(unknown ? [`unresolved type '${component}'`] : [])
      // Tiles of more than 16 KiB are beyond that device.
      if (!unknown && M === 8 && component !== 'f32')
        await nullDevice.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } })
    }
})
