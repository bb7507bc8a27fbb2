/**
 * The subgroup-matrix kernel for every component type, with emulated matrices, because no software adapter has them.
 * Compilation takes seconds.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { create, globals } from 'webgpu'
import type { SubgroupMatrixConfig } from '../src/backends/webgpu/rule.ts'
import { loadFormatCode, shader } from '../src/backends/webgpu/shader.ts'
import type { DType, PackedDType } from '../src/dtype.ts'
import { encodeArray } from '../src/formats.ts'
import { vectorLoads } from '../src/ops/matmul/case.ts'
import { extent, matmulProblem, transposeOperand } from '../src/ops/matmul/layout.ts'
import { subgroupMatrixTile, subgroupMatrixTileSize } from '../src/ops/matmul/subgroup-matrix.wgsl.ts'
import { contiguousAccess } from '../src/passes/access.ts'
import { config, emulatedSyntax, traits } from './emulated-matrices.ts'
import { matmulLayouts } from './matmul-cases.ts'

const gpu = create([]) // Dawn drops devices with what create() returned.
let device: GPUDevice
beforeAll(async () => {
  Object.assign(globalThis, globals)
  await loadFormatCode()
  const requiredLimits = { maxComputeWorkgroupStorageSize: 32768 }
  device = await (await gpu.requestAdapter())!.requestDevice({ requiredLimits })
})
afterAll(() => device.destroy())

/** C of a kernel whose matrices are emulated, and C itself; small integers, so that every sum is exact. */
async function product(kind: SubgroupMatrixConfig, dtype: DType, [m, k, n]: readonly number[], layout: string) {
  const operand = (rows: number, columns: number, transpose: boolean) =>
    transposeOperand(
      { slot: 0, dtype, access: contiguousAccess(transpose ? [columns, rows] : [rows, columns]) },
      transpose,
    )
  const problem = matmulProblem(operand(m, k, layout[0] === 'T'), operand(k, n, layout[1] === 'T'))
  const adapter = traits([kind], 4)
  const case_ = { problem, loads: vectorLoads(problem), dtypes: [dtype, dtype] as const, adapter }
  const wgsl = shader(
    [
      { name: 'a', dtype, length: extent(problem.a, m, k, []) },
      { name: 'b', dtype, length: extent(problem.b, k, n, []) },
      { name: 'c', dtype: 'float32', write: true, vector: true },
    ],
    subgroupMatrixTile(
      { ...case_, store: (index, v) => `c_set4(${index}, ${v});` },
      emulatedSyntax(kind, adapter.subgroupMatrix!),
    ),
  )
  const whole = (count: number, step: number) => Float32Array.from({ length: count }, (_, i) => ((i * step) % 7) - 3)
  const [a, b] = [whole(m * k, 3), whole(k * n, 5)]
  const stored = (x: Float32Array) => {
    const codes = dtype === 'float32' ? x : encodeArray(dtype as PackedDType, x)
    const bytes = new Uint8Array(Math.ceil(codes.byteLength / 16) * 16)
    bytes.set(new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength))
    const buffer = device.createBuffer({ size: bytes.length, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST })
    device.queue.writeBuffer(buffer, 0, bytes)
    return buffer
  }
  const size = 4 * m * n
  const out = device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC })
  const readable = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST })
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code: wgsl }), entryPoint: 'main' },
  })
  const entries = [stored(a), stored(b), out].map((buffer, binding) => ({ binding, resource: { buffer } }))
  const encoder = device.createCommandEncoder()
  const pass = encoder.beginComputePass()
  pass.setPipeline(pipeline)
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }))
  const [rows, columns] = subgroupMatrixTileSize(case_)
  pass.dispatchWorkgroups(Math.ceil(n / columns), Math.ceil(m / rows))
  pass.end()
  encoder.copyBufferToBuffer(out, 0, readable, 0, size)
  device.queue.submit([encoder.finish()])
  await readable.mapAsync(GPUMapMode.READ)
  const at = (x: Float32Array, layout: string, rows: number, columns: number, i: number, j: number) =>
    layout === 'T' ? x[j * rows + i] : x[i * columns + j]
  const expected = Float32Array.from({ length: m * n }, (_, i) => {
    let sum = 0
    for (let q = 0; q < k; q++) sum += at(a, layout[0], m, k, Math.floor(i / n), q) * at(b, layout[1], k, n, q, i % n)
    return sum
  })
  return { actual: new Float32Array(readable.getMappedRange().slice(0)), expected }
}

// Words copied (68 x 36 x 68) and put together (35 x 37 x 68), along K and along the lines; edges of tiles in every
// direction.
test.each(
  (
    [
      ['f8_e4m3', 'float8_e4m3fn', [8, 8, 32]],
      ['f8_e5m2', 'float8_e5m2', [8, 16, 32]],
      ['bf16', 'bfloat16', [8, 8, 16]],
      ['f32', 'float32', [8, 8, 16]],
    ] as const
  ).flatMap((c) => matmulLayouts.map((layout) => [...c, layout] as const)),
)('%s of %s, %s, %s', async (component, dtype, [M, N, K], layout) => {
  for (const sizes of [
    [68, 36, 68],
    [35, 37, 68],
  ]) {
    const { actual, expected } = await product(config(component, M, N, K), dtype, sizes, layout)
    expect(actual).toEqual(expected)
  }
})
