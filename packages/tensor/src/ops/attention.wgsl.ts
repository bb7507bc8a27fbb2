import type { WebGpuRule } from '../backends/webgpu/rule.ts'
import { linearEntry, shader, workgroupsFor } from '../backends/webgpu/shader.ts'
import type { Spec } from '../graph/node.ts'
import type { AttentionAttrs } from './attention.ts'
import { wgslFloat } from './row-kernels.ts'

/**
 * Writes a loop over the vectors of a head out: every line with a `#` is repeated with # = 0, 1, ... A row then lives in named
 * registers; an array with a running index would be memory on many adapters.
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

// Layouts: q, o, g, dq [B, T, H, D]; k, v, dk, dv [B, S, KV, D]; lse, delta [B, H, T]. One invocation owns one row and keeps it
// in registers; sums are float32 in a fixed order, there are no atomics, and masked keys are never read.

const supports = ([q]: readonly Spec[]) => q.shape[3] % 4 === 0 && q.shape[3] <= 256

function constants(q: readonly number[], k: readonly number[], { scale, causal }: AttentionAttrs): string {
  const [, t, h, d] = q
  const [, s, kv] = k
  return `const T = ${t}u; const S = ${s}u; const H = ${h}u; const KV = ${kv}u; const GROUP = ${h / kv}u;
const D = ${d}u; const SCALE = ${wgslFloat(scale)}; const CAUSAL = ${causal};
fn keys_of(i: u32) -> u32 { return select(S, i + 1u + (S - T), CAUSAL); }`
}

/** Online softmax: the running maximum and sum are corrected as keys come by. @see arXiv:2205.14135 algorithm 1 */
export const attentionWgsl: WebGpuRule<AttentionAttrs> = {
  supports,
  plan: ({ inputs: [q, k, v], outputs: [o], attrs }) => {
    const [b, t, h, d] = q.access.shape
    const vectors = d / 4
    const rows = b * t * h
    const wgsl = shader(
      [
        { name: 'q', dtype: q.dtype, vector: true },
        { name: 'k', dtype: k.dtype, vector: true },
        { name: 'v', dtype: v.dtype, vector: true },
        { name: 'o', dtype: o.dtype, write: true, vector: true },
        { name: 'lse', dtype: 'float32', write: true },
      ],
      `${constants(q.access.shape, k.access.shape, attrs)}
${linearEntry(
  16,
  unrolled(
    vectors,
    `  if (id >= ${rows}u) { return; }
  let i = id % T;
  let head = (id / T) % H;
  let batch = id / (T * H);
  let row = ((batch * T + i) * H + head) * D;
  let query# = q_at4(row + #4u) * SCALE;
  var acc# = vec4<f32>(0.0);
  var top = -1.0e30;
  var total = 0.0;
  let keys = keys_of(i);
  for (var j = 0u; j < keys; j++) {
    let at = ((batch * S + j) * KV + head / GROUP) * D;
    var dots = vec4<f32>(0.0);
    dots += query# * k_at4(at + #4u);
    let s = dots.x + dots.y + dots.z + dots.w;
    if (s > top) {
      let keep = exp(top - s);
      total *= keep;
      acc# *= keep;
      top = s;
    }
    let p = exp(s - top);
    total += p;
    acc# += p * v_at4(at + #4u);
  }
  let norm = 1.0 / total;
  o_set4(row + #4u, acc# * norm);
  lse_set((batch * H + head) * T + i, top + log(total));`,
  ),
)}`,
    )
    return {
      dispatches: [
        {
          name: 'attention',
          wgsl,
          bindings: [{ input: 0 }, { input: 1 }, { input: 2 }, { output: 0 }, { output: 1 }],
          workgroups: workgroupsFor(rows, 16),
        },
      ],
    }
  },
}

/** Two passes that both recompute p = exp(s - lse): one owns query rows (dq, and delta for the other), one owns key rows (dk, dv). */
export const attentionGradientWgsl: WebGpuRule<AttentionAttrs> = {
  supports,
  plan: ({ inputs: [q, k, v, o, , g], attrs }) => {
    const [b, t, h, d] = q.access.shape
    const vectors = d / 4
    const [, s, kv] = k.access.shape
    const head = constants(q.access.shape, k.access.shape, attrs)
    const queries = shader(
      [
        { name: 'q', dtype: q.dtype, vector: true },
        { name: 'k', dtype: k.dtype, vector: true },
        { name: 'v', dtype: v.dtype, vector: true },
        { name: 'o', dtype: o.dtype, vector: true },
        { name: 'lse', dtype: 'float32' },
        { name: 'g', dtype: g.dtype, vector: true },
        { name: 'dq', dtype: 'float32', write: true, vector: true },
        { name: 'delta', dtype: 'float32', write: true },
      ],
      `${head}
${linearEntry(
  16,
  unrolled(
    vectors,
    `  if (id >= ${b * t * h}u) { return; }
  let i = id % T;
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
  for (var j = 0u; j < keys; j++) {
    let at = ((batch * S + j) * KV + head / GROUP) * D;
    var s4 = vec4<f32>(0.0);
    var p4 = vec4<f32>(0.0);
      s4 += query# * k_at4(at + #4u);
      p4 += grad# * v_at4(at + #4u);
    let p = exp(s4.x + s4.y + s4.z + s4.w - l);
    let ds = p * (p4.x + p4.y + p4.z + p4.w - own) * SCALE;
    acc# += ds * k_at4(at + #4u);
  }
  dq_set4(row + #4u, acc#);`,
  ),
)}`,
    )
    const keys = shader(
      [
        { name: 'q', dtype: q.dtype, vector: true },
        { name: 'k', dtype: k.dtype, vector: true },
        { name: 'v', dtype: v.dtype, vector: true },
        { name: 'lse', dtype: 'float32' },
        { name: 'g', dtype: g.dtype, vector: true },
        { name: 'delta', dtype: 'float32' },
        { name: 'dk', dtype: 'float32', write: true, vector: true },
        { name: 'dv', dtype: 'float32', write: true, vector: true },
      ],
      `${head}
${linearEntry(
  16,
  unrolled(
    vectors,
    `  if (id >= ${b * s * kv}u) { return; }
  let j = id % S;
  let kvHead = (id / S) % KV;
  let batch = id / (S * KV);
  let row = ((batch * S + j) * KV + kvHead) * D;
  let key# = k_at4(row + #4u) * SCALE;
  let val# = v_at4(row + #4u);
  var accK# = vec4<f32>(0.0);
  var accV# = vec4<f32>(0.0);
  var first = 0u;
  if (CAUSAL && j > S - T) { first = j - (S - T); }
  for (var r = 0u; r < GROUP; r++) {
    let head = kvHead * GROUP + r;
    for (var i = first; i < T; i++) {
      let at = ((batch * T + i) * H + head) * D;
      let stat = (batch * H + head) * T + i;
      var s4 = vec4<f32>(0.0);
      var p4 = vec4<f32>(0.0);
      s4 += key# * q_at4(at + #4u);
      p4 += val# * g_at4(at + #4u);
      let p = exp(s4.x + s4.y + s4.z + s4.w - lse_at(stat));
      let ds = p * (p4.x + p4.y + p4.z + p4.w - delta_at(stat)) * SCALE;
      accV# += p * g_at4(at + #4u);
      accK# += ds * q_at4(at + #4u);
    }
  }
  dk_set4(row + #4u, accK#);
  dv_set4(row + #4u, accV#);`,
  ),
)}`,
    )
    return {
      dispatches: [
        {
          name: 'attentionGradientQ',
          wgsl: queries,
          bindings: [
            { input: 0 },
            { input: 1 },
            { input: 2 },
            { input: 3 },
            { input: 4 },
            { input: 5 },
            { output: 0 },
            { scratch: 0 },
          ],
          workgroups: workgroupsFor(b * t * h, 16),
        },
        {
          name: 'attentionGradientKV',
          wgsl: keys,
          bindings: [
            { input: 0 },
            { input: 1 },
            { input: 2 },
            { input: 4 },
            { input: 5 },
            { scratch: 0 },
            { output: 1 },
            { output: 2 },
          ],
          workgroups: workgroupsFor(b * s * kv, 16),
        },
      ],
      scratch: [b * h * t * 4],
    }
  },
}
