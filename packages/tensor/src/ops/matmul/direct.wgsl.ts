// Matrix product kernels that read operands from storage into registers, without workgroup memory.

import { bases, four, type MatmulCase, range, type VectorLoads } from './case.ts'
import type { MatmulProblem } from './layout.ts'

// Each invocation keeps a small block of C in registers. Positions are counted in vectors, as one product and one sum
// with values computed before the loop: where integer arithmetic is slow, addressing costs as much as the loads.

/** Declarations that the loads of an operand need before the loop, and the loads at step p (four of K per step). */
interface Loads {
  readonly start: string
  readonly step: string
}

/** Loads of b0 .. b3: rows 4 p to 4 p + 3 of B at columns colB to colB + 3. */
function loadsOfB({ b }: MatmulProblem, loads: VectorLoads): Loads {
  if (loads.b === 'column') {
    return {
      start: '  let ib = (baseB + colB) >> 2u;',
      step: `    let qb = ib + p * ${b.rowStride}u;
${four.map((r) => `    let b${r} = b_quad(qb + ${(r * b.rowStride) / 4}u);`).join('\n')}`,
    }
  }
  return {
    start: four.map((r) => `  let ib${r} = (baseB + (colB + ${r}u) * ${b.columnStride}u) >> 2u;`).join('\n'),
    step: [
      ...four.map((r) => `    let u${r} = b_quad(ib${r} + p);`),
      ...four.map((r) => `    let b${r} = vec4<f32>(u0[${r}], u1[${r}], u2[${r}], u3[${r}]);`),
    ].join('\n'),
  }
}

/** An invocation computes 4 x 4 results, four steps of K at a time. */
export function vectorTile({ problem, loads, store }: MatmulCase): string {
  const { m, n, k, a, c } = problem
  const ofB = loadsOfB(problem, loads!)
  const ofA: Loads =
    loads!.a === 'column'
      ? {
          start: four
            .map((r) => `  let ia${r} = (baseA + min(row + ${r}u, ${m - 1}u) * ${a.rowStride}u) >> 2u;`)
            .join('\n'),
          step: four.map((r) => `    let a${r} = a_quad(ia${r} + p);`).join('\n'),
        }
      : {
          start: '  let ia = (baseA + row) >> 2u;',
          step: [
            `    let qa = ia + p * ${a.columnStride}u;`,
            ...four.map((r) => `    let t${r} = a_quad(qa + ${(r * a.columnStride) / 4}u);`),
            ...four.map((r) => `    let a${r} = vec4<f32>(t0[${r}], t1[${r}], t2[${r}], t3[${r}]);`),
          ].join('\n'),
        }
  return `@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.y * 4u;
  let col = id.x * 4u;
  if (row >= ${m}u || col >= ${n}u) { return; }
  let colB = col;
${bases(problem, 'id.z')}
${ofA.start}
${ofB.start}
${four.map((r) => `  var c${r} = vec4<f32>(0.0);`).join('\n')}
  for (var p = 0u; p < ${k / 4}u; p++) {
${ofA.step}
${ofB.step}
${four.map((r) => `    c${r} += a${r}.x * b0 + a${r}.y * b1 + a${r}.z * b2 + a${r}.w * b3;`).join('\n')}
  }
${four.map((r) => `  if (row + ${r}u < ${m}u) { ${store(`baseC + (row + ${r}u) * ${c.rowStride}u + col`, `c${r}`)} }`).join('\n')}
}`
}

/**
 * A subgroup of four lanes computes 8 x 16 results, each lane 8 x 4 of them. Each lane loads a quarter of A's 8 x 4
 * block and broadcasts it to the subgroup: six vec4 loads for 128 multiply-adds, and no barrier.
 */
export function subgroupTile({ problem, loads, store }: MatmulCase): string {
  const { m, n, k, a, c } = problem
  const eight = range(8)
  const byColumn = loads!.a === 'column'
  const ofB = loadsOfB(problem, loads!)
  // Column loads: lane l holds rows l and l + 4 at four steps. Row loads: lane l holds rows 0-3 and 4-7 at the l-th of
  // four steps.
  const start = byColumn
    ? `  let ix = (baseA + min(row + lane, ${m - 1}u) * ${a.rowStride}u) >> 2u;
  let iy = (baseA + min(row + lane + 4u, ${m - 1}u) * ${a.rowStride}u) >> 2u;`
    : `  let ix = (baseA + row + lane * ${a.columnStride}u) >> 2u;
  let iy = (baseA + min(row + 4u, ${Math.max(0, m - 4)}u) + lane * ${a.columnStride}u) >> 2u;`
  const advance = byColumn ? 'p' : `p * ${a.columnStride}u`
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
${bases(problem, 'group.z')}
${start}
${ofB.start}
${eight.map((r) => `  var c${r} = vec4<f32>(0.0);`).join('\n')}
  for (var p = 0u; p < ${k / 4}u; p++) {
    let advance = ${advance};
    let x = a_quad(ix + advance);
    let y = a_quad(iy + advance);
${ofB.step}
${step.join('\n')}
  }
  if (col < ${n}u) {
${eight.map((r) => `    if (row + ${r}u < ${m}u) { ${store(`baseC + (row + ${r}u) * ${c.rowStride}u + col`, `c${r}`)} }`).join('\n')}
  }
}`
}

/** For any strides and sizes: an invocation computes 4 x 4 results from scalar loads. */
export function scalarTile({ problem, store }: MatmulCase): string {
  const { m, n, k, a, b, c } = problem
  const row = (r: number) => {
    const at = `baseC + (row + ${r}u) * ${c.rowStride}u + col`
    if (n % 4 === 0) return `  if (row + ${r}u < ${m}u) { ${store(at, `c${r}`)} }`
    return four
      .map((j) => `  if (row + ${r}u < ${m}u && col + ${j}u < ${n}u) { c_set(${at} + ${j}u, c${r}[${j}]); }`)
      .join('\n')
  }
  return `@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.y * 4u;
  let col = id.x * 4u;
  if (row >= ${m}u || col >= ${n}u) { return; }
${bases(problem, 'id.z')}
${four.map((r) => `  let r${r} = baseA + min(row + ${r}u, ${m - 1}u) * ${a.rowStride}u;\n  let q${r} = baseB + min(col + ${r}u, ${n - 1}u) * ${b.columnStride}u;\n  var c${r} = vec4<f32>(0.0);`).join('\n')}
  for (var p = 0u; p < ${k}u; p++) {
    let bp = vec4<f32>(${four.map((r) => `b_at(q${r} + p * ${b.rowStride}u)`).join(', ')});
${four.map((r) => `    c${r} += a_at(r${r} + p * ${a.columnStride}u) * bp;`).join('\n')}
  }
${four.map(row).join('\n')}
}`
}
