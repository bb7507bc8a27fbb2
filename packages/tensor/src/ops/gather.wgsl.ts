// WGSL of gather and scatter.

import type { WebGpuRule } from '../backends/webgpu/rule.ts'
import { linearEntry, mapShader, shader, workgroupsFor } from '../backends/webgpu/shader.ts'
import { computeType, isPacked } from '../dtype.ts'
import { elementCount } from '../shape.ts'

export const gatherWgsl: WebGpuRule<{ axis: number }> = {
  plan: ({ inputs: [x, ids], outputs: [out], attrs: { axis } }) => {
    const type = computeType(out.dtype)
    const n = x.access.shape[axis]
    const m = ids.access.shape[axis]
    const inner = elementCount(ids.access.shape.slice(axis + 1))
    const value = `fn value(i: u32) -> ${type} {
  let id = ids_at(i);
  if (id < 0 || id >= ${n}) { return ${type}(0); }
  return x_at(((i / ${inner * m}u) * ${n}u + u32(id)) * ${inner}u + i % ${inner}u);
}`
    const buffers = [
      { name: 'x', dtype: x.dtype },
      { name: 'ids', dtype: 'int32' as const },
      { name: 'out', dtype: out.dtype, write: true },
    ]
    return {
      dispatches: [
        {
          name: 'gather',
          bindings: [{ input: 0 }, { input: 1 }, { output: 0 }],
          ...mapShader(buffers, elementCount(out.access.shape), type, value),
        },
      ],
    }
  },
}

/**
 * With many lines, one invocation per line writes its results in the order of the ids. With few lines, one invocation
 * per result reads all ids of its line, in the same order.
 */
export const scatterWgsl: WebGpuRule<{ axis: number; size: number; last: boolean }> = {
  supports: ([source], { last }) => !last || !isPacked(source.dtype),
  plan: ({ inputs: [source, ids], outputs: [out], attrs: { axis, size, last } }) => {
    const type = computeType(out.dtype)
    const m = ids.access.shape[axis]
    const inner = elementCount(ids.access.shape.slice(axis + 1))
    const lines = elementCount(ids.access.shape.slice(0, axis)) * inner
    const perLine = lines >= 64
    const items = perLine ? lines : lines * size
    const lineOf = (line: string) => `  let line = ${line};
  let o = line / ${inner}u;
  let i = line % ${inner}u;`
    const place = `(o * ${m}u + k) * ${inner}u + i`
    const body = perLine
      ? `${lineOf('id')}
  let base = o * ${size * inner}u + i;
  for (var k = 0u; k < ${size}u; k++) { out_set(base + k * ${inner}u, ${type}(0)); }
  for (var k = 0u; k < ${m}u; k++) {
    let to = ids_at(${place});
    if (to < 0 || to >= ${size}) { continue; }
    let at = base + u32(to) * ${inner}u;
    out_set(at, ${last ? '' : 'out_at(at) + '}source_at(${place}));
  }`
      : `${lineOf(`(id / ${size * inner}u) * ${inner}u + id % ${inner}u`)}
  let own = i32((id / ${inner}u) % ${size}u);
  var total = ${type}(0);
  for (var k = 0u; k < ${m}u; k++) {
    if (ids_at(${place}) == own) { ${last ? 'total =' : 'total +='} source_at(${place}); }
  }
  out_set(id, total);`
    // Buffers without elements are not bound.
    const nothing = m === 0
    const fill = `  out_set(id, ${type}(0));`
    const buffers = [
      ...(nothing
        ? []
        : [
            { name: 'source', dtype: source.dtype },
            { name: 'ids', dtype: 'int32' as const },
          ]),
      { name: 'out', dtype: out.dtype, write: true },
    ]
    const count = nothing ? elementCount(out.access.shape) : items
    return {
      dispatches: [
        {
          name: 'scatter',
          wgsl: shader(buffers, linearEntry(64, `  if (id >= ${count}u) { return; }\n${nothing ? fill : body}`)),
          bindings: [...(nothing ? [] : [{ input: 0 }, { input: 1 }]), { output: 0 }],
          workgroups: workgroupsFor(count, 64),
        },
      ],
    }
  },
}
