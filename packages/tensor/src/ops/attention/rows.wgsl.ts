// Attention with one row per invocation, which runs on any adapter.

import type { AdapterTraits, WebGpuPlan } from '../../backends/webgpu/rule.ts'
import { type ShaderBuffer, shader, wgslFloat, workgroupsFor } from '../../backends/webgpu/shader.ts'
import type { KernelContext, Operand } from '../../passes/operand.ts'
import { magnitudeWgsl, nanScalar } from '../bits.wgsl.ts'
import type { AttentionAttrs } from './geometry.ts'
import { forwardMemory, gradientMemory } from './kernel-memory.ts'

/**
 * Unrolls loops over the vectors of a head: every line with a `#` is repeated with # = 0, 1, ... A row is then held in
 * registers; an array indexed by a loop variable would be in memory on many adapters.
 */
function unrolled(vectors: number, text: string): string {
  return text
    .split('\n')
    .map((line) =>
      line.includes('#')
        ? Array.from({ length: vectors }, (_, d) =>
            line.replaceAll('#4', String(4 * d)).replaceAll('#', String(d)),
          ).join('\n')
        : line,
    )
    .join('\n')
}

// Layouts: q, o, g, dq [B, T, H, D]; k, v, dk, dv [B, S, KV, D]; lse, delta [B, H, T]. Each invocation computes one
// row, kept in registers; sums are float32 in a fixed order, without atomics, and masked keys are never read.
//
// Adjacent invocations have adjacent rows of one head and read the same rows of the other side. If subgroups have four
// lanes, each lane loads a quarter of such a row and broadcasts it to the subgroup; otherwise every invocation loads
// the whole row.

interface Geometry {
  readonly constants: string
  readonly vectors: number
  /** Whether subgroups of four lanes, with four adjacent rows of one head, share loads. */
  readonly shared: boolean
}

function geometry(
  q: readonly number[],
  k: readonly number[],
  owners: number,
  attrs: AttentionAttrs,
  adapter: AdapterTraits,
): Geometry {
  const { scale, causal } = attrs
  const [, t, h, d] = q
  const [, s, kv] = k
  return {
    constants: `const T = ${t}u; const S = ${s}u; const H = ${h}u; const KV = ${kv}u; const GROUP = ${h / kv}u;
const D = ${d}u; const SCALE = ${wgslFloat(scale)}; const CAUSAL = ${causal};
fn keys_of(i: u32) -> u32 { return select(S, i + 1u + (S - T), CAUSAL); }
fn first_query(j: u32) -> u32 { return select(0u, j - min(j, S - T), CAUSAL); }${windowAndCap(attrs)}`,
    vectors: d / 4,
    shared: adapter.subgroupSize === 4 && d % 16 === 0 && owners % 4 === 0,
  }
}

/**
 * WGSL functions: the first key that a query sees, the end of the queries that see a key; the cap, and its derivative.
 */
function windowAndCap({ window, softcap }: AttentionAttrs): string {
  const seen =
    window === undefined
      ? ''
      : `
const WINDOW = ${window}u;
fn first_key(i: u32) -> u32 { let past = i + 1u + (S - T); return past - min(past, WINDOW); }
fn end_query(j: u32) -> u32 { return min(T, max(j + WINDOW, S - T) - (S - T)); }`
  // tanh of large arguments is NaN on some adapters.
  const cap =
    softcap === undefined
      ? ''
      : `
const CAP = ${wgslFloat(softcap)};
fn capped(x: f32) -> f32 { return CAP * tanh(clamp(x / CAP, -15.0, 15.0)); }
fn slope(s: f32) -> f32 { let u = s / CAP; return 1.0 - u * u; }`
  return seen + cap
}

/** The parts of a kernel's text that depend on the window and the cap. */
function texts({ window, softcap }: AttentionAttrs) {
  const cap = softcap !== undefined
  return {
    firstKey: (i: string) => (window === undefined ? '0u' : `first_key(${i})`),
    endQuery: (j: string) => (window === undefined ? 'T' : `end_query(${j})`),
    inWindow: window === undefined ? '' : ' && j >= first_key(i)',
    beforeEnd: window === undefined ? '' : ' && i < end_query(j)',
    capped: (x: string) => (cap ? `capped(${x})` : x),
    /** A factor of the gradient of a score. @param x the score before the cap */
    slope: (x: string) => (cap ? ` * slope(capped(${x}))` : ''),
  }
}

