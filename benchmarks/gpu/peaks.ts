/**
 * The rates that the simplest kernels reach: multiply-adds on vectors in registers, products of subgroup matrices that
 * stay in registers, and copies of arrays larger than the caches. Work is doubled until it takes 50 ms, so that neither
 * launching it nor waiting for it counts.
 */
import { subgroupMatricesOf } from '../../packages/tensor/src/backends/webgpu/subgroup-matrices.ts'
import { matrixComponents, matrixSyntax } from '../../packages/tensor/src/ops/matmul/subgroup-matrix-syntax.ts'
import type { OpenedAdapter } from './adapter.ts'
import type { Cases } from './record.ts'
import type { Sizes } from './sizes.ts'

/** Measured rates. */
export interface Peaks {
  /** GFLOP/s by the type of the numbers; of matrices as `f16 matrices`, the best configuration. */
  readonly gflops: Readonly<Record<string, number>>
  /** GB/s read and written. */
  readonly gigabytes?: number
}

/**
 * The highest rate that a computation on numbers of this format could reach here: of narrow formats that of any unit.
 */
export function peakFor(
  { gflops }: Peaks,
  dtype: string,
): { readonly of: string; readonly gflops: number } | undefined {
  const kinds = Object.entries(gflops).filter(([kind]) => dtype !== 'float32' || kind.startsWith('f32'))
  const [best] = kinds.sort((a, b) => b[1] - a[1])
  return best && { of: best[0], gflops: best[1] }
}

const threads = 256
const chains = 8
const turns = 64
const each = (f: (i: number) => string, separator = '\n') =>
  Array.from({ length: chains }, (_, i) => f(i)).join(separator)

/** Chains of multiply-adds on vec4. The sum is compared, so that nothing of it can be left out. */
export function multiplyAdds(type: 'f32' | 'f16'): string {
  const v = `vec4<${type}>`
  return `${type === 'f16' ? 'enable f16;\n' : ''}@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) local: u32) {
  let a = ${v}(${type}(x[0]));
  let b = ${v}(${type}(x[1]));
${each((i) => `  var c${i} = ${v}(${type}(local + ${i}u));`)}
  for (var turn = 0u; turn < ${turns}u; turn++) {
${Array.from({ length: 4 }, () => each((i) => `    c${i} = c${i} * a + b;`)).join('\n')}
  }
  let s = ${each((i) => `c${i}`, ' + ')};
  if (f32(s.x + s.y + s.z + s.w) == x[2]) { y[0] = 1.0; }
}`
}
const flopsOfInvocation = turns * 4 * chains * 4 * 2

type Matrices = NonNullable<ReturnType<typeof subgroupMatricesOf>>

/** Products of one pair of matrices, added to eight sums, by four subgroups. */
export function matrixProducts(config: Matrices['configs'][number], matrices: Matrices): string {
  const { M, N, K, componentType } = config
  const s = matrixSyntax(config, matrices)
  const { memory, perElement } = matrixComponents[componentType]
  const one = memory === 'u32' ? '0u' : `${memory}(x[0])`
  return `${s.head}@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
${s.functions ?? ''}var<workgroup> tile_a: array<${memory}, ${(M * K) / perElement}>;
var<workgroup> tile_b: array<${memory}, ${(K * N) / perElement}>;
var<workgroup> result: array<f32, ${4 * M * N}>;
@compute @workgroup_size(${4 * matrices.lanes})${s.attribute}
fn main(@builtin(local_invocation_index) local: u32) {
  for (var i = local; i < ${(M * K) / perElement}u; i += ${4 * matrices.lanes}u) { tile_a[i] = ${one}; }
  for (var i = local; i < ${(K * N) / perElement}u; i += ${4 * matrices.lanes}u) { tile_b[i] = ${one}; }
  workgroupBarrier();
  let a = ${s.loadLeft('tile_a', '0u', K / perElement, 'row_major')};
  let b = ${s.loadRight('tile_b', '0u', N / perElement, 'row_major')};
${each((i) => `  var c${i}: ${s.result};`)}
  for (var turn = 0u; turn < ${turns}u; turn++) {
${each((i) => `    c${i} = ${s.multiplyAdd('a', 'b', `c${i}`)};`)}
  }
  let own = (local / ${matrices.lanes}u) * ${M * N}u;
  var s = 0.0;
${each((i) => `  ${s.store('result', 'own', `c${i}`, N)};\n  workgroupBarrier();\n  s += result[own + local % ${matrices.lanes}u];\n  workgroupBarrier();`)}
  if (s == x[2]) { y[0] = 1.0; }
}`
}

/** Each invocation copies four vectors, a workgroup's length apart. */
export function copying(vectors: number): string {
  return `@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let start = group.x * ${4 * threads}u + local;
${[0, 1, 2, 3].map((i) => `  if (start + ${i * threads}u < ${vectors}u) { y[start + ${i * threads}u] = x[start + ${i * threads}u]; }`).join('\n')}
}`
}

