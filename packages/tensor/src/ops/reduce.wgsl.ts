import type { WebGpuRule } from '../backends/webgpu/rule.ts'
import { linearEntry, shader, workgroupsFor } from '../backends/webgpu/shader.ts'
import { computeType } from '../dtype.ts'
import { elementCount } from '../shape.ts'

/** One invocation for each result walks its elements in order. */
export function reduceWgsl(kind: 'sum' | 'max' | 'argMax'): WebGpuRule<{ axis: number; count?: number }> {
  return {
    plan: ({ inputs: [x], outputs: [out], attrs: { axis, count = 1 } }) => {
      const { shape } = x.access
      const n = elementCount(shape.slice(axis, axis + count))
      const inner = elementCount(shape.slice(axis + count))
      const results = elementCount(out.access.shape)
      const type = computeType(x.dtype)
      const step = {
        sum: 'acc += v;',
        max: 'acc = max(acc, v);',
        argMax: 'if (v > acc) { acc = v; best = i32(k); }',
      }[kind]
      const body = `  if (id >= ${results}u) { return; }
  let base = (id / ${inner}u) * ${n * inner}u + id % ${inner}u;
  var acc = ${kind === 'sum' ? `${type}(0)` : 'x_at(base)'};
  var best = 0i;
  for (var k = 0u; k < ${n}u; k++) {
    let v = x_at(base + k * ${inner}u);
    ${step}
  }
  out_set(id, ${kind === 'argMax' ? 'best' : 'acc'});`
      const wgsl = shader(
        [
          { name: 'x', dtype: x.dtype },
          { name: 'out', dtype: out.dtype, write: true },
        ],
        linearEntry(64, body),
      )
      return {
        dispatches: [
          { name: kind, wgsl, bindings: [{ input: 0 }, { output: 0 }], workgroups: workgroupsFor(results, 64) },
        ],
      }
    },
  }
}
