// WGSL of take and scatterAddRows.

import type { WebGpuRule } from '../backends/webgpu/rule.ts'
import { linearEntry, mapShader, type ShaderBuffer, shader, workgroupsFor } from '../backends/webgpu/shader.ts'
import { computeType } from '../dtype.ts'
import { elementCount } from '../shape.ts'

export const takeWgsl: WebGpuRule<unknown> = {
  plan: ({ inputs: [table], outputs: [out] }) => {
    const type = computeType(table.dtype)
    const row = elementCount(table.access.shape.slice(1))
    const value = `fn value(i: u32) -> ${type} {
  let id = ids_at(i / ${row}u);
  if (id < 0 || id >= ${table.access.shape[0]}) { return ${type}(0); }
  return table_at(u32(id) * ${row}u + i % ${row}u);
}`
    const buffers = [
      { name: 'table', dtype: table.dtype },
      { name: 'ids', dtype: 'int32' as const },
      { name: 'out', dtype: out.dtype, write: true },
    ]
    return {
      dispatches: [
        {
          name: 'take',
          bindings: [{ input: 0 }, { input: 1 }, { output: 0 }],
          ...mapShader(buffers, elementCount(out.access.shape), type, value),
        },
      ],
    }
  },
}

/**
 * Writes zeros, links positions with the same id in order, then the first position of each list sums its rows. Without
 * atomics, so the result is deterministic. Scratch: for each position the next one with its id (-1 at the end), and
 * whether it is the first.
 */
export const scatterAddRowsWgsl: WebGpuRule<{ rows: number }> = {
  supports: ([x]) => x.dtype === 'float32',
  plan: ({ inputs: [x, ids], outputs: [out], attrs: { rows } }) => {
    const n = elementCount(ids.access.shape)
    const row = elementCount(out.access.shape.slice(1))
    const elements = rows * row
    const fill = shader(
      [{ name: 'out', dtype: 'float32', write: true, length: elements }],
      linearEntry(64, `  if (id < ${elements}u) { out_set(id, 0.0); }`),
    )
    const idsBuffer: ShaderBuffer = { name: 'ids', dtype: 'int32', length: n }
    const filled = { name: 'fill', wgsl: fill, bindings: [{ output: 0 }], workgroups: workgroupsFor(elements, 64) }
    // Nothing to add: buffers without elements are not bound.
    if (n === 0) return { dispatches: [filled] }
    const link = shader(
      [
        idsBuffer,
        { name: 'next', dtype: 'int32', write: true, length: n },
        { name: 'first', dtype: 'int32', write: true, length: n },
      ],
      linearEntry(
        64,
        `  if (id >= ${n}u) { return; }
  let mine = ids_at(id);
  var before = id;
  while (before > 0u) {
    before--;
    if (ids_at(before) == mine) { before = ${n}u; break; }
  }
  first_set(id, select(0, 1, before < ${n}u && mine >= 0 && mine < ${rows}));
  var after = id + 1u;
  while (after < ${n}u) {
    if (ids_at(after) == mine) { break; }
    after++;
  }
  next_set(id, select(-1, i32(after), after < ${n}u));`,
      ),
    )
    // Four adjacent columns per invocation if rows allow it.
    const wide = row % 4 === 0
    const width = wide ? 4 : 1
    const load = wide ? 'x_at4' : 'x_at'
    const scatter = shader(
      [
        { name: 'x', dtype: x.dtype, vector: wide, length: n * row },
        idsBuffer,
        { name: 'out', dtype: 'float32', write: true, vector: wide, length: elements },
        { name: 'next', dtype: 'int32', length: n },
        { name: 'first', dtype: 'int32', length: n },
      ],
      linearEntry(
        64,
        `  let at = id / ${row / width}u;
  let column = (id % ${row / width}u) * ${width}u;
  if (at >= ${n}u) { return; }
  if (first_at(at) == 0) { return; }
  var acc = ${load}(at * ${row}u + column);
  for (var k = next_at(at); k >= 0; k = next_at(u32(k))) { acc += ${load}(u32(k) * ${row}u + column); }
  ${wide ? 'out_set4' : 'out_set'}(u32(ids_at(at)) * ${row}u + column, acc);`,
      ),
    )
    return {
      dispatches: [
        filled,
        {
          name: 'link equal ids',
          wgsl: link,
          bindings: [{ input: 1 }, { scratch: 0 }, { scratch: 1 }],
          workgroups: workgroupsFor(n, 64),
        },
        {
          name: 'scatterAddRows',
          wgsl: scatter,
          bindings: [{ input: 0 }, { input: 1 }, { output: 0 }, { scratch: 0 }, { scratch: 1 }],
          workgroups: workgroupsFor((n * row) / width, 64),
        },
      ],
      scratch: [n * 4, n * 4],
    }
  },
}
