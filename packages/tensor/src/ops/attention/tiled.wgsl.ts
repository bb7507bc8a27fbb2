// Flash attention for GPUs. A workgroup of 128 computes 32 rows of one side and loops over the other side 32 rows at a
// time. Heads are loaded through workgroup memory in slices of 16 elements, so that any head dimension needs less than
// 10 KiB. Four invocations share a row: each computes 8 of its 32 scores, and 4 of every 16 results, kept in registers.
// Sums have a fixed order, without atomics.

import type { WebGpuPlan } from '../../backends/webgpu/rule.ts'
import { maxWorkgroups, shader, wgslFloat } from '../../backends/webgpu/shader.ts'
import type { KernelContext } from '../../passes/operand.ts'
import { magnitudeWgsl, nanScalar } from '../bits.wgsl.ts'
import { range } from '../matmul/case.ts'
import type { AttentionAttrs } from './geometry.ts'
import { type AttentionSizes, attentionSizes } from './geometry.ts'
import { forwardMemory, gradientMemory } from './kernel-memory.ts'

const side = 32

export function tiledIsSupported({ d, batch, heads }: AttentionSizes): boolean {
  return d % 16 === 0 && d <= 256 && Math.max(batch, heads) <= maxWorkgroups
}

interface Rows {
  readonly buffer: string
  /** Position of element 0 of row `line` (0 to 31) of the block. */
  readonly at: (line: string) => string
  /** Whether the row exists. */
  readonly inside: (line: string) => string
}

/** Loads one slice of 32 rows into a tile: one vec4 per invocation. */
const loadSlice = (tile: string, { buffer, at, inside }: Rows, slice: string) =>
  `    ${tile}[local] = vec4<f32>(0.0);
    if (${inside('line')}) { ${tile}[local] = ${buffer}_at4(${at('line')} + ${slice} * 16u + lane * 4u); }`

/** Declares NAME0 .. NAME7: the products of the invocation's row of `own` with rows lane, lane + 4, ... of `other`. */
function scores(name: string, slices: number, own: Rows, other: Rows): string {
  return `${range(8)
    .map((j) => `  var ${name}${j} = 0.0;`)
    .join('\n')}
  for (var c = 0u; c < ${slices}u; c++) {
${loadSlice('tile_a', own, 'c')}
${loadSlice('tile_b', other, 'c')}
    workgroupBarrier();
    for (var e = 0u; e < 4u; e++) {
      let x = tile_a[line * 4u + e];
${range(8)
  .map((j) => `      ${name}${j} += dot(x, tile_b[(lane + ${4 * j}u) * 4u + e]);`)
  .join('\n')}
    }
    workgroupBarrier();
  }`
}

/**
 * Adds to NAME0, NAME1, ... (slices of the invocation's row) the sum over the 32 rows j of `other` of `weight` (an
 * expression in j) times their elements.
 */
function accumulate(name: string, slices: number, other: Rows, weight: string): string {
  return range(slices)
    .map(
      (c) => `  {
${loadSlice('tile_b', other, `${c}u`)}
    workgroupBarrier();
    for (var j = 0u; j < ${side}u; j++) { ${name}${c} += ${weight} * tile_b[j * 4u + lane]; }
    workgroupBarrier();
  }`,
    )
    .join('\n')
}

/** The parts of a kernel's text that depend on the cap, the window and causality. */
function texts({ t, s }: AttentionSizes, { causal, window, softcap }: AttentionAttrs) {
  const past = s - t
  return {
    /** @param x the score before the cap */
    capped: (x: string) => (softcap === undefined ? x : `capped(${x})`),
    /** A factor of the gradient of a score. */
    slope: (x: string) => (softcap === undefined ? '' : ` * slope(capped(${x}))`),
    // Blocks of keys that no query of the block sees are skipped.
    firstKey: window === undefined ? '0u' : `((max(first + ${past + 1}u, WINDOW) - WINDOW) / ${side}u) * ${side}u`,
    keys: causal ? `min(S, first + ${side + past}u)` : 'S',
    firstQuery: causal ? `((max(first, ${past}u) - ${past}u) / ${side}u) * ${side}u` : '0u',
    queries: window === undefined ? 'T' : `min(T, max(first + ${side - 1}u + WINDOW, ${past}u) - ${past}u)`,
  }
}

function head(sizes: AttentionSizes, { scale, causal, window, softcap }: AttentionAttrs, documents: boolean) {
  const { t, s, heads, kvHeads, group, d } = sizes
  // Key j is seen by query i.
  const terms = ['i < T && j < S']
  if (causal) terms.push(`j <= i + ${s - t}u`)
  if (window !== undefined) terms.push(`j + WINDOW > i + ${s - t}u`)
  if (documents) terms.push('documents_at(batch * T + i) == documents_at(batch * S + j)')
  return `const T = ${t}u; const S = ${s}u; const H = ${heads}u; const KV = ${kvHeads}u; const GROUP = ${group}u; const D = ${d}u;
const SCALE = ${wgslFloat(scale)};${window === undefined ? '' : ` const WINDOW = ${window}u;`}${softcap === undefined ? '' : capFunctions(softcap)}
var<workgroup> tile_a: array<vec4<f32>, 128>;
var<workgroup> tile_b: array<vec4<f32>, 128>;
var<workgroup> weights: array<f32, ${side * (side + 1)}>;
fn seen(batch: u32, i: u32, j: u32) -> bool {
  if (!(${terms.slice(0, 1).join('')})) { return false; }
  return ${terms.slice(1).join(' && ') || 'true'};
}
`
}

