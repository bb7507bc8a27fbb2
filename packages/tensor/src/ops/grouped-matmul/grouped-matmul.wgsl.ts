// Grouped products in WGSL. Both are sums of products over p: rows of x times the matrix of their group (p over its
// inner dimension), or outer products of rows (p over the rows of the group). Sizes are known only on the device, so
// there are enough workgroups for any sizes: a tile of rows finds its group by a loop over the sizes, and surplus
// workgroups do nothing.

import type { AdapterTraits, WebGpuPlan, WebGpuRule } from '../../backends/webgpu/rule.ts'
import { linearEntry, maxWorkgroups, type ShaderBuffer, shader, workgroupsFor } from '../../backends/webgpu/shader.ts'
import type { NoAttributes } from '../../op.ts'
import type { Operand } from '../../passes/operand.ts'
import type { GroupedMatmulAttrs } from './grouped-matmul.ts'

/** C(i, j) = sum over p of A(i, p) B(p, j): expressions in i, p and j, and their bounds. */
interface Product {
  /**
   * Declares `count` (rows of C in this tile's group), `steps`, `row` (the tile's first row of C there), or returns.
   */
  readonly start: string
  readonly columns: number
  readonly a: (i: string, p: string) => string
  readonly b: (p: string, j: string) => string
  /** The position of C(i, j). */
  readonly c: (i: string, j: string) => string
}

const four = [0, 1, 2, 3]

/** Each invocation computes a tile of 4 x 4 results, from scalar loads. Runs on any adapter. */
function direct({ start, columns, a, b, c }: Product): string {
  return `@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let j = (group.x * 64u + local) * 4u;
  let tile = group.y + group.z * ${maxWorkgroups}u;
  if (j >= ${columns}u) { return; }
${start}
${four.map((r) => `  var c${r} = vec4<f32>(0.0);`).join('\n')}
  let last = max(count, 1u) - 1u;
${four.map((r) => `  let i${r} = min(row + ${r}u, last);\n  let j${r} = min(j + ${r}u, ${columns - 1}u);`).join('\n')}
  for (var p = 0u; p < steps; p++) {
    let q = vec4<f32>(${four.map((r) => b('p', `j${r}`)).join(', ')});
${four.map((r) => `    c${r} += ${a(`i${r}`, 'p')} * q;`).join('\n')}
  }
${four
  .map(
    (r) =>
      `  if (row + ${r}u < count) {\n${four.map((e) => `    if (j + ${e}u < ${columns}u) { c_set(${c(`(row + ${r}u)`, `(j + ${e}u)`)}, c${r}[${e}]); }`).join('\n')}\n  }`,
  )
  .join('\n')}
}`
}

/** 16 x 16 invocations share a tile of 64 x 64 results, 16 steps of A and B at a time in workgroup memory. */
function shared({ start, columns, a, b, c }: Product): string {
  return `var<workgroup> tile_a: array<f32, 1024>;
var<workgroup> tile_b: array<vec4<f32>, 256>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let tx = local % 16u;
  let ty = local / 16u;
  let columnBase = group.x * 64u;
  let j = columnBase + tx * 4u;
  let tile = group.y + group.z * ${maxWorkgroups}u;
${start}
${four.map((r) => `  var c${r} = vec4<f32>(0.0);`).join('\n')}
  for (var done = 0u; done < steps; done += 16u) {
    // A: 64 rows of 16 steps, by step; B: 16 steps of 64 columns, four adjacent ones per vector.
    for (var k = 0u; k < 4u; k++) {
      let at = local + k * 256u;
      let i = row + at / 16u;
      let p = done + at % 16u;
      var v = 0.0;
      if (i < count && p < steps) { v = ${a('i', 'p')}; }
      tile_a[(at % 16u) * 64u + at / 16u] = v;
    }
    {
      let p = done + ty;
      var v = vec4<f32>(0.0);
      if (p < steps) {
${four.map((e) => `        if (j + ${e}u < ${columns}u) { v[${e}] = ${b('p', `(j + ${e}u)`)}; }`).join('\n')}
      }
      tile_b[ty * 16u + tx] = v;
    }
    workgroupBarrier();
    for (var k = 0u; k < 16u; k++) {
      let q = tile_b[k * 16u + tx];
${four.map((r) => `      c${r} += tile_a[k * 64u + ty * 4u + ${r}u] * q;`).join('\n')}
    }
    workgroupBarrier();
  }
${four
  .map(
    (r) =>
      `  if (row + ty * 4u + ${r}u < count) {\n${four.map((e) => `    if (j + ${e}u < ${columns}u) { c_set(${c(`(row + ty * 4u + ${r}u)`, `(j + ${e}u)`)}, c${r}[${e}]); }`).join('\n')}\n  }`,
  )
  .join('\n')}
}`
}

/** Names of the variants, for pinning one. */
export const groupedVariants: readonly string[] = ['shared', 'direct']

interface Variant {
  readonly text: (product: Product) => string
  readonly tile: readonly [rows: number, columns: number]
}
const variants: Readonly<Record<string, Variant>> = {
  shared: { text: shared, tile: [64, 64] },
  direct: { text: direct, tile: [4, 256] },
}

/** The variant to use: barriers are expensive on a software adapter. */
const variantOf = ({ pinned, software }: AdapterTraits): [string, Variant] => {
  const name = pinned?.groupedMatmul
  const chosen = name !== undefined && name in variants ? name : software ? 'direct' : 'shared'
  return [chosen, variants[chosen]]
}

