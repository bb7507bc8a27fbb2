// WGSL kernels that work row by row: softmax, normalization, losses.

import type { AdapterTraits, WebGpuRule } from '../backends/webgpu/rule.ts'
import { linearEntry, type ShaderBuffer, shader, wgslFloat, workgroupsFor } from '../backends/webgpu/shader.ts'
import { elementCount } from '../shape.ts'
import { magnitudeWgsl, nanScalar } from './bits.wgsl.ts'

// A kernel is written once, as sweeps over the rows of the last axis. How a sweep runs is decided here: four elements
// at a time if rows allow it; by one invocation where barriers are expensive, else by a workgroup, with the row in
// registers if it fits, so that it is read once for all sweeps.

/** The expressions and statements of a sweep; values are vectors or single elements, of type `RowText.type`. */
interface Sweep {
  /** The elements of a row of `buffer`. */
  row(buffer: string): string
  /** The elements of a vector that is the same for all rows. */
  column(buffer: string): string
  /** A statement that stores elements of a row. */
  store(buffer: string, value: string): string
  /** A statement that keeps a value for later sweeps, in which `kept()` is its expression. */
  keep(value: string): string
  kept(): string
}

interface RowText {
  /** vec4<f32> or f32. */
  readonly type: string
  /** vec4<u32> or u32. */
  readonly bits: string
  /** The largest component of a value that sweeps have accumulated in `bits`, of this invocation only. */
  own(value: string): string
  sweep(text: (s: Sweep) => string): string
  /** The sum, or the maximum, over the row of a value that sweeps have accumulated in `type`. */
  sum(value: string): string
  max(value: string): string
  /** A statement that runs once per row. */
  once(text: string): string
}

/** The attributes that row kernels read. */
type RowAttrs = Partial<Record<'zLoss' | 'epsilon', number>>

interface RowKernel {
  readonly inputs: readonly { readonly name: string; readonly per: 'row' | 'column' | 'scalar' }[]
  readonly outputs: readonly { readonly name: string; readonly per: 'row' | 'scalar' }[]
  /** Functions that the body calls. */
  readonly functions?: string
  body(t: RowText, attrs: RowAttrs): string
}

const row = (name: string) => ({ name, per: 'row' as const })
const column = (name: string) => ({ name, per: 'column' as const })
const scalar = (name: string) => ({ name, per: 'scalar' as const })

/**
 * Declares `top`, the largest element if it is finite (else 0, or for a row of -Infinity the smallest float32), and
 * `size_v`, the largest magnitude (see magnitudeWgsl).
 */
const largest = (t: RowText) => `
  var top_v = ${t.type}(${lowest});
  var size_v = ${t.bits}(0u);
${t.sweep((s) => `{ let v = ${s.row('x')}; top_v = max(top_v, v); size_v = max(size_v, ${t.bits === 'u32' ? 'magnitude' : 'magnitude4'}(v)); }`)}
  var top = ${t.max('top_v')};
  if (magnitude(top) == INFINITE) { top = 0.0; }
  var total_v = ${t.type}(0.0);`

/** Declares `total`, the sum of exp(x - top), NaN if the row has one. */
const total = (t: RowText) => `
  if (${t.own('size_v')} > INFINITE) { total_v = ${t.type}(${nanScalar}); }
  let total = ${t.sum('total_v')};`

/** Declares `top`, and `lse`, the log-sum-exp of a row. */
const logSumExpRow = (t: RowText) => `${largest(t)}
${t.sweep((s) => `total_v += exp(${s.row('x')} - top);`)}
${total(t)}
  let lse = log_of_sum(top, total);`

/** The smallest finite float32. */
const lowest = '-3.4028234e38'

const logOfSum = `fn log_of_sum(top: f32, total: f32) -> f32 {
  let bits = bitcast<u32>(total);
  if (bits == 0u) { return bitcast<f32>(bits | 0xff800000u); }
  if (bits >= INFINITE) { return total; }
  return top + log(total);
}
`

