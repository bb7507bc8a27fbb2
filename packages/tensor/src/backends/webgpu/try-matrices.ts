// Tests subgroup matrices on a device: products of codes with an identity matrix must be the codes' values, bit for
// bit.

import { dtypeInfo, type PackedDType } from '../../dtype.ts'
import { decodeArray, encodeArray } from '../../formats.ts'
import {
  formatOfComponent,
  type Major,
  type MatrixSyntax,
  matrixComponents,
  matrixSyntax,
} from '../../ops/matmul/subgroup-matrix-syntax.ts'
import type { SubgroupMatrices, SubgroupMatrixConfig } from './rule.ts'
import { isKnown } from './subgroup-matrices.ts'

const usage = { copySource: 4, copyTarget: 8, storage: 128, mapRead: 1 }
const readMode = 1

/**
 * The configurations that are trusted or that pass the test: those that do not compile, or give other bits, are
 * dropped.
 */
export async function workingMatrices(
  device: GPUDevice,
  matrices: SubgroupMatrices,
  syntaxOf: (config: SubgroupMatrixConfig, matrices: SubgroupMatrices) => MatrixSyntax = matrixSyntax,
): Promise<SubgroupMatrices | undefined> {
  const configs: SubgroupMatrixConfig[] = []
  for (const config of matrices.configs)
    if (isKnown(config) || (await isExact(device, config, matrices.lanes, syntaxOf(config, matrices))))
      configs.push(config)
  return configs.length > 0 ? { ...matrices, configs } : undefined
}

/** The 32-bit words of a tile, from its elements by row and column. */
function tileWords(
  { componentType }: SubgroupMatrixConfig,
  [rows, columns]: readonly [number, number],
  major: Major,
  values: (row: number, column: number) => number,
): Uint32Array<ArrayBuffer> {
  const dtype = formatOfComponent[componentType] as PackedDType | undefined
  const [outer, inner] = major === 'row_major' ? [rows, columns] : [columns, rows]
  const laid = Float32Array.from({ length: outer * inner }, (_, i) => {
    const [o, k] = [Math.floor(i / inner), i % inner]
    return major === 'row_major' ? values(o, k) : values(k, o)
  })
  const codes = dtype ? encodeArray(dtype, laid) : laid
  return new Uint32Array(codes.buffer as ArrayBuffer, codes.byteOffset, codes.byteLength / 4)
}

/**
 * Values that a component type represents and that arithmetic neither flushes nor overflows: all finite ones for 8
 * bits; for wider types values of many binades, with all bits of the significand in use.
 */
export function testValues({ componentType }: SubgroupMatrixConfig): Float32Array {
  const dtype = componentType === 'f16' ? 'float16' : formatOfComponent[componentType]
  const format = dtype && dtypeInfo[dtype].format
  if (format?.bits === 8) {
    const all = decodeArray(
      dtype as PackedDType,
      Uint8Array.from({ length: 256 }, (_, i) => i),
    )
    return all.filter((x) => Number.isFinite(x))
  }
  const digits = format ? format.mantissaBits : 23
  const powers = format && format.exponentBits < 8 ? 14 : 60
  return Float32Array.from({ length: 256 }, (_, i) => {
    const significand = 1 + ((i * 2_654_435_761) % 2 ** digits) / 2 ** digits
    return (i % 2 ? -1 : 1) * significand * 2 ** (((i * 7) % (2 * powers)) - powers)
  })
}

/** Whether products of test values with an identity matrix are exact, on either side and in either memory order. */
async function isExact(
  device: GPUDevice,
  config: SubgroupMatrixConfig,
  lanes: number,
  syntax: MatrixSyntax,
): Promise<boolean> {
  const { M, N, K } = config
  const samples = testValues(config)
  const one = (row: number, column: number) => (row === column ? 1 : 0)
  const { perElement } = matrixComponents[config.componentType]
  for (const major of ['row_major', 'col_major'] as const) {
    // Only codes are ever stored by columns.
    if (major === 'col_major' && perElement === 1) continue
    const product = await productOf(device, config, lanes, syntax, major)
    if (!product) return false
    for (const side of ['a', 'b'] as const) {
      // The part of the matrix that the product with the identity keeps.
      const [high, wide] = side === 'a' ? [M, Math.min(N, K)] : [Math.min(M, K), N]
      for (let first = 0; first < samples.length; first += high * wide) {
        const value = (row: number, column: number) =>
          row < high && column < wide ? samples[(first + row * wide + column) % samples.length] : 0
        const a = tileWords(config, [M, K], major, side === 'a' ? value : one)
        const b = tileWords(config, [K, N], major, side === 'a' ? one : value)
        const made = await product(a, b)
        for (let i = 0; i < M * N; i++)
          // Adding 0 turns -0 into 0.
          if (!Object.is(made[i] + 0, value(Math.floor(i / N), i % N) + 0)) return false
      }
    }
  }
  return true
}