/**
 * The entry point for `rows` rows, one per invocation: `id` is the row, `low` and `high` are the first and last row of
 * its subgroup (they bound loops, which must be uniform where lanes share loads). The body is unrolled over the head's
 * vectors.
 */
function entry(
  { vectors, shared }: Geometry,
  rows: number,
  body: string,
): { text: string; workgroups: [number, number, number] } {
  const size = shared ? 4 : 16
  const lanes = shared
    ? `  let low = (group.x + group.y * 65535u) * 4u;
  if (low >= ${rows}u) { return; }
  let high = low + 3u;
  let id = low + lane;`
    : `  let id = (group.x + group.y * 65535u) * 16u + lane;
  if (id >= ${rows}u) { return; }
  let low = id;
  let high = id;`
  const text = `@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(${shared ? 'subgroup_invocation_id' : 'local_invocation_index'}) lane: u32) {
${lanes}
${unrolled(vectors, body)}
}`
  return { text, workgroups: workgroupsFor(rows, size) }
}

/** Declares NAME0, NAME1, ...: the vectors at `at` of a buffer, the same for all lanes of a subgroup. */
function sharedRow({ vectors, shared }: Geometry, name: string, buffer: string): string {
  if (!shared) return `    let ${name}# = ${buffer}_at4(at + #4u);`
  return [
    ...Array.from(
      { length: vectors / 4 },
      (_, c) => `    let ${name}_own${c} = ${buffer}_at4(at + (lane + ${4 * c}u) * 4u);`,
    ),
    ...Array.from(
      { length: vectors },
      (_, d) => `    let ${name}${d} = subgroupBroadcast(${name}_own${d >> 2}, ${d & 3}u);`,
    ),
  ].join('\n')
}

/** The condition that a query and a key belong to one document, if there are documents. */
function sameDocument(documents: Operand | undefined, query: string, key: string): string {
  return documents ? ` && documents_at(batch * T + ${query}) == documents_at(batch * S + ${key})` : ''
}

function program(g: Geometry, buffers: readonly ShaderBuffer[], text: string): string {
  return `${g.shared ? 'enable subgroups;\n' : ''}${shader(buffers, `${g.constants}\n${text}`)}`
}

/** Online softmax: the running maximum and sum are corrected with every key. @see arXiv:2205.14135 algorithm 1 */
export function rowsForward(
  { inputs, outputs: [o], attrs }: KernelContext<AttentionAttrs>,
  adapter: AdapterTraits,
): WebGpuPlan {
  const [q, k, , documents] = inputs
  const [b, t, h] = q.access.shape
  const geo = geometry(q.access.shape, k.access.shape, t, attrs, adapter)
  const { firstKey, inWindow, capped } = texts(attrs)
  const { text, workgroups } = entry(
    geo,
    b * t * h,
    `  let i = id % T;
  let head = (id / T) % H;
  let batch = id / (T * H);
  let row = ((batch * T + i) * H + head) * D;
  let query# = q_at4(row + #4u) * SCALE;
  var acc# = vec4<f32>(0.0);
  var top = -1.0e30;
  var size = 0u;
  var total = 0.0;
  let keys = keys_of(i);
  let limit = keys_of(high % T);
  for (var j = ${firstKey('low % T')}; j < limit; j++) {
    let at = ((batch * S + j) * KV + head / GROUP) * D;
${sharedRow(geo, 'key', 'k')}
${sharedRow(geo, 'val', 'v')}
    if (j < keys${inWindow}${sameDocument(documents, 'i', 'j')}) {
      var dots = vec4<f32>(0.0);
      dots += query# * key#;
      let s = ${capped('dots.x + dots.y + dots.z + dots.w')};
      size = max(size, magnitude(${attrs.softcap === undefined ? 's' : 'dots.x + dots.y + dots.z + dots.w'}));
      if (s > top) {
        let keep = exp(top - s);
        total *= keep;
        acc# *= keep;
        top = s;
      }
      let p = exp(s - top);
      total += p;
      acc# += p * val#;
    }
  }
  if (size > INFINITE || magnitude(top) >= INFINITE) { total = ${nanScalar}; }
  let norm = 1.0 / total;
  o_set4(row + #4u, acc# * norm);
  lse_set((batch * H + head) * T + i, top + log(total));`,
  )
  const { buffers, bindings } = forwardMemory(inputs, o)
  return {
    dispatches: [{ name: 'attention', wgsl: program(geo, buffers, `${magnitudeWgsl}\n${text}`), bindings, workgroups }],
  }
}

