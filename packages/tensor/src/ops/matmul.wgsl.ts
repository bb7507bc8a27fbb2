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

/**
 * Register tile without workgroup memory: an invocation makes 4 x 4 results from vec4 loads, four steps of K at a time.
 * Runs within WebGPU's default limits. Operands whose strides or sizes do not allow vec4 loads take the scalar form.
 */
export const matmulWgsl: WebGpuRule<unknown> = {
  supports: (_, attrs) => (attrs as { dtype: string }).dtype === 'float32',
  plan: ({ inputs: [a, b], outputs: [out] }) => ({
    dispatches: matmulLayouts(a, b)
      .filter(({ layout }) => layout.m * layout.n * layout.batch > 0)
      .map(({ layout, outBatch }) => {
        const { m, n, batch } = layout
        const { wgsl, vector } = matmulShader(layout, a, b, out, outBatch)
        return {
          name: vector ? 'matmul 4x4 vec4' : 'matmul 4x4',
          wgsl,
          bindings: [{ input: 0 }, { input: 1 }, { output: 0 }],
          workgroups: [Math.ceil(n / 32), Math.ceil(m / 32), batch] as const,
        }
      }),
  }),
}

function matmulShader(
  layout: MatmulLayout,
  aOperand: Operand,
  bOperand: Operand,
  out: Operand,
  outBatch: number,
): { wgsl: string; vector: boolean } {
  const { m, n, k, a, b } = layout
  const aColumns = vectorAlong(a, 'column', k)
  const aRows = !aColumns && vectorAlong(a, 'row', m)
  const bColumns = vectorAlong(b, 'column', n)
  const bRows = !bColumns && vectorAlong(b, 'row', k)
  const vector = n % 4 === 0 && k % 4 === 0 && k > 0 && (aColumns || aRows) && (bColumns || bRows)
  const buffers = [
    { name: 'a', dtype: aOperand.dtype, vector },
    { name: 'b', dtype: bOperand.dtype, vector },
    { name: 'c', dtype: out.dtype, write: true, vector },
  ]
  const head = `@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.y * 4u;
  let col = id.x * 4u;
  if (row >= ${m}u || col >= ${n}u) { return; }
  let baseA = ${a.offset}u + id.z * ${a.batchStride}u;
  let baseB = ${b.offset}u + id.z * ${b.batchStride}u;
  let baseC = (${outBatch}u + id.z) * ${m * n}u;`
  const rows = [0, 1, 2, 3]
  if (vector) {
    const loadA = aColumns
      ? rows.map((r) => `    let a${r} = a_at4(baseA + r${r} * ${a.rowStride}u + p);`)
      : [
          ...rows.map((r) => `    let t${r} = a_at4(baseA + row + (p + ${r}u) * ${a.columnStride}u);`),
          ...rows.map((r) => `    let a${r} = vec4<f32>(t0[${r}], t1[${r}], t2[${r}], t3[${r}]);`),
        ]
    const loadB = bColumns
      ? rows.map((r) => `    let b${r} = b_at4(baseB + (p + ${r}u) * ${b.rowStride}u + col);`)
      : [
          ...rows.map((r) => `    let u${r} = b_at4(baseB + p + (col + ${r}u) * ${b.columnStride}u);`),
          ...rows.map((r) => `    let b${r} = vec4<f32>(u0[${r}], u1[${r}], u2[${r}], u3[${r}]);`),
        ]
    const wgsl = shader(
      buffers,
      `${head}
${rows.map((r) => `  let r${r} = min(row + ${r}u, ${m - 1}u);\n  var c${r} = vec4<f32>(0.0);`).join('\n')}
  for (var p = 0u; p < ${k}u; p += 4u) {
${loadA.join('\n')}
${loadB.join('\n')}
${rows.map((r) => `    c${r} += a${r}.x * b0 + a${r}.y * b1 + a${r}.z * b2 + a${r}.w * b3;`).join('\n')}
  }
${rows.map((r) => `  if (row + ${r}u < ${m}u) { c_set4(baseC + (row + ${r}u) * ${n}u + col, c${r}); }`).join('\n')}
}`,
    )
    return { wgsl, vector }
  }
  const wgsl = shader(
    buffers,
    `${head}
${rows.map((r) => `  let r${r} = baseA + min(row + ${r}u, ${m - 1}u) * ${a.rowStride}u;\n  let q${r} = baseB + min(col + ${r}u, ${n - 1}u) * ${b.columnStride}u;\n  var c${r} = vec4<f32>(0.0);`).join('\n')}
  for (var p = 0u; p < ${k}u; p++) {
    let bp = vec4<f32>(${rows.map((r) => `b_at(q${r} + p * ${b.rowStride}u)`).join(', ')});
${rows.map((r) => `    c${r} += a_at(r${r} + p * ${a.columnStride}u) * bp;`).join('\n')}
  }
${rows.map((r) => rows.map((j) => `  if (row + ${r}u < ${m}u && col + ${j}u < ${n}u) { c_set(baseC + (row + ${r}u) * ${n}u + col + ${j}u, c${r}[${j}]); }`).join('\n')).join('\n')}
}`,
  )
  return { wgsl, vector }
}
