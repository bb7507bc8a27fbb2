import type { CpuRule } from '../backends/cpu/rule.ts'
import type { AdapterTraits, WebGpuRule } from '../backends/webgpu/rule.ts'
import { linearEntry, type ShaderBuffer, shader, workgroupsFor } from '../backends/webgpu/shader.ts'
import type { DType } from '../dtype.ts'
import { elementCount } from '../shape.ts'

/** Kernels that walk the last axis of their first input, one row at a time. */

const word = (dtype: DType) => dtype === 'float32' || dtype === 'int32'

/** A WebAssembly row kernel: `name(start, end, thread, ...inputs, ...outputs, n, ...extra)`. */
export function rowCpu<A>(kernel: string, extra: (attrs: A) => number[] = () => []): CpuRule<A> {
  return {
    supports: (inputs) => inputs.every((s) => word(s.dtype)),
    plan: ({ inputs, outputs, attrs }) => {
      const { shape } = inputs[0].access
      const n = shape[shape.length - 1]
      const args = [
        ...inputs.map((_, i) => ({ input: i })),
        ...outputs.map((_, i) => ({ output: i })),
        n,
        ...extra(attrs),
      ]
      return { calls: [{ kernel, count: elementCount(shape) / n, grain: Math.max(1, (4096 / n) | 0), args }] }
    },
  }
}

interface RowShader {
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Uses row, base (first element of the row), lane, step, N, reduce_max and reduce_sum. */
  body(attrs: any): string
}

/** A literal that WGSL reads as f32. */
export function wgslFloat(x: number): string {
  const text = String(Math.fround(x))
  return /[.e]/.test(text) ? text : `${text}.0`
}

const rowShaders: Record<string, RowShader> = {
  logSumExp: {
    inputs: ['x'],
    outputs: ['y'],
    body: () => `
  var top = -3.0e38;
  for (var k = lane; k < N; k += step) { top = max(top, x_at(base + k)); }
  top = reduce_max(top, lane);
  var total = 0.0;
  for (var k = lane; k < N; k += step) { total += exp(x_at(base + k) - top); }
  total = reduce_sum(total, lane);
  if (lane == 0u) { y_set(row, top + log(total)); }`,
  },
  softmax: {
    inputs: ['x'],
    outputs: ['y'],
    body: () => `
  var top = -3.0e38;
  for (var k = lane; k < N; k += step) { top = max(top, x_at(base + k)); }
  top = reduce_max(top, lane);
  var total = 0.0;
  for (var k = lane; k < N; k += step) { total += exp(x_at(base + k) - top); }
  total = 1.0 / reduce_sum(total, lane);
  for (var k = lane; k < N; k += step) { y_set(base + k, exp(x_at(base + k) - top) * total); }`,
  },
  crossEntropy: {
    inputs: ['x', 'targets'],
    outputs: ['loss', 'lse'],
    body: ({ zLoss }) => `
  var top = -3.0e38;
  for (var k = lane; k < N; k += step) { top = max(top, x_at(base + k)); }
  top = reduce_max(top, lane);
  var total = 0.0;
  for (var k = lane; k < N; k += step) { total += exp(x_at(base + k) - top); }
  total = reduce_sum(total, lane);
  if (lane == 0u) {
    let l = top + log(total);
    let t = targets_at(row);
    var picked = 0.0;
    if (t >= 0 && u32(t) < N) { picked = x_at(base + u32(t)); }
    lse_set(row, l);
    loss_set(row, select(l - picked + ${wgslFloat(zLoss)} * l * l, 0.0, t < 0));
  }`,
  },
  rmsNorm: {
    inputs: ['x', 'weight'],
    outputs: ['y', 'scale'],
    body: ({ epsilon }) => `
  var total = 0.0;
  for (var k = lane; k < N; k += step) { let v = x_at(base + k); total += v * v; }
  let s = inverseSqrt(reduce_sum(total, lane) / f32(N) + ${wgslFloat(epsilon)});
  for (var k = lane; k < N; k += step) { y_set(base + k, x_at(base + k) * s * weight_at(k)); }
  if (lane == 0u) { scale_set(row, s); }`,
  },
  rmsNormGradient: {
    inputs: ['x', 'weight', 'scale', 'g'],
    outputs: ['y'],
    body: () => `
  let s = scale_at(row);
  var total = 0.0;
  for (var k = lane; k < N; k += step) { total += g_at(base + k) * weight_at(k) * x_at(base + k); }
  let c = reduce_sum(total, lane) / f32(N) * s * s;
  for (var k = lane; k < N; k += step) { y_set(base + k, s * (g_at(base + k) * weight_at(k) - x_at(base + k) * c)); }`,
  },
}

/** One row per invocation where barriers are dear, one row per workgroup of 64 elsewhere. */
export function rowWgsl<A>(name: keyof typeof rowShaders): WebGpuRule<A> {
  const kernel = rowShaders[name]
  return {
    // Rows of packed formats would share words between invocations: outputs are 32-bit here, others take the definition.
    supports: (inputs) => (name === 'logSumExp' || name === 'crossEntropy' ? true : inputs[0].dtype === 'float32'),
    plan: ({ inputs, outputs, attrs }, adapter) => {
      const { shape } = inputs[0].access
      const n = shape[shape.length - 1]
      const rows = elementCount(shape) / n
      const buffers: ShaderBuffer[] = [
        ...kernel.inputs.map((b, i) => ({ name: b, dtype: inputs[i].dtype })),
        ...kernel.outputs.map((b, i) => ({ name: b, dtype: outputs[i].dtype, write: true })),
      ]
      const bindings = [
        ...kernel.inputs.map((_, i) => ({ input: i })),
        ...kernel.outputs.map((_, i) => ({ output: i })),
      ]
      return {
        dispatches: [{ name: name as string, bindings, ...rowShader(buffers, kernel.body(attrs), rows, n, adapter) }],
      }
    },
  }
}

function rowShader(
  buffers: readonly ShaderBuffer[],
  body: string,
  rows: number,
  n: number,
  adapter: AdapterTraits,
): { wgsl: string; workgroups: [number, number, number] } {
  if (adapter.software || n <= 32) {
    const wgsl = shader(
      buffers,
      `const N = ${n}u;
fn reduce_max(v: f32, lane: u32) -> f32 { return v; }
fn reduce_sum(v: f32, lane: u32) -> f32 { return v; }
${linearEntry(
  16,
  `  let row = id;
  if (row >= ${rows}u) { return; }
  let base = row * N;
  let lane = 0u;
  let step = 1u;
${body}`,
)}`,
    )
    return { wgsl, workgroups: workgroupsFor(rows, 16) }
  }
  const tree = (combine: string) => `
  partial[lane] = v;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half >>= 1u) {
    if (lane < half) { partial[lane] = ${combine}; }
    workgroupBarrier();
  }
  let result = partial[0];
  workgroupBarrier();
  return result;`
  const wgsl = shader(
    buffers,
    `const N = ${n}u;
var<workgroup> partial: array<f32, 64>;
fn reduce_max(v: f32, lane: u32) -> f32 {${tree('max(partial[lane], partial[lane + half])')}
}
fn reduce_sum(v: f32, lane: u32) -> f32 {${tree('partial[lane] + partial[lane + half]')}
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + group.y * 65535u;
  if (row >= ${rows}u) { return; }
  let base = row * N;
  let step = 64u;
${body}
}`,
  )
  return { wgsl, workgroups: workgroupsFor(rows, 1) }
}