const kernels = {
  logSumExp: {
    inputs: [row('x')],
    outputs: [scalar('y')],
    functions: `${magnitudeWgsl}\n${logOfSum}`,
    body: (t) => `${logSumExpRow(t)}
${t.once('y_set(row, lse);')}`,
  },
  softmax: {
    inputs: [row('x')],
    outputs: [row('y')],
    functions: `${magnitudeWgsl}\n`,
    // If the largest element is infinite, the sum is 0 or infinite, and the results are NaN.
    body: (t) => `${largest(t)}
${t.sweep((s) => `${s.keep(`exp(${s.row('x')} - top)`)} total_v += ${s.kept()};`)}
${total(t)}
  let norm = select(1.0 / total, ${nanScalar}, total == 0.0 || magnitude(total) >= INFINITE);
${t.sweep((s) => s.store('y', `${s.kept()} * norm`))}`,
  },
  softmaxGradient: {
    inputs: [row('y'), row('g')],
    outputs: [row('dx')],
    body: (t) => `
  var dot_v = ${t.type}(0.0);
${t.sweep((s) => `dot_v += ${s.row('y')} * ${s.row('g')};`)}
  let dot_row = ${t.sum('dot_v')};
${t.sweep((s) => s.store('dx', `${s.row('y')} * (${s.row('g')} - dot_row)`))}`,
  },
  crossEntropy: {
    inputs: [row('x'), scalar('targets')],
    outputs: [scalar('loss'), scalar('lse')],
    functions: `${magnitudeWgsl}\n${logOfSum}`,
    body: (t, { zLoss = 0 }) => `${logSumExpRow(t)}
${t.once(`{
    let id = targets_at(row);
    // A target outside the vocabulary is an error of the caller: the loss and its gradient are NaN.
    let l = select(lse, nan_of(0u), id >= i32(N));
    var picked = 0.0;
    if (id >= 0 && u32(id) < N) { picked = x_at(base + u32(id)); }
    lse_set(row, l);
    loss_set(row, select(l - picked + ${wgslFloat(zLoss)} * l * l, 0.0, id < 0));
  }`)}`,
  },
  rmsNorm: {
    inputs: [row('x'), column('weight')],
    outputs: [row('y'), scalar('scale')],
    body: (t, { epsilon = 0 }) => `
  var total_v = ${t.type}(0.0);
${t.sweep((s) => `{ let v = ${s.row('x')}; total_v += v * v; }`)}
  let s = inverseSqrt(${t.sum('total_v')} / f32(N) + ${wgslFloat(epsilon)});
${t.sweep((s) => s.store('y', `${s.row('x')} * s * ${s.column('weight')}`))}
${t.once('scale_set(row, s);')}`,
  },
  rmsNormGradient: {
    inputs: [row('x'), column('weight'), scalar('scale'), row('g')],
    outputs: [row('y')],
    body: (t) => `
  let s = scale_at(row);
  var total_v = ${t.type}(0.0);
${t.sweep((s) => `total_v += ${s.row('g')} * ${s.column('weight')} * ${s.row('x')};`)}
  let c = ${t.sum('total_v')} / f32(N) * s * s;
${t.sweep((s) => s.store('y', `s * (${s.row('g')} * ${s.column('weight')} - ${s.row('x')} * c)`))}`,
  },
} satisfies Record<string, RowKernel>

export function rowWgsl<A extends RowAttrs>(name: keyof typeof kernels): WebGpuRule<A> {
  const kernel: RowKernel = kernels[name]
  return {
    // Single elements of packed formats cannot be stored: such rows must be multiples of 4, others use the definition.
    supports: (inputs) => {
      const { shape, dtype } = inputs[0]
      return dtype === 'float32' || shape[shape.length - 1] % 4 === 0 || kernel.outputs.every((o) => o.per === 'scalar')
    },
    plan: ({ inputs, outputs, attrs }, adapter) => {
      const { shape } = inputs[0].access
      const n = shape[shape.length - 1]
      const rows = elementCount(shape.slice(0, -1))
      const vector = n % 4 === 0
      // crossEntropy reads single elements of its row.
      const declared = (per: string) => vector && per !== 'scalar' && name !== 'crossEntropy'
      const buffers: ShaderBuffer[] = [
        ...kernel.inputs.map((b, i) => ({
          name: b.name,
          dtype: inputs[i].dtype,
          vector: declared(b.per),
          length: elementCount(inputs[i].access.shape),
        })),
        ...kernel.outputs.map((b, i) => ({
          name: b.name,
          dtype: outputs[i].dtype,
          write: true,
          vector: declared(b.per),
          length: elementCount(outputs[i].access.shape),
        })),
      ]
      const bindings = [
        ...kernel.inputs.map((_, i) => ({ input: i })),
        ...kernel.outputs.map((_, i) => ({ output: i })),
      ]
      // A row of float32 results can store what a sweep keeps.
      const scratchRow = kernel.outputs.find((o, i) => o.per === 'row' && outputs[i].dtype === 'float32')?.name
      return {
        dispatches: [
          { name: name as string, bindings, ...rowShader(kernel, buffers, attrs, rows, n, scratchRow, adapter) },
        ],
      }
    },
  }
}

/** Sweeps as loops over k, in steps of 4 or 1. */
function looped(vector: boolean, first: string, stride: string, scratchRow: string | undefined): RowText['sweep'] {
  const at = vector ? 'at4' : 'at'
  const set = vector ? 'set4' : 'set'
  let kept = ''
  return (text) =>
    `  for (var k = ${first}; k < N; k += ${stride}) { ${text({
      row: (b) => `${b}_${at}(base + k)`,
      column: (b) => `${b}_${at}(k)`,
      store: (b, value) => `${b}_${set}(base + k, ${value});`,
      keep(value) {
        kept = value
        return scratchRow ? `${scratchRow}_${set}(base + k, ${value});` : ''
      },
      kept: () => (scratchRow ? `${scratchRow}_${at}(base + k)` : `(${kept})`),
    })} }`
}

