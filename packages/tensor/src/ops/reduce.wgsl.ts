// WGSL of sum, max and argMax.

import type { AdapterTraits, Dispatch, WebGpuRule } from '../backends/webgpu/rule.ts'
import { linearEntry, type ShaderBuffer, shader, workgroupsFor } from '../backends/webgpu/shader.ts'
import { computeType, type DType } from '../dtype.ts'
import { elementCount } from '../shape.ts'
import { magnitudeWgsl, nanScalar, orderKeyWgsl } from './bits.wgsl.ts'

interface Extents {
  readonly outer: number
  readonly n: number
  readonly inner: number
}

type Kind = 'sum' | 'max'

/** Loads four adjacent elements at a time: along the reduced axis if it is contiguous, else across adjacent results. */
function direction({ n, inner }: Extents): 'along' | 'across' | 'single' {
  if (inner === 1 && n % 4 === 0) return 'along'
  return inner % 4 === 0 ? 'across' : 'single'
}

/** Number of pieces of the reduced axis that are reduced in parallel, so that few results still occupy the device. */
function piecesOf(e: Extents, adapter: AdapterTraits): number {
  const way = direction(e)
  const items = e.outer * (way === 'across' ? e.inner / 4 : e.inner)
  const wanted = (adapter.software ? 64 : 16384) / Math.max(1, items)
  const longest = e.n / (way === 'along' ? 64 : 16)
  const pieces = Math.min(wanted, longest, 1024)
  return pieces < 4 ? 1 : Math.floor(pieces / 4) * 4
}

/**
 * One pass: every invocation reduces every `pieces`-th element of the axis, so that adjacent invocations read adjacent
 * elements. The input is `x_at`, `x_at4`; the results are [outer, pieces, inner].
 */
function pass(
  kind: Kind,
  type: 'f32' | 'i32' | 'u32',
  e: Extents,
  pieces: number,
): { body: string; invocations: number } {
  const { outer, n, inner } = e
  const way = direction(e)
  // WGSL's max may drop a NaN: for floats, the largest magnitude is computed besides the largest value.
  const nan = kind === 'max' && type === 'f32'
  const wide = way === 'single' ? '' : '4'
  const start = (first: string) =>
    kind === 'sum'
      ? `  var acc = ${wide ? `vec4<${type}>` : type}(0);`
      : `  var acc = ${first};${nan ? `\n  var size = magnitude${wide}(acc);` : ''}`
  const combine = (value: string) =>
    kind === 'sum'
      ? `acc += ${value};`
      : nan
        ? `let v = ${value}; acc = max(acc, v); size = max(size, magnitude${wide}(v));`
        : `acc = max(acc, ${value});`
  if (way === 'along') {
    const vectors = n / 4
    const invocations = outer * pieces
    const fold = kind === 'sum' ? '(acc.x + acc.y) + (acc.z + acc.w)' : 'max(max(acc.x, acc.y), max(acc.z, acc.w))'
    const result = nan ? `select(${fold}, ${nanScalar}, largest4(size) > INFINITE)` : fold
    return {
      invocations,
      body: `  if (id >= ${invocations}u) { return; }
  let base = (id / ${pieces}u) * ${n}u;
  let first = id % ${pieces}u;
${start('x_at4(base + first * 4u)')}
  for (var k = first; k < ${vectors}u; k += ${pieces}u) { ${combine('x_at4(base + k * 4u)')} }
  out_set(id, ${result});`,
    }
  }
  if (way === 'across') {
    const columns = inner / 4
    const invocations = outer * pieces * columns
    return {
      invocations,
      body: `  if (id >= ${invocations}u) { return; }
  let column = id % ${columns}u;
  let piece = (id / ${columns}u) % ${pieces}u;
  let base = (id / ${columns * pieces}u) * ${n * inner}u + column * 4u;
${start(`x_at4(base + piece * ${inner}u)`)}
  for (var k = piece; k < ${n}u; k += ${pieces}u) { ${combine(`x_at4(base + k * ${inner}u)`)} }
  out_set4(id * 4u, ${nan ? `select(acc, vec4<f32>(${nanScalar}), size > vec4<u32>(INFINITE))` : 'acc'});`,
    }
  }
  const invocations = outer * pieces * inner
  return {
    invocations,
    body: `  if (id >= ${invocations}u) { return; }
  let piece = (id / ${inner}u) % ${pieces}u;
  let base = (id / ${inner * pieces}u) * ${n * inner}u + id % ${inner}u;
${start(`x_at(base + piece * ${inner}u)`)}
  for (var k = piece; k < ${n}u; k += ${pieces}u) { ${combine(`x_at(base + k * ${inner}u)`)} }
  out_set(id, ${nan ? `select(acc, ${nanScalar}, size > INFINITE)` : 'acc'});`,
  }
}