/** tanh of large arguments is NaN on some adapters; NaN must stay NaN. */
const capFunctions = (softcap: number) => `
const CAP = ${wgslFloat(softcap)};
fn capped(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let y = CAP * tanh(clamp(x / CAP, -15.0, 15.0));
  return select(y, bitcast<f32>(bits), (bits & 0x7fffffffu) > 0x7f800000u);
}
fn slope(s: f32) -> f32 { let u = s / CAP; return 1.0 - u * u; }`

const entry = `@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) at: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let line = local / 4u;
  let lane = local % 4u;
`
const pitch = side + 1

const queryRows = (buffer: string, first: string, headName = 'head'): Rows => ({
  buffer,
  at: (line) => `((batch * T + ${first} + ${line}) * H + ${headName}) * D`,
  inside: (line) => `${first} + ${line} < T`,
})
const keyRows = (buffer: string, first: string): Rows => ({
  buffer,
  at: (line) => `((batch * S + ${first} + ${line}) * KV + kvHead) * D`,
  inside: (line) => `${first} + ${line} < S`,
})

export function tiledForward({ inputs, outputs: [o], attrs }: KernelContext<AttentionAttrs>): WebGpuPlan {
  const [q, k, , documents] = inputs
  const sizes = attentionSizes(q, k)
  const { capped, firstKey, keys } = texts(sizes, attrs)
  const { batch, t, heads, d } = sizes
  const slices = d / 16
  const queries = queryRows('q', 'first')
  const body = `${magnitudeWgsl}
${head(sizes, attrs, documents !== undefined)}${entry}
  let first = at.x * ${side}u;
  let head = at.y;
  let batch = at.z;
  let kvHead = head / GROUP;
  let i = first + line;
${range(slices)
  .map((c) => `  var acc${c} = vec4<f32>(0.0);`)
  .join('\n')}
  var top = -1.0e30;
  var size = 0u;
  var total = 0.0;
  let keys = ${keys};
  for (var from_key = ${firstKey}; from_key < keys; from_key += ${side}u) {
${scores('s', slices, queries, keyRows('k', 'from_key'))}
${range(8)
  .map(
    (j) =>
      `    weights[line * ${pitch}u + lane + ${4 * j}u] = select(-1.0e30, ${capped(`s${j} * SCALE`)}, seen(batch, i, from_key + lane + ${4 * j}u));`,
  )
  .join('\n')}
    workgroupBarrier();
    var best = top;
    for (var j = 0u; j < ${side}u; j++) {
      let w = weights[line * ${pitch}u + j];
      best = max(best, w);
      size = max(size, magnitude(w));
    }
    workgroupBarrier();
    let keep = exp(top - best);
    top = best;
${range(8)
  .map((j) => {
    const w = `weights[line * ${pitch}u + lane + ${4 * j}u]`
    return `    ${w} = select(0.0, exp(${w} - best), ${w} > -0.5e30);`
  })
  .join('\n')}
    workgroupBarrier();
    total *= keep;
    for (var j = 0u; j < ${side}u; j++) { total += weights[line * ${pitch}u + j]; }
${range(slices)
  .map((c) => `    acc${c} *= keep;`)
  .join('\n')}
${accumulate('acc', slices, keyRows('v', 'from_key'), `weights[line * ${pitch}u + j]`)}
  }
  if (i < T) {
    if (size > INFINITE || magnitude(top) >= INFINITE) { total = ${nanScalar}; }
    let norm = 1.0 / total;
${range(slices)
  .map((c) => `    o_set4(${queries.at('line')} + ${16 * c}u + lane * 4u, acc${c} * norm);`)
  .join('\n')}
    if (lane == 0u) { lse_set((batch * H + head) * T + i, top + log(total)); }
  }
}`
  const { buffers, bindings } = forwardMemory(inputs, o)
  return {
    dispatches: [
      {
        name: 'attention tiled',
        wgsl: shader(buffers, body),
        bindings,
        workgroups: [Math.ceil(t / side), heads, batch],
      },
    ],
  }
}

/**
 * Two kernels that both recompute the probabilities: one by query rows (delta and dq), one by key rows (dk and dv).
 */