/** Sweeps unrolled over `count` vectors that an invocation has in registers. */
function unrolled(count: number, lanes: number): RowText['sweep'] {
  return (text) =>
    Array.from(
      { length: count },
      (_, i) =>
        `  ${text({
          row: (b) => `${b}_r${i}`,
          column: (b) => `${b}_at4(lane * 4u + ${i * lanes * 4}u)`,
          store: (b, value) => `${b}_set4(base + lane * 4u + ${i * lanes * 4}u, ${value});`,
          keep: (value) => `let kept${i} = ${value};`,
          kept: () => `kept${i}`,
        })}`,
    ).join('\n')
}

/**
 * The number of invocations that share a row, so that each has an equal number of its vectors, at most eight; undefined
 * if there is none.
 */
function lanesForRegisters(n: number): number | undefined {
  return [64, 128, 256].find((lanes) => n % (4 * lanes) === 0 && n / (4 * lanes) <= 8)
}

function rowShader(
  kernel: RowKernel,
  buffers: readonly ShaderBuffer[],
  attrs: RowAttrs,
  rows: number,
  n: number,
  scratchRow: string | undefined,
  adapter: AdapterTraits,
): { wgsl: string; workgroups: [number, number, number] } {
  const vector = n % 4 === 0
  const type = vector ? 'vec4<f32>' : 'f32'
  const across = vector
    ? {
        bits: 'vec4<u32>',
        own: (v: string) => `largest4(${v})`,
        sum: (v: string) => `(${v}.x + ${v}.y + ${v}.z + ${v}.w)`,
        max: (v: string) => `max(max(${v}.x, ${v}.y), max(${v}.z, ${v}.w))`,
      }
    : { bits: 'u32', own: (v: string) => v, sum: (v: string) => v, max: (v: string) => v }
  if (adapter.software || n <= 32) {
    const body = kernel.body(
      { type, ...across, once: (text) => `  ${text}`, sweep: looped(vector, '0u', vector ? '4u' : '1u', scratchRow) },
      attrs,
    )
    const wgsl = shader(
      buffers,
      `const N = ${n}u;
${kernel.functions ?? ''}${linearEntry(
  16,
  `  let row = id;
  if (row >= ${rows}u) { return; }
  let base = row * N;
${body}`,
)}`,
    )
    return { wgsl, workgroups: workgroupsFor(rows, 16) }
  }

  const inRegisters = vector ? lanesForRegisters(n) : undefined
  const lanes = inRegisters ?? 64
  const held = inRegisters ? n / (4 * lanes) : 0
  const loads = kernel.inputs
    .filter((b) => b.per === 'row')
    .flatMap((b) =>
      Array.from(
        { length: held },
        (_, i) => `  let ${b.name}_r${i} = ${b.name}_at4(base + lane * 4u + ${i * lanes * 4}u);`,
      ),
    )
  const body = kernel.body(
    {
      type,
      bits: across.bits,
      own: across.own,
      sum: (v) => `reduce_sum(${across.sum(v)}, lane)`,
      max: (v) => `reduce_max(${across.max(v)}, lane)`,
      once: (text) => `  if (lane == 0u) { ${text} }`,
      sweep: inRegisters
        ? unrolled(held, lanes)
        : looped(vector, vector ? 'lane * 4u' : 'lane', `${lanes * (vector ? 4 : 1)}u`, scratchRow),
    },
    attrs,
  )
  // A tree over the workgroup: the order of additions is fixed.
  const tree = (combine: string) => `
  partial[lane] = v;
  workgroupBarrier();
  for (var half = ${lanes / 2}u; half > 0u; half >>= 1u) {
    if (lane < half) { partial[lane] = ${combine}; }
    workgroupBarrier();
  }
  let result = partial[0];
  workgroupBarrier();
  return result;`
  const wgsl = shader(
    buffers,
    `const N = ${n}u;
${kernel.functions ?? ''}var<workgroup> partial: array<f32, ${lanes}>;
fn reduce_max(v: f32, lane: u32) -> f32 {${tree('max(partial[lane], partial[lane + half])')}
}
fn reduce_sum(v: f32, lane: u32) -> f32 {${tree('partial[lane] + partial[lane + half]')}
}
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * 65535u;
  if (row >= ${rows}u) { return; }
  let base = row * N;
${loads.join('\n')}
${body}
}`,
  )
  return { wgsl, workgroups: workgroupsFor(rows, 1) }
}