const storage = 128 | 8
const shortest = 50
const mostWorkgroups = 1 << 15

/**
 * @returns workgroups per second, the best of three times
 * @throws Error if the device refuses a buffer or a command: what is not executed would seem to be fast
 */
async function rate(device: GPUDevice, code: string, bytes: number, workgroups?: number): Promise<number> {
  for (const filter of ['validation', 'out-of-memory', 'internal'] as const) device.pushErrorScope(filter)
  const buffers = [0, 1].map(() => device.createBuffer({ size: bytes, usage: storage }))
  try {
    device.queue.writeBuffer(buffers[0], 0, new Float32Array([0.5, 0.25, -1]))
    const module = device.createShaderModule({ code })
    const compute = { module, entryPoint: 'main' }
    const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute })
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    })
    const milliseconds = async (count: number, dispatches: number) => {
      const encoder = device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      pass.setPipeline(pipeline)
      pass.setBindGroup(0, group)
      for (let i = 0; i < dispatches; i++) pass.dispatchWorkgroups(count)
      pass.end()
      const began = performance.now()
      device.queue.submit([encoder.finish()])
      await device.queue.onSubmittedWorkDone()
      return performance.now() - began
    }
    let [count, dispatches] = [workgroups ?? 16, 1]
    await milliseconds(count, dispatches)
    const problems = await Promise.all([device.popErrorScope(), device.popErrorScope(), device.popErrorScope()])
    const problem = problems.find((one) => one !== null)
    if (problem) throw new Error(problem.message)
    while ((await milliseconds(count, dispatches)) < shortest && dispatches < 1 << 16)
      if (workgroups === undefined && count < mostWorkgroups) count *= 2
      else dispatches *= 2
    const times = [0, 0, 0]
    for (const i of times.keys()) times[i] = await milliseconds(count, dispatches)
    return (1000 * count * dispatches) / Math.min(...times)
  } finally {
    for (const b of buffers) b.destroy()
  }
}

/** One row for every kind of arithmetic that the adapter has, and one for its memory. */
export async function peaks(cases: Cases, { gpu }: OpenedAdapter, { copiedBytes }: Sizes): Promise<Peaks> {
  const gflops: Record<string, number> = {}
  let gigabytes: number | undefined
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) return { gflops }
  const has = (name: string) => adapter.features.has(name as GPUFeatureName)
  const wanted = ['shader-f16', 'subgroups', 'subgroup-size-control', 'chromium-experimental-subgroup-matrix']
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits
  // At the first row that is measured: a process that goes on after another one may have none left.
  let made: Promise<GPUDevice> | undefined
  const device = () => {
    made ??= adapter.requestDevice({
      requiredFeatures: wanted.filter(has) as GPUFeatureName[],
      requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
    })
    return made
  }
  const flops = async (kind: string, name: string, code: string, flopsOfWorkgroup: number) => {
    const row = await cases.try('ceilings', name, async () => ({
      gflops: ((await rate(await device(), code, 16)) * flopsOfWorkgroup) / 1e9,
    }))
    if (row.ok) gflops[kind] = Math.max(gflops[kind] ?? 0, row.gflops as number)
    else made = undefined
  }
  await flops('f32', 'multiply-adds in registers, f32', multiplyAdds('f32'), threads * flopsOfInvocation)
  if (has('shader-f16'))
    await flops('f16', 'multiply-adds in registers, f16', multiplyAdds('f16'), threads * flopsOfInvocation)
  const matrices = subgroupMatricesOf(adapter.info as Parameters<typeof subgroupMatricesOf>[0], has)
  for (const config of matrices?.configs ?? []) {
    const { componentType, M, N, K } = config
    const work = 4 * turns * chains * 2 * M * N * K
    const name = `subgroup matrices in registers, ${componentType} ${M} x ${N} x ${K}`
    await flops(`${componentType} matrices`, name, matrixProducts(config, matrices!), work)
  }
  const bytes = Math.min(copiedBytes, 2 ** Math.floor(Math.log2(Math.min(maxBufferSize, maxStorageBufferBindingSize))))
  const row = await cases.try('ceilings', `copying ${bytes / 2 ** 20} MiB`, async () => {
    const workgroups = Math.ceil(bytes / 16 / 4 / threads)
    const perSecond = await rate(await device(), copying(bytes / 16), bytes, workgroups)
    return { gigabytes: ((perSecond / workgroups) * 2 * bytes) / 1e9 }
  })
  if (row.ok) gigabytes = row.gigabytes as number
  await made?.then((d) => d.destroy()).catch(() => {})
  return { gflops, gigabytes }
}
