import type { WebGpuRule } from '../backends/webgpu/rule.ts'
import { linearEntry, mapShader, shader, workgroupsFor } from '../backends/webgpu/shader.ts'
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
 * Zeros first; then the first position of every id, and only that one, adds up the rows of all positions with the same id in
 * order. No atomics, so the bits never vary.
 */
export const scatterAddRowsWgsl: WebGpuRule<{ rows: number }> = {
  supports: ([x]) => x.dtype === 'float32',
  plan: ({ inputs: [x, ids], outputs: [out], attrs: { rows } }) => {
    const n = elementCount(ids.access.shape)
    const row = elementCount(out.access.shape) / rows
    const elements = rows * row
    const fill = shader(
      [{ name: 'out', dtype: 'float32', write: true }],
      linearEntry(64, `  if (id < ${elements}u) { out_set(id, 0.0); }`),
    )
    // Four neighbouring columns an invocation where rows allow it.
    const wide = row % 4 === 0
    const width = wide ? 4 : 1
    const scatter = shader(
      [
        { name: 'x', dtype: x.dtype, vector: wide },
        { name: 'ids', dtype: 'int32' },
        { name: 'out', dtype: 'float32', write: true, vector: wide },
      ],
      linearEntry(
        64,
        `  let at = id / ${row / width}u;
  let column = (id % ${row / width}u) * ${width}u;
  if (at >= ${n}u) { return; }
  let mine = ids_at(at);
  if (mine < 0 || mine >= ${rows}) { return; }
  for (var k = 0u; k < at; k++) { if (ids_at(k) == mine) { return; } }
  var acc = ${wide ? 'x_at4' : 'x_at'}(at * ${row}u + column);
  for (var k = at + 1u; k < ${n}u; k++) { if (ids_at(k) == mine) { acc += ${wide ? 'x_at4' : 'x_at'}(k * ${row}u + column); } }
  ${wide ? 'out_set4' : 'out_set'}(u32(mine) * ${row}u + column, acc);`,
      ),
    )
    return {
      dispatches: [
        { name: 'fill', wgsl: fill, bindings: [{ output: 0 }], workgroups: workgroupsFor(elements, 64) },
        {
          name: 'scatterAddRows',
          wgsl: scatter,
          bindings: [{ input: 0 }, { input: 1 }, { output: 0 }],
          workgroups: workgroupsFor((n * row) / width, 64),
        },
      ],
    }
  },
}