/**
 * The group of a tile of rows: `group_of(tile, rows per tile)` is (group, its first row, its number of rows, the tile's
 * first row in it). The group after the last one has the rows without a group; surplus tiles have 0 rows.
 */
const groupOf = (rows: number, groups: number) => `fn group_of(tile: u32, size: u32) -> vec4<u32> {
  var first = 0u;
  var before = 0u;
  for (var e = 0u; e <= ${groups}u; e++) {
    var count = ${rows}u - first;
    if (e < ${groups}u) { count = min(count, u32(max(sizes_at(e), 0))); }
    let tiles = (count + size - 1u) / size;
    if (tile < before + tiles) { return vec4<u32>(e, first, count, (tile - before) * size); }
    before += tiles;
    first += count;
  }
  return vec4<u32>(0u);
}
`

/** `rows_of(e)`: the first row and the number of rows of a group. */
const rowsOf = (rows: number) => `fn rows_of(e: u32) -> vec2<u32> {
  var first = 0u;
  for (var i = 0u; i < e; i++) { first = min(${rows}u, first + u32(max(sizes_at(i), 0))); }
  return vec2<u32>(first, min(${rows}u - first, u32(max(sizes_at(e), 0))));
}
`

const read = (name: string, { dtype }: Operand, length: number): ShaderBuffer => ({ name, dtype, length })
const spread = (n: number): [number, number] =>
  n <= maxWorkgroups ? [n, 1] : [maxWorkgroups, Math.ceil(n / maxWorkgroups)]

/** A plan that writes zeros: empty sums. */
function zeros(elements: number): WebGpuPlan {
  const wgsl = shader(
    [{ name: 'c', dtype: 'float32', write: true, length: elements }],
    linearEntry(64, `  if (id < ${elements}u) { c_set(id, 0.0); }`),
  )
  return { dispatches: [{ name: 'fill', wgsl, bindings: [{ output: 0 }], workgroups: workgroupsFor(elements, 64) }] }
}

export const groupedMatmulWgsl: WebGpuRule<GroupedMatmulAttrs> = {
  plan({ inputs: [x, w, sizes], outputs: [out], attrs: { transposeB } }, adapter): WebGpuPlan {
    const [rows, k] = x.access.shape
    const [m, groups] = [out.access.shape[1], sizes.access.shape[0]]
    if (k === 0 || groups === 0) return zeros(rows * m)
    const [name, { text, tile }] = variantOf(adapter)
    const body = text({
      start: `  let mine = group_of(tile, ${tile[0]}u);
  let count = mine.z;
  let row = mine.w;
  if (row >= count) { return; }
  let x_base = mine.y * ${k}u;
  let w_base = mine.x * ${k * m}u;
  let c_base = mine.y * ${m}u;
  let steps = select(0u, ${k}u, mine.x < ${groups}u);`,
      columns: m,
      a: (i, p) => `x_at(x_base + ${i} * ${k}u + ${p})`,
      b: (p, j) => (transposeB ? `w_at(w_base + ${j} * ${k}u + ${p})` : `w_at(w_base + ${p} * ${m}u + ${j})`),
      c: (i, j) => `c_base + ${i} * ${m}u + ${j}`,
    })
    const buffers: ShaderBuffer[] = [
      read('x', x, rows * k),
      read('w', w, groups * k * m),
      read('sizes', sizes, groups),
      { name: 'c', dtype: 'float32', write: true, length: rows * m },
    ]
    // Every group can have one partial tile, and so can the rows without a group.
    const tiles = spread(Math.ceil(rows / tile[0]) + groups + 1)
    return {
      dispatches: [
        {
          name: `groupedMatmul ${name}`,
          wgsl: shader(buffers, `${groupOf(rows, groups)}${body}`),
          bindings: [{ input: 0 }, { input: 1 }, { input: 2 }, { output: 0 }],
          workgroups: [Math.ceil(m / tile[1]), ...tiles],
          flops: 2 * rows * k * m,
        },
      ],
    }
  },
}

export const groupedOuterWgsl: WebGpuRule<NoAttributes> = {
  plan({ inputs: [x, y, sizes] }, adapter): WebGpuPlan {
    const [rows, k] = x.access.shape
    const [m, groups] = [y.access.shape[1], sizes.access.shape[0]]
    if (rows === 0) return zeros(groups * k * m)
    const [name, { text, tile }] = variantOf(adapter)
    const rowTiles = Math.ceil(k / tile[0])
    const body = text({
      start: `  let e = tile / ${rowTiles}u;
  if (e >= ${groups}u) { return; }
  let mine = rows_of(e);
  let count = ${k}u;
  let steps = mine.y;
  let row = (tile % ${rowTiles}u) * ${tile[0]}u;`,
      columns: m,
      a: (i, p) => `x_at((mine.x + ${p}) * ${k}u + ${i})`,
      b: (p, j) => `y_at((mine.x + ${p}) * ${m}u + ${j})`,
      c: (i, j) => `(e * ${k}u + ${i}) * ${m}u + ${j}`,
    })
    const buffers: ShaderBuffer[] = [
      read('x', x, rows * k),
      read('y', y, rows * m),
      read('sizes', sizes, groups),
      { name: 'c', dtype: 'float32', write: true, length: groups * k * m },
    ]
    return {
      dispatches: [
        {
          name: `groupedOuter ${name}`,
          wgsl: shader(buffers, `${rowsOf(rows)}${body}`),
          bindings: [{ input: 0 }, { input: 1 }, { input: 2 }, { output: 0 }],
          workgroups: [Math.ceil(m / tile[1]), ...spread(groups * rowTiles)],
          flops: 2 * rows * k * m,
        },
      ],
    }
  },
}