/**
 * Two kernels that both recompute p = exp(s - lse): one with an invocation per query row (dq, and delta for the other),
 * one with an invocation per key row (dk, dv).
 */
export function rowsBackward({ inputs, attrs }: KernelContext<AttentionAttrs>, adapter: AdapterTraits): WebGpuPlan {
  const [q, k] = inputs
  const documents = inputs.at(6)
  const [b, t, h] = q.access.shape
  const [, s, kv] = k.access.shape
  const { firstKey, endQuery, inWindow, beforeEnd, capped, slope } = texts(attrs)
  const score = 's4.x + s4.y + s4.z + s4.w'
  const byQuery = geometry(q.access.shape, k.access.shape, t, attrs, adapter)
  const byKey = geometry(q.access.shape, k.access.shape, s, attrs, adapter)
  const queries = entry(
    byQuery,
    b * t * h,
    `  let i = id % T;
  let head = (id / T) % H;
  let batch = id / (T * H);
  let row = ((batch * T + i) * H + head) * D;
  var d4 = vec4<f32>(0.0);
  let query# = q_at4(row + #4u) * SCALE;
  let grad# = g_at4(row + #4u);
  var acc# = vec4<f32>(0.0);
  d4 += grad# * o_at4(row + #4u);
  let stat = (batch * H + head) * T + i;
  let own = d4.x + d4.y + d4.z + d4.w;
  delta_set(stat, own);
  let l = lse_at(stat);
  let keys = keys_of(i);
  let limit = keys_of(high % T);
  for (var j = ${firstKey('low % T')}; j < limit; j++) {
    let at = ((batch * S + j) * KV + head / GROUP) * D;
${sharedRow(byQuery, 'key', 'k')}
${sharedRow(byQuery, 'val', 'v')}
    if (j < keys${inWindow}${sameDocument(documents, 'i', 'j')}) {
      var s4 = vec4<f32>(0.0);
      var p4 = vec4<f32>(0.0);
      s4 += query# * key#;
      p4 += grad# * val#;
      let p = exp(${capped(score)} - l);
      let ds = p * (p4.x + p4.y + p4.z + p4.w - own) * SCALE${slope(score)};
      acc# += ds * key#;
    }
  }
  dq_set4(row + #4u, acc#);`,
  )
  const keys = entry(
    byKey,
    b * s * kv,
    `  let j = id % S;
  let kvHead = (id / S) % KV;
  let batch = id / (S * KV);
  let row = ((batch * S + j) * KV + kvHead) * D;
  let key# = k_at4(row + #4u) * SCALE;
  let val# = v_at4(row + #4u);
  var accK# = vec4<f32>(0.0);
  var accV# = vec4<f32>(0.0);
  let first = first_query(j);
  let start = first_query(low % S);
  for (var r = 0u; r < GROUP; r++) {
    let head = kvHead * GROUP + r;
    for (var i = start; i < ${endQuery('high % S')}; i++) {
      let at = ((batch * T + i) * H + head) * D;
      let stat = (batch * H + head) * T + i;
${sharedRow(byKey, 'query', 'q')}
${sharedRow(byKey, 'grad', 'g')}
      if (i >= first${beforeEnd}${sameDocument(documents, 'i', 'j')}) {
        var s4 = vec4<f32>(0.0);
        var p4 = vec4<f32>(0.0);
        s4 += key# * query#;
        p4 += val# * grad#;
        let p = exp(${capped(score)} - lse_at(stat));
        let ds = p * (p4.x + p4.y + p4.z + p4.w - delta_at(stat)) * SCALE${slope(score)};
        accV# += p * grad#;
        accK# += ds * query#;
      }
    }
  }
  dk_set4(row + #4u, accK#);
  dv_set4(row + #4u, accV#);`,
  )
  const memory = gradientMemory(inputs)
  return {
    dispatches: [
      {
        name: 'attentionGradientQ',
        wgsl: program(byQuery, memory.byQuery.buffers, queries.text),
        bindings: memory.byQuery.bindings,
        workgroups: queries.workgroups,
      },
      {
        name: 'attentionGradientKV',
        wgsl: program(byKey, memory.byKey.buffers, keys.text),
        bindings: memory.byKey.bindings,
        workgroups: keys.workgroups,
      },
    ],
    scratch: [b * h * t * 4],
  }
}