/** The functions that a float maximum calls. */
function nanFunctions(kind: Kind, type: 'f32' | 'i32' | 'u32'): string {
  return kind === 'max' && type === 'f32' ? `${magnitudeWgsl}\n` : ''
}

/** Sum or maximum over an axis, in one or two passes with a fixed order of operations. */
export function reduceWgsl(kind: Kind): WebGpuRule<{ axis: number; count?: number }> {
  return {
    fusesOperand: ([x], { axis, count = 1 }) =>
      direction({
        outer: 1,
        n: elementCount(x.shape.slice(axis, axis + count)),
        inner: elementCount(x.shape.slice(axis + count)),
      }) !== 'single',
    plan: ({ inputs: [x], outputs: [out], attrs: { axis, count = 1 } }, adapter, _, prologue) => {
      const { shape } = x.access
      const e: Extents = {
        outer: elementCount(shape.slice(0, axis)),
        n: elementCount(shape.slice(axis, axis + count)),
        inner: elementCount(shape.slice(axis + count)),
      }
      const type = computeType(x.dtype)
      const pieces = piecesOf(e, adapter)
      const make = (
        source: readonly ShaderBuffer[],
        functions: string,
        extents: Extents,
        parts: number,
        target: { dtype: DType; binding: Dispatch['bindings'][number] },
        bindings: Dispatch['bindings'],
        name: string,
      ): Dispatch => {
        const { body, invocations } = pass(kind, type, extents, parts)
        const way = direction(extents)
        const buffers: ShaderBuffer[] = [
          ...source,
          {
            name: 'out',
            dtype: target.dtype,
            write: true,
            vector: way === 'across',
            length: extents.outer * parts * extents.inner,
          },
        ]
        return {
          name,
          wgsl: shader(buffers, `${functions}${nanFunctions(kind, type)}${linearEntry(64, body)}`, prologue?.formats),
          bindings: [...bindings, target.binding],
          workgroups: workgroupsFor(invocations, 64),
        }
      }
      const vector = direction(e) !== 'single'
      const plain: ShaderBuffer = { name: 'x', dtype: x.dtype, vector, length: elementCount(shape) }
      const name = prologue ? `${prologue.name} + ${kind}` : kind
      const first = (target: { dtype: DType; binding: Dispatch['bindings'][number] }) =>
        make(
          prologue?.buffers ?? [plain],
          prologue?.functions ?? '',
          e,
          pieces,
          target,
          prologue?.bindings ?? [{ input: 0 }],
          name,
        )
      const result = { dtype: out.dtype, binding: { output: 0 } }
      if (pieces === 1) return { dispatches: [first(result)] }
      const between = { outer: e.outer, n: pieces, inner: e.inner }
      const parts: ShaderBuffer = {
        name: 'x',
        dtype: out.dtype,
        vector: direction(between) !== 'single',
        length: e.outer * pieces * e.inner,
      }
      return {
        dispatches: [
          first({ dtype: out.dtype, binding: { scratch: 0 } }),
          make([parts], '', between, 1, result, [{ scratch: 0 }], `${kind} pieces`),
        ],
        scratch: [e.outer * pieces * e.inner * 4],
      }
    },
  }
}

/** The index of the first largest element, by one invocation per result. */
export const argMaxWgsl: WebGpuRule<{ axis: number }> = {
  plan: ({ inputs: [x], outputs: [out], attrs: { axis } }) => {
    const { shape } = x.access
    const n = shape[axis]
    const inner = elementCount(shape.slice(axis + 1))
    const results = elementCount(out.access.shape)
    const body = `  if (id >= ${results}u) { return; }
  let base = (id / ${inner}u) * ${n * inner}u + id % ${inner}u;
  var acc = order_key(x_at(base));
  var best = 0i;
  for (var k = 1u; k < ${n}u; k++) {
    let v = order_key(x_at(base + k * ${inner}u));
    if (v > acc) { acc = v; best = i32(k); }
  }
  out_set(id, best);`
    const wgsl = shader(
      [
        { name: 'x', dtype: x.dtype },
        { name: 'out', dtype: out.dtype, write: true },
      ],
      `${orderKeyWgsl(computeType(x.dtype))}\n${linearEntry(64, body)}`,
    )
    return {
      dispatches: [
        { name: 'argMax', wgsl, bindings: [{ input: 0 }, { output: 0 }], workgroups: workgroupsFor(results, 64) },
      ],
    }
  },
}