export function tiledBackward({ inputs, attrs }: KernelContext<AttentionAttrs>): WebGpuPlan {
  const [q, k] = inputs
  const documents = inputs.at(6)
  const sizes = attentionSizes(q, k)
  const { batch, t, heads, kvHeads, d, s } = sizes
  const slices = d / 16
  const shared = head(sizes, attrs, documents !== undefined)
  const { capped, slope, firstKey, keys, firstQuery, queries } = texts(sizes, attrs)

  const ownQueries = queryRows('q', 'first')
  const ownGrads = queryRows('g', 'first')
  const byQuery = `${shared}${entry}
  let first = at.x * ${side}u;
  let head = at.y;
  let batch = at.z;
  let kvHead = head / GROUP;
  let i = first + line;
  let stat = (batch * H + head) * T + min(i, T - 1u);
  let row = ${queryRows('q', 'first').at('(min(i, T - 1u) - first)')};
  var d4 = vec4<f32>(0.0);
  for (var e = 0u; e < D; e += 4u) { d4 += g_at4(row + e) * o_at4(row + e); }
  let own = d4.x + d4.y + d4.z + d4.w;
  if (i < T && lane == 0u) { delta_set(stat, own); }
  let l = lse_at(stat);
${range(slices)
  .map((c) => `  var acc${c} = vec4<f32>(0.0);`)
  .join('\n')}
  let keys = ${keys};
  for (var from_key = ${firstKey}; from_key < keys; from_key += ${side}u) {
${scores('s', slices, ownQueries, keyRows('k', 'from_key'))}
${scores('p', slices, ownGrads, keyRows('v', 'from_key'))}
${range(8)
  .map(
    (j) =>
      `    weights[line * ${pitch}u + lane + ${4 * j}u] = select(0.0, exp(min(${capped(`s${j} * SCALE`)} - l, 80.0)) * (p${j} - own) * SCALE${slope(`s${j} * SCALE`)}, seen(batch, i, from_key + lane + ${4 * j}u));`,
  )
  .join('\n')}
    workgroupBarrier();
${accumulate('acc', slices, keyRows('k', 'from_key'), `weights[line * ${pitch}u + j]`)}
  }
  if (i < T) {
${range(slices)
  .map((c) => `    dq_set4(row + ${16 * c}u + lane * 4u, acc${c});`)
  .join('\n')}
  }
}`
  const byKey = `var<workgroup> score_gradients: array<f32, ${side * pitch}>;
${shared}${entry}
  let first = at.x * ${side}u;
  let kvHead = at.y;
  let batch = at.z;
  let j = first + line;
${range(slices)
  .map((c) => `  var accK${c}_ = vec4<f32>(0.0);\n  var accV${c}_ = vec4<f32>(0.0);`)
  .join('\n')}
  let start = ${firstQuery};
  for (var member = 0u; member < GROUP; member++) {
    let head = kvHead * GROUP + member;
    for (var from_query = start; from_query < ${queries}; from_query += ${side}u) {
${scores('s', slices, keyRows('k', 'first'), queryRows('q', 'from_query'))}
${scores('p', slices, keyRows('v', 'first'), queryRows('g', 'from_query'))}
${range(8)
  .map(
    (e) => `      {
        let i = from_query + lane + ${4 * e}u;
        let stat = (batch * H + head) * T + min(i, T - 1u);
        let p = select(0.0, exp(min(${capped(`s${e} * SCALE`)} - lse_at(stat), 80.0)), seen(batch, i, j));
        weights[line * ${pitch}u + lane + ${4 * e}u] = p;
        score_gradients[line * ${pitch}u + lane + ${4 * e}u] = p * (p${e} - delta_at(stat)) * SCALE${slope(`s${e} * SCALE`)};
      }`,
  )
  .join('\n')}
      workgroupBarrier();
${range(slices)
  .map(
    (c) => `      {
${loadSlice('tile_a', queryRows('q', 'from_query'), `${c}u`)}
${loadSlice('tile_b', queryRows('g', 'from_query'), `${c}u`)}
        workgroupBarrier();
        for (var e = 0u; e < ${side}u; e++) {
          accK${c}_ += score_gradients[line * ${pitch}u + e] * tile_a[e * 4u + lane];
          accV${c}_ += weights[line * ${pitch}u + e] * tile_b[e * 4u + lane];
        }
        workgroupBarrier();
      }`,
  )
  .join('\n')}
    }
  }
  if (j < S) {
    let row = ${keyRows('k', 'first').at('line')} + lane * 4u;
${range(slices)
  .map((c) => `    dk_set4(row + ${16 * c}u, accK${c}_);\n    dv_set4(row + ${16 * c}u, accV${c}_);`)
  .join('\n')}
  }
}`
  const memory = gradientMemory(inputs)
  return {
    dispatches: [
      {
        name: 'attentionGradient tiled by query',
        wgsl: shader(memory.byQuery.buffers, byQuery),
        bindings: memory.byQuery.bindings,
        workgroups: [Math.ceil(t / side), heads, batch],
      },
      {
        name: 'attentionGradient tiled by key',
        wgsl: shader(memory.byKey.buffers, byKey),
        bindings: memory.byKey.bindings,
        workgroups: [Math.ceil(s / side), kvHeads, batch],
      },
    ],
    scratch: [batch * heads * t * 4],
  }
}
