// The product on subgroup matrices, where an adapter has them.

import { bases, type MatmulCase, range } from './case.ts'

/**
 * Everything about the syntax of Dawn's experimental subgroup matrices, which is still changing, is in this function.
 * @param shape rows of the left, columns of the right matrix, and their shared side
 */
function syntax({ M, N, K }: { readonly M: number; readonly N: number; readonly K: number }) {
  const left = `subgroup_matrix_left<f16, ${K}, ${M}>`
  const right = `subgroup_matrix_right<f16, ${N}, ${K}>`
  const result = `subgroup_matrix_result<f32, ${N}, ${M}>`
  return {
    head: 'enable f16;\nenable chromium_experimental_subgroup_matrix;\ndiagnostic(off, chromium.subgroup_matrix_uniformity);\n',
    result,
    loadLeft: (from: string, offset: string, stride: number) =>
      `subgroupMatrixLoad<${left}, row_major>(&${from}, ${offset}, ${stride}u)`,
    loadRight: (from: string, offset: string, stride: number) =>
      `subgroupMatrixLoad<${right}, row_major>(&${from}, ${offset}, ${stride}u)`,
    multiplyAdd: (a: string, b: string, c: string) => `subgroupMatrixMultiplyAccumulate(${a}, ${b}, ${c})`,
    store: (to: string, offset: string, value: string, stride: number) =>
      `subgroupMatrixStore<row_major>(&${to}, ${offset}, ${value}, ${stride}u)`,
  }
}

/** The head a shader with subgroup matrices needs before anything else. */
export const subgroupMatrixHead = syntax({ M: 16, N: 16, K: 16 }).head

/** Rows and columns of C a workgroup makes. */
export const subgroupMatrixSide = 128

/** Bytes of workgroup memory. */
export const subgroupMatrixStorage = 128 * 40 * 2 + 32 * 136 * 2 + 4 * 16 * 16 * 4

/**
 * Four subgroups of 32 make 128 x 128 results, each 64 x 64 of them as 4 x 4 matrices of 16 x 16: f16 operands, f32
 * sums. Both tiles are brought to f16 in workgroup memory, which is exact for float16 and the float8 formats; rows are
 * padded by 8 against bank conflicts. Matrices have no elements a shader could read, so results pass through workgroup
 * memory on their way out.
 */
export function subgroupMatrixTile({ problem, store }: MatmulCase): string {
  const { m, n, k, a, b, c } = problem
  const s = syntax({ M: 16, N: 16, K: 16 })
  const [strideA, strideB] = [40, 136]
  const sub = range(4)
  // 128 invocations bring 32 elements of each tile, neighbours along whichever direction is contiguous in memory.
  const bring = (name: 'a' | 'b') => {
    const along = name === 'a' ? a.columnStride !== 1 && a.rowStride === 1 : b.columnStride === 1 || b.rowStride !== 1
    const [line, step] = along ? ['at % 128u', 'at / 128u'] : ['at / 32u', 'at % 32u']
    const limit = name === 'a' ? m : n
    const [lineStride, stepStride] = name === 'a' ? [a.rowStride, a.columnStride] : [b.columnStride, b.rowStride]
    const target = name === 'a' ? `line * ${strideA}u + q` : `q * ${strideB}u + line`
    return `    for (var e = 0u; e < 32u; e++) {
      let at = e * 128u + local;
      let line = ${line};
      let q = ${step};
      let first = ${name === 'a' ? 'rowBase' : 'columnBase'} + line;
      var value = 0.0;
      if (first < ${limit}u && p + q < ${k}u) { value = ${name}_at(${name === 'a' ? 'baseA' : 'baseB'} + first * ${lineStride}u + (p + q) * ${stepStride}u); }
      tile_${name}[${target}] = f16(value);
    }`
  }
  const multiply = [0, 16].map(
    (q) => `    {
${sub.map((i) => `      let a${i} = ${s.loadLeft('tile_a', `(rowOwn + ${16 * i}u) * ${strideA}u + ${q}u`, strideA)};`).join('\n')}
${sub
  .map(
    (j) =>
      `      let b${j} = ${s.loadRight('tile_b', `${q}u * ${strideB}u + columnOwn + ${16 * j}u`, strideB)};\n${sub.map((i) => `      c${i}_${j} = ${s.multiplyAdd(`a${i}`, `b${j}`, `c${i}_${j}`)};`).join('\n')}`,
  )
  .join('\n')}
    }`,
  )
  const out = sub.flatMap((i) =>
    sub.map(
      (j) => `  ${s.store('result', 'own * 256u', `c${i}_${j}`, 16)};
  workgroupBarrier();
  for (var e = 0u; e < 2u; e++) {
    let at = e * 32u + local % 32u;
    let row = rowBase + rowOwn + ${16 * i}u + at / 4u;
    let col = columnBase + columnOwn + ${16 * j}u + (at % 4u) * 4u;
    let start = own * 256u + at * 4u;
    if (row < ${m}u && col < ${n}u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      ${store(`baseC + row * ${c.rowStride}u + col`, 'v')}
    }
  }
  workgroupBarrier();`,
    ),
  )
  return `var<workgroup> tile_a: array<f16, ${128 * strideA}>;
var<workgroup> tile_b: array<f16, ${32 * strideB}>;
var<workgroup> result: array<f32, 1024>;
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let own = local / 32u;
  let rowOwn = (own / 2u) * 64u;
  let columnOwn = (own % 2u) * 64u;
  let rowBase = group.y * 128u;
  let columnBase = group.x * 128u;
${bases(problem, 'group.z')}
${sub.map((i) => sub.map((j) => `  var c${i}_${j}: ${s.result};`).join('\n')).join('\n')}
  for (var p = 0u; p < ${k}u; p += 32u) {
${bring('a')}
${bring('b')}
    workgroupBarrier();
${multiply.join('\n')}
    workgroupBarrier();
  }
${out.join('\n')}
}`
}