/**
 * A function that multiplies two matrices through workgroup memory, as the kernel does; undefined if it does not
 * compile.
 */
async function productOf(
  device: GPUDevice,
  { componentType, M, N, K }: SubgroupMatrixConfig,
  lanes: number,
  syntax: MatrixSyntax,
  major: Major,
) {
  const { memory, perElement } = matrixComponents[componentType]
  const stride = (rows: number, columns: number) => (major === 'row_major' ? columns : rows) / perElement
  const element = (name: string) =>
    memory === 'u32' ? `${name}[i]` : memory === 'f32' ? `bitcast<f32>(${name}[i])` : `f16(bitcast<f32>(${name}[i]))`
  const [sizeA, sizeB] = [(M * K) / perElement, (K * N) / perElement]
  const code = `${syntax.head}@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read> b: array<u32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
${syntax.functions ?? ''}var<workgroup> tile_a: array<${memory}, ${sizeA}>;
var<workgroup> tile_b: array<${memory}, ${sizeB}>;
var<workgroup> result: array<f32, ${M * N}>;
@compute @workgroup_size(${lanes})${syntax.attribute}
fn main(@builtin(local_invocation_index) local: u32) {
  for (var i = local; i < ${sizeA}u; i += ${lanes}u) { tile_a[i] = ${element('a')}; }
  for (var i = local; i < ${sizeB}u; i += ${lanes}u) { tile_b[i] = ${element('b')}; }
  workgroupBarrier();
  let x = ${syntax.loadLeft('tile_a', '0u', stride(M, K), major)};
  let y = ${syntax.loadRight('tile_b', '0u', stride(K, N), major)};
  var z: ${syntax.result};
  z = ${syntax.multiplyAdd('x', 'y', 'z')};
  ${syntax.store('result', '0u', 'z', N)};
  workgroupBarrier();
  for (var i = local; i < ${M * N}u; i += ${lanes}u) { c[i] = result[i]; }
}`
  device.pushErrorScope('validation')
  const module = device.createShaderModule({ code })
  const compiled = device.createComputePipelineAsync({ layout: 'auto', compute: { module, entryPoint: 'main' } })
  void device.popErrorScope().catch(() => {})
  const pipeline = await compiled.catch(() => undefined)
  return (
    pipeline &&
    (async (a: Uint32Array<ArrayBuffer>, b: Uint32Array<ArrayBuffer>): Promise<Float32Array> => {
      const bytes = 4 * M * N
      const buffer = (size: number, flags: number) => device.createBuffer({ size, usage: flags })
      const inputs = [a, b].map((words) => buffer(words.byteLength, usage.storage | usage.copyTarget))
      const output = buffer(bytes, usage.storage | usage.copySource)
      const readable = buffer(bytes, usage.mapRead | usage.copyTarget)
      ;[a, b].forEach((words, i) => {
        device.queue.writeBuffer(inputs[i], 0, words)
      })
      const group = device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [...inputs, output].map((x, binding) => ({ binding, resource: { buffer: x } })),
      })
      const encoder = device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      pass.setPipeline(pipeline)
      pass.setBindGroup(0, group)
      pass.dispatchWorkgroups(1)
      pass.end()
      encoder.copyBufferToBuffer(output, 0, readable, 0, bytes)
      device.queue.submit([encoder.finish()])
      await readable.mapAsync(readMode)
      const made = new Float32Array(readable.getMappedRange().slice(0))
      for (const x of [...inputs, output, readable]) x.destroy()
      return made
    })
  )
}
