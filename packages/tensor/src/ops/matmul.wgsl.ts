import type { WebGpuRule } from '../backends/webgpu/rule.ts'
import { shader } from '../backends/webgpu/shader.ts'
import { coalesce } from '../passes/access.ts'
import type { Operand } from '../passes/operand.ts'

/** The last two strides of an operand and, over all leading dimensions, one batch stride; `undefined` if they take several. */
export interface MatmulLayout {
  readonly batch: number
  readonly m: number
  readonly n: number
  readonly k: number
  readonly a: MatrixAccess
  readonly b: MatrixAccess
}

export interface MatrixAccess {
  readonly offset: number
  readonly batchStride: number
  readonly rowStride: number
  readonly columnStride: number
}

/** One layout per run of leading dimensions that strides can walk evenly; usually there is one. */
export function matmulLayouts(a: Operand, b: Operand): { layout: MatmulLayout; outBatch: number }[] {
  const rank = a.access.shape.length
  const [m, k] = a.access.shape.slice(-2)
  const n = b.access.shape[rank - 1]
  const lead = a.access.shape.slice(0, -2)
  const { shape, strides } = coalesce(lead, [a.access.strides.slice(0, -2), b.access.strides.slice(0, -2)])
  const inner = shape.length === 0 ? 1 : shape[shape.length - 1]
  const outer = shape.slice(0, -1)
  const count = outer.reduce((x, y) => x * y, 1)
  const matrix = (operand: Operand, s: readonly number[], index: readonly number[]): MatrixAccess => ({
    offset: operand.access.offset + index.reduce((sum, i, d) => sum + i * s[d], 0),
    batchStride: s.length === 0 ? 0 : s[s.length - 1],
    rowStride: operand.access.strides[rank - 2],
    columnStride: operand.access.strides[rank - 1],
  })
  return Array.from({ length: count }, (_, z) => {
    const index = outer.map((_, d) => Math.floor(z / outer.slice(d + 1).reduce((x, y) => x * y, 1)) % outer[d])
    return {
      layout: { batch: inner, m, n, k, a: matrix(a, strides[0], index), b: matrix(b, strides[1], index) },
      outBatch: z * inner,
    }
  })
}

const fours = (...values: number[]) => values.every((v) => v % 4 === 0)

/** Whether four neighbours along `along` are one aligned load. */
function vectorAlong(
  { offset, batchStride, rowStride, columnStride }: MatrixAccess,
  along: 'row' | 'column',
  extent: number,
): boolean {
  return along === 'column'
    ? columnStride === 1 && fours(offset, batchStride, rowStride, extent)
    : rowStride === 1 && fours(offset, batchStride, columnStride, extent)
}

/** Register tiles without workgroup memory, in three variants; all run within WebGPU's default limits. */
export const matmulWgsl: WebGpuRule<unknown> = {
  supports: (_, attrs) => (attrs as { dtype: string }).dtype === 'float32',
  plan: ({ inputs: [a, b], outputs: [out] }, adapter) => ({
    dispatches: matmulLayouts(a, b)
      .filter(({ layout }) => layout.m * layout.n * layout.batch > 0)
      .map(({ layout, outBatch }) => {
        const { m, n, batch } = layout
        const loads = vectorLoads(layout)
        const buffers = [
          { name: 'a', dtype: a.dtype, vector: loads !== undefined },
          { name: 'b', dtype: b.dtype, vector: loads !== undefined },
          { name: 'c', dtype: out.dtype, write: true, vector: loads !== undefined },
        ]
        const bindings = [{ input: 0 }, { input: 1 }, { output: 0 }]
        if (loads && adapter.subgroupSize === 4 && m >= 8) {
          const wgsl = `enable subgroups;\n${shader(buffers, subgroupTile(layout, loads, outBatch))}`
          return {
            name: 'matmul subgroup 8x4',
            wgsl,
            bindings,
            workgroups: [Math.ceil(n / 16), Math.ceil(m / 8), batch] as const,
          }
        }
        const workgroups = [Math.ceil(n / 32), Math.ceil(m / 32), batch] as const
        if (loads)
          return {
            name: 'matmul 4x4 vec4',
            wgsl: shader(buffers, vectorTile(layout, loads, outBatch)),
            bindings,
            workgroups,
          }
        return { name: 'matmul 4x4', wgsl: shader(buffers, scalarTile(layout, outBatch)), bindings, workgroups }
      }),
  }),
}

/** Which way vec4 loads run in each operand; `undefined` where strides or sizes do not allow them. */
interface VectorLoads {
  readonly a: 'row' | 'column'
  readonly b: 'row' | 'column'
}

function vectorLoads({ m, n, k, a, b }: MatmulLayout): VectorLoads | undefined {
  if (n % 4 !== 0 || k % 4 !== 0 || k === 0) return undefined
  const alongA = vectorAlong(a, 'column', k) ? 'column' : vectorAlong(a, 'row', m) ? 'row' : undefined
  const alongB = vectorAlong(b, 'column', n) ? 'column' : vectorAlong(b, 'row', k) ? 'row' : undefined
  return alongA && alongB && { a: alongA, b: alongB }
}

const four = [0, 1, 2, 3]

/** b0 .. b3: rows p to p + 3 of B at columns col to col + 3. */
function loadB({ b }: MatmulLayout, loads: VectorLoads): string {
  if (loads.b === 'column')
    return four.map((r) => `    let b${r} = b_at4(baseB + (p + ${r}u) * ${b.rowStride}u + colB);`).join('\n')
  return [
    ...four.map((r) => `    let u${r} = b_at4(baseB + p + (colB + ${r}u) * ${b.columnStride}u);`),
    ...four.map((r) => `    let b${r} = vec4<f32>(u0[${r}], u1[${r}], u2[${r}], u3[${r}]);`),
  ].join('\n')
}

