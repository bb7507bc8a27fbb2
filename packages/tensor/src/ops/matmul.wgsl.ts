import type { AdapterTraits, WebGpuRule } from '../backends/webgpu/rule.ts'
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

/** What a variant is asked: may it, and how. */
interface MatmulCase {
  readonly layout: MatmulLayout
  readonly loads: VectorLoads | undefined
  readonly adapter: AdapterTraits
  readonly outBatch: number
}

interface MatmulVariant {
  /** Hard needs: features, limits, alignment. */
  applies(c: MatmulCase): boolean
  /** Whether it is worth it on this adapter and shape; the first variant that applies and suits is taken. */
  suits(c: MatmulCase): boolean
  readonly vector: boolean
  readonly extensions?: string
  /** Rows and columns of C one workgroup makes. */
  readonly tile: readonly [rows: number, columns: number]
  body(c: MatmulCase): string
}

/** Best first. All run within WebGPU's default limits; the last one takes any strides and sizes. */
const variants: Readonly<Record<string, MatmulVariant>> = {
  'subgroup 8x4': {
    applies: ({ loads, adapter, layout }) => loads !== undefined && adapter.subgroupSize === 4 && layout.m >= 8,
    suits: () => true,
    vector: true,
    extensions: 'enable subgroups;\n',
    tile: [8, 16],
    body: ({ layout, loads, outBatch }) => subgroupTile(layout, loads!, outBatch),
  },
  'shared 8x8': {
    applies: ({ layout }) => layout.k > 0,
    suits: ({ layout, adapter }) => !adapter.software && layout.m >= 256 && layout.n >= 256,
    vector: false,
    tile: [128, 128],
    body: ({ layout, outBatch }) => sharedTile(layout, 8, 8, outBatch),
  },
  'shared 4x4': {
    applies: ({ layout }) => layout.k > 0,
    suits: ({ layout, adapter }) => !adapter.software && layout.m >= 32 && layout.n >= 32,
    vector: false,
    tile: [64, 64],
    body: ({ layout, outBatch }) => sharedTile(layout, 4, 16, outBatch),
  },
  'direct 4x4 vec4': {
    applies: ({ loads }) => loads !== undefined,
    suits: () => true,
    vector: true,
    tile: [32, 32],
    body: ({ layout, loads, outBatch }) => vectorTile(layout, loads!, outBatch),
  },
  'direct 4x4': {
    applies: () => true,
    suits: () => true,
    vector: false,
    tile: [32, 32],
    body: ({ layout, outBatch }) => scalarTile(layout, outBatch),
  },
}

/** Names of the matmul variants, for pinning one. */
export const matmulVariants: readonly string[] = Object.keys(variants)

/** A pinned variant where it applies, else the first that applies and suits. */
function choose(c: MatmulCase): [name: string, variant: MatmulVariant] {
  const pinned = c.adapter.pinned?.matmul
  if (pinned !== undefined && variants[pinned]?.applies(c)) return [pinned, variants[pinned]]
  return Object.entries(variants).find(([, v]) => v.applies(c) && v.suits(c))!
}

export const matmulWgsl: WebGpuRule<unknown> = {
  supports: (_, attrs) => (attrs as { dtype: string }).dtype === 'float32',
  plan: ({ inputs: [a, b], outputs: [out] }, adapter) => ({
    dispatches: matmulLayouts(a, b)
      .filter(({ layout }) => layout.m * layout.n * layout.batch > 0)
      .map(({ layout, outBatch }) => {
        const { m, n, batch } = layout
        const c: MatmulCase = { layout, loads: vectorLoads(layout), adapter, outBatch }
        const [name, { vector, extensions = '', tile, body }] = choose(c)
        const buffers = [
          { name: 'a', dtype: a.dtype, vector },
          { name: 'b', dtype: b.dtype, vector },
          { name: 'c', dtype: out.dtype, write: true, vector },
        ]
        return {
          name: `matmul ${name}`,
          wgsl: extensions + shader(buffers, body(c)),
          bindings: [{ input: 0 }, { input: 1 }, { output: 0 }],
          workgroups: [Math.ceil(n / tile[1]), Math.ceil(m / tile[0]), batch] as const,
        }
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

/**
 * 16 x 16 invocations share tiles of A and B in workgroup memory; each makes t x t results, 16 rows and 16 columns apart, so that
 * neighbours read neighbouring words. Loads run along whichever direction is contiguous and are zero past the edges, so any strides,
 * sizes and formats will do. Accumulators are named registers; the steps over the tile are written out.
 * @param t results of an invocation in each direction
 * @param steps columns of A (rows of B) in a tile
 */
function sharedTile(layout: MatmulLayout, t: number, steps: number, outBatch: number): string {
  const { m, n, k, a, b } = layout
  const side = 16 * t
  const list = Array.from({ length: t }, (_, i) => i)
  const each = (side * steps) / 256
  // One word of padding a row keeps writes along k out of each other's banks.
  const pitch = side + 1
  const load = (name: 'a' | 'b', access: MatrixAccess, alongK: boolean, extent: number) => `
    for (var e = 0u; e < ${each}u; e++) {
      let at = local + e * 256u;
      let q = ${alongK ? `at % ${steps}u` : `at / ${side}u`};
      let r = ${alongK ? `at / ${steps}u` : `at % ${side}u`};
      let line = ${name === 'a' ? 'rowBase' : 'columnBase'} + r;
      var value = 0.0;
      if (line < ${extent}u && p + q < ${k}u) { value = ${name}_at(${name === 'a' ? 'baseA' : 'baseB'} + line * ${name === 'a' ? access.rowStride : access.columnStride}u + (p + q) * ${name === 'a' ? access.columnStride : access.rowStride}u); }
      tile_${name}[q * ${pitch}u + r] = value;
    }`
  const step = (q: number) => `
    {
${list.map((i) => `      let a${i} = tile_a[${q * pitch}u + ty + ${16 * i}u];`).join('\n')}
${list.map((j) => `      let b${j} = tile_b[${q * pitch}u + tx + ${16 * j}u];`).join('\n')}
${list.map((i) => `      ${list.map((j) => `c${i}_${j} += a${i} * b${j};`).join(' ')}`).join('\n')}
    }`
  return `var<workgroup> tile_a: array<f32, ${steps * pitch}>;
var<workgroup> tile_b: array<f32, ${steps * pitch}>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let tx = local % 16u;
  let ty = local / 16u;
  let rowBase = group.y * ${side}u;
  let columnBase = group.x * ${side}u;
${bases(layout, outBatch, 'group.z')}
${list.map((i) => `  ${list.map((j) => `var c${i}_${j} = 0.0;`).join(' ')}`).join('\n')}
  for (var p = 0u; p < ${k}u; p += ${steps}u) {${load('a', a, a.columnStride === 1, m)}${load('b', b, b.rowStride === 1 && b.columnStride !== 1, n)}
    workgroupBarrier();
${Array.from({ length: steps }, (_, q) => step(q)).join('')}
    workgroupBarrier();
  }
${list.map((i) => `  {\n    let row = rowBase + ty + ${16 * i}u;\n    if (row < ${m}u) {\n${list.map((j) => `      if (columnBase + tx + ${16 * j}u < ${n}u) { c_set(baseC + row * ${n}u + columnBase + tx + ${16 * j}u, c${i}_${j}); }`).join('\n')}\n    }\n  }`).join('\n')}
}`
}
