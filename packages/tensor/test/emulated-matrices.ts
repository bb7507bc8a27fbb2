/** Subgroup matrices emulated in plain WGSL, for adapters without them. */
import { wgslDecode } from '@kumiki/numerics/wgsl'
import type { AdapterTraits, SubgroupMatrices, SubgroupMatrixConfig } from '../src/backends/webgpu/rule.ts'
import type { PackedDType } from '../src/dtype.ts'
import { subgroupMatrixKernel } from '../src/ops/matmul/subgroup-matrix.wgsl.ts'
import { formatOfComponent, type MatrixSyntax, matrixComponents } from '../src/ops/matmul/subgroup-matrix-syntax.ts'

export const config = (componentType: string, M: number, N: number, K: number): SubgroupMatrixConfig => ({
  componentType,
  resultComponentType: 'f32',
  ...{ M, N, K },
})
export const traits = (configs: readonly SubgroupMatrixConfig[], lanes = 32, sized = false): AdapterTraits => ({
  subgroups: true,
  subgroupSize: 32,
  subgroupMatrix: { configs, lanes, sized },
  subgroupMatrixKernel,
  maxWorkgroupStorage: 32768,
  maxStorageBuffers: 8,
  software: false,
})

/** @param reads what codes are taken for, if not for what the component says */
export function emulatedSyntax(
  { componentType, M, N, K }: SubgroupMatrixConfig,
  { lanes }: SubgroupMatrices,
  reads?: PackedDType,
): MatrixSyntax {
  const { perElement: per } = matrixComponents[componentType]
  const dtype = (reads ?? formatOfComponent[componentType]) as PackedDType | undefined
  const bits = 32 / per
  const share = (M * N) / lanes
  const element = (name: string) => `fn ${name}_element(x: vec3<u32>, row: u32, column: u32) -> f32 {
  let line = select(column, row, x.z == 0u);
  let i = select(row, column, x.z == 0u);
  return ${
    dtype
      ? `emulated_decode((tile_${name}[x.x + line * x.y + i / ${per}u] >> ((i % ${per}u) * ${bits}u)) & ${2 ** bits - 1}u)`
      : `tile_${name}[x.x + line * x.y + i]`
  };
}
`
  return {
    head: '',
    functions: `${dtype ? wgslDecode(dtype).replaceAll(`decode_${dtype}`, 'emulated_decode') : ''}
${element('a')}${element('b')}fn multiplied(x: vec3<u32>, y: vec3<u32>, z: array<f32, ${share}>, lane: u32) -> array<f32, ${share}> {
  var sums = z;
  for (var e = 0u; e < ${share}u; e++) {
    let at = e * ${lanes}u + lane;
    var sum = sums[e];
    for (var k = 0u; k < ${K}u; k++) { sum += a_element(x, at / ${N}u, k) * b_element(y, k, at % ${N}u); }
    sums[e] = sum;
  }
  return sums;
}
fn stored(offset: u32, z: array<f32, ${share}>, stride: u32, lane: u32) {
  var sums = z;
  for (var e = 0u; e < ${share}u; e++) {
    let at = e * ${lanes}u + lane;
    result[offset + (at / ${N}u) * stride + at % ${N}u] = sums[e];
  }
}
`,
    result: `array<f32, ${share}>`,
    attribute: '',
    loadLeft: (_, offset, stride, major) => `vec3<u32>(${offset}, ${stride}u, ${major === 'row_major' ? 0 : 1}u)`,
    loadRight: (_, offset, stride, major) => `vec3<u32>(${offset}, ${stride}u, ${major === 'row_major' ? 0 : 1}u)`,
    multiplyAdd: (a, b, c) => `multiplied(${a}, ${b}, ${c}, local % ${lanes}u)`,
    store: (_, offset, value, stride) => `stored(${offset}, ${value}, ${stride}u, local % ${lanes}u)`,
  }
}