function bases({ a, b, m, n }: MatmulLayout, outBatch: number, z: string): string {
  return `  let baseA = ${a.offset}u + ${z} * ${a.batchStride}u;
  let baseB = ${b.offset}u + ${z} * ${b.batchStride}u;
  let baseC = (${outBatch}u + ${z}) * ${m * n}u;`
}

/** An invocation makes 4 x 4 results, four steps of K at a time. */
function vectorTile(layout: MatmulLayout, loads: VectorLoads, outBatch: number): string {
  const { m, n, k, a } = layout
  const loadA =
    loads.a === 'column'
      ? four.map((r) => `    let a${r} = a_at4(baseA + r${r} * ${a.rowStride}u + p);`)
      : [
          ...four.map((r) => `    let t${r} = a_at4(baseA + row + (p + ${r}u) * ${a.columnStride}u);`),
          ...four.map((r) => `    let a${r} = vec4<f32>(t0[${r}], t1[${r}], t2[${r}], t3[${r}]);`),
        ]
  return `@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.y * 4u;
  let col = id.x * 4u;
  if (row >= ${m}u || col >= ${n}u) { return; }
  let colB = col;
${bases(layout, outBatch, 'id.z')}
${four.map((r) => `  let r${r} = min(row + ${r}u, ${m - 1}u);\n  var c${r} = vec4<f32>(0.0);`).join('\n')}
  for (var p = 0u; p < ${k}u; p += 4u) {
${loadA.join('\n')}
${loadB(layout, loads)}
${four.map((r) => `    c${r} += a${r}.x * b0 + a${r}.y * b1 + a${r}.z * b2 + a${r}.w * b3;`).join('\n')}
  }
${four.map((r) => `  if (row + ${r}u < ${m}u) { c_set4(baseC + (row + ${r}u) * ${n}u + col, c${r}); }`).join('\n')}
}`
}

/**
 * A subgroup of four lanes makes 8 x 16 results, a lane 8 x 4 of them. Each lane loads a quarter of A's 8 x 4 block and the subgroup
 * shares it by broadcast: six vec4 loads for 128 multiply-adds, and no barrier.
 */
function subgroupTile(layout: MatmulLayout, loads: VectorLoads, outBatch: number): string {
  const { m, n, k, a } = layout
  const eight = [...four, 4, 5, 6, 7]
  const byColumn = loads.a === 'column'
  // Column loads: lane l holds rows l and l + 4 at steps p to p + 3. Row loads: lane l holds rows 0-3 and 4-7 at step p + l.
  const own = byColumn
    ? `    let x = a_at4(baseA + min(row + lane, ${m - 1}u) * ${a.rowStride}u + p);
    let y = a_at4(baseA + min(row + lane + 4u, ${m - 1}u) * ${a.rowStride}u + p);`
    : `    let x = a_at4(baseA + row + (p + lane) * ${a.columnStride}u);
    let y = a_at4(baseA + min(row + 4u, ${m - 4}u) + (p + lane) * ${a.columnStride}u);`
  const step = byColumn
    ? eight.map(
        (r) =>
          `    let a${r} = subgroupBroadcast(${r < 4 ? 'x' : 'y'}, ${r % 4}u);\n    c${r} += a${r}.x * b0 + a${r}.y * b1 + a${r}.z * b2 + a${r}.w * b3;`,
      )
    : four.map(
        (l) =>
          `    let x${l} = subgroupBroadcast(x, ${l}u);\n    let y${l} = subgroupBroadcast(y, ${l}u);\n${eight.map((r) => `    c${r} += ${r < 4 ? 'x' : 'y'}${l}[${r % 4}] * b${l};`).join('\n')}`,
      )
  return `@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let row = group.y * 8u;
  let col = group.x * 16u + lane * 4u;
  let colB = min(col, ${n - 4}u);
${bases(layout, outBatch, 'group.z')}
${eight.map((r) => `  var c${r} = vec4<f32>(0.0);`).join('\n')}
  for (var p = 0u; p < ${k}u; p += 4u) {
${own}
${loadB(layout, loads)}
${step.join('\n')}
  }
  if (col < ${n}u) {
${eight.map((r) => `    if (row + ${r}u < ${m}u) { c_set4(baseC + (row + ${r}u) * ${n}u + col, c${r}); }`).join('\n')}
  }
}`
}

/** Any strides and sizes: 4 x 4 results from single loads. */
function scalarTile(layout: MatmulLayout, outBatch: number): string {
  const { m, n, k, a, b } = layout
  return `@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.y * 4u;
  let col = id.x * 4u;
  if (row >= ${m}u || col >= ${n}u) { return; }
${bases(layout, outBatch, 'id.z')}
${four.map((r) => `  let r${r} = baseA + min(row + ${r}u, ${m - 1}u) * ${a.rowStride}u;\n  let q${r} = baseB + min(col + ${r}u, ${n - 1}u) * ${b.columnStride}u;\n  var c${r} = vec4<f32>(0.0);`).join('\n')}
  for (var p = 0u; p < ${k}u; p++) {
    let bp = vec4<f32>(${four.map((r) => `b_at(q${r} + p * ${b.rowStride}u)`).join(', ')});
${four.map((r) => `    c${r} += a_at(r${r} + p * ${a.columnStride}u) * bp;`).join('\n')}
  }
${four.map((r) => four.map((j) => `  if (row + ${r}u < ${m}u && col + ${j}u < ${n}u) { c_set(baseC + (row + ${r}u) * ${n}u + col + ${j}u, c${r}[${j}]); }`).join('\n')).join('\n')}
}`
}
