// Matrix product kernels with tiles in workgroup memory.

import { bases, type MatmulCase, range } from './case.ts'
import type { MatrixAccess } from './layout.ts'

/**
 * 16 x 16 invocations share double-buffered tiles of A and B in workgroup memory: while one pair is multiplied, the
 * next is loaded into registers, so that a tile costs one barrier. Each invocation computes t x t results, in blocks of
 * 4 x 4 that are 64 apart. Tiles are stored with K outermost, in vec4, for every layout of the operand. The loop over a
 * tile is unrolled and accumulators are separate variables: compilers neither unroll loops of WGSL nor keep indexed
 * arrays in registers.
 *
 * Loads beyond the edges give zeros, so any strides, sizes and formats are supported.
 * @param t results of an invocation in each direction: 4 or 8
 * @param steps columns of A (rows of B) in a tile: side * steps = 1024
 */
export function sharedTile({ problem, loads, store }: MatmulCase, t: 4 | 8): string {
  const { m, n, k, a, b, c } = problem
  const side = 16 * t
  const steps = 1024 / side
  const lines = side / 4
  const blocks = t / 4

  /** Declarations of what an invocation loads, and statements that load its vec4 of the tile at p. */
  const loader = (name: 'a' | 'b', access: MatrixAccess, contiguous: boolean) => {
    const limit = name === 'a' ? m : n
    const [lineStride, stepStride] =
      name === 'a' ? [access.rowStride, access.columnStride] : [access.columnStride, access.rowStride]
    const base = name === 'a' ? 'baseA' : 'baseB'
    // Adjacent invocations read adjacent words: along the lines if these are contiguous, else along K.
    const alongLines = lineStride === 1
    const declare = `  let ${name}_line = ${alongLines ? `local % ${lines}u` : `local / ${steps}u`};
  let ${name}_step = ${alongLines ? `local / ${lines}u` : `local % ${steps}u`};
  let ${name}_first = ${name === 'a' ? 'rowBase' : 'columnBase'} + ${name}_line * 4u;
  let ${name}_from = ${base} + ${name}_first * ${lineStride}u + ${name}_step * ${stepStride}u;
  let ${name}_slot = ${name}_step * ${lines}u + ${name}_line;`
    const at = (i: number) => `${name}_at(${name}_from + p * ${stepStride}u + ${i * lineStride}u)`
    const load =
      contiguous && limit % 4 === 0
        ? `if (${name}_first < ${limit}u && p + ${name}_step < ${k}u) { ${name}_next = ${name}_at4(${name}_from + p * ${stepStride}u); }`
        : `if (p + ${name}_step < ${k}u) { ${range(4)
            .map((i) => `if (${name}_first + ${i}u < ${limit}u) { ${name}_next[${i}] = ${at(i)}; }`)
            .join(' ')} }`
    return { declare, load: `    ${name}_next = vec4<f32>(0.0);\n    ${load}` }
  }
  const ofA = loader('a', a, loads?.a === 'row')
  const ofB = loader('b', b, loads?.b === 'column')

  const step = (q: number) => `    {
${range(blocks)
  .map((i) => `      let a${i} = tile_a[here + ${q * lines + 16 * i}u + ty];`)
  .join('\n')}
${range(blocks)
  .map((j) => `      let b${j} = tile_b[here + ${q * lines + 16 * j}u + tx];`)
  .join('\n')}
${range(t)
  .map(
    (i) =>
      `      ${range(blocks)
        .map((j) => `c${i}_${j} += a${i >> 2}[${i & 3}] * b${j};`)
        .join(' ')}`,
  )
  .join('\n')}
    }`
  const rows = range(t).map((i) => {
    const row = `rowBase + ty * 4u + ${(i >> 2) * 64 + (i & 3)}u`
    const stores = range(blocks).map((j) => {
      const column = `columnBase + tx * 4u + ${64 * j}u`
      const at = `baseC + (${row}) * ${c.rowStride}u + ${column}`
      if (n % 4 === 0) return `    if (${column} < ${n}u) { ${store(at, `c${i}_${j}`)} }`
      return range(4)
        .map((e) => `    if (${column} + ${e}u < ${n}u) { c_set(${at} + ${e}u, c${i}_${j}[${e}]); }`)
        .join('\n')
    })
    return `  if (${row} < ${m}u) {\n${stores.join('\n')}\n  }`
  })
  return `var<workgroup> tile_a: array<vec4<f32>, 512>;
var<workgroup> tile_b: array<vec4<f32>, 512>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let tx = local % 16u;
  let ty = local / 16u;
  let rowBase = group.y * ${side}u;
  let columnBase = group.x * ${side}u;
${bases(problem, 'group.z')}
${ofA.declare}
${ofB.declare}
${range(t)
  .map(
    (i) =>
      `  ${range(blocks)
        .map((j) => `var c${i}_${j} = vec4<f32>(0.0);`)
        .join(' ')}`,
  )
  .join('\n')}
  var a_next = vec4<f32>(0.0);
  var b_next = vec4<f32>(0.0);
  {
    let p = 0u;
${ofA.load}
${ofB.load}
  }
  tile_a[a_slot] = a_next;
  tile_b[b_slot] = b_next;
  var here = 0u;
  for (var tile = 0u; tile < ${Math.ceil(k / steps)}u; tile++) {
    workgroupBarrier();
    let p = (tile + 1u) * ${steps}u;
${ofA.load}
${ofB.load}
${range(steps).map(step).join('\n')}
    // The other half was last read before the barrier above.
    tile_a[(here ^ 256u) + a_slot] = a_next;
    tile_b[(here ^ 256u) + b_slot] = b_next;
    here ^= 256u;
  }
${rows.join('\n')}
}`
}
