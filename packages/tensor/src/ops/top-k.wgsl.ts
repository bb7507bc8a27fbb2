// WGSL of topK.

import type { WebGpuRule } from '../backends/webgpu/rule.ts'
import { linearEntry, shader, workgroupsFor } from '../backends/webgpu/shader.ts'
import { computeType, isPacked } from '../dtype.ts'
import { elementCount } from '../shape.ts'
import { orderKeyWgsl } from './bits.wgsl.ts'

/** One invocation per row, in k passes: each finds the largest element below the previous one. */
export const topKWgsl: WebGpuRule<{ k: number }> = {
  supports: ([x]) => !isPacked(x.dtype),
  plan: ({ inputs: [x], outputs: [values], attrs: { k } }) => {
    const n = x.access.shape[x.access.shape.length - 1]
    const rows = elementCount(x.access.shape.slice(0, -1))
    const body = `  if (id >= ${rows}u) { return; }
  let base = id * ${n}u;
  var last = 0u;
  var lastAt = -1i;
  for (var pass_index = 0u; pass_index < ${k}u; pass_index++) {
    var found = false;
    var best = last;
    var bestAt = 0u;
    for (var j = 0u; j < ${n}u; j++) {
      let v = order_key(x_at(base + j));
      let after = pass_index == 0u || v < last || (v == last && i32(j) > lastAt);
      if (after && (!found || v > best)) { best = v; bestAt = j; found = true; }
    }
    values_set(id * ${k}u + pass_index, x_at(base + bestAt));
    indices_set(id * ${k}u + pass_index, i32(bestAt));
    last = best;
    lastAt = i32(bestAt);
  }`
    const wgsl = shader(
      [
        { name: 'x', dtype: x.dtype },
        { name: 'values', dtype: values.dtype, write: true },
        { name: 'indices', dtype: 'int32', write: true },
      ],
      `${orderKeyWgsl(computeType(x.dtype))}\n${linearEntry(16, body)}`,
    )
    return {
      dispatches: [
        {
          name: 'topK',
          wgsl,
          bindings: [{ input: 0 }, { output: 0 }, { output: 1 }],
          workgroups: workgroupsFor(rows, 16),
        },
      ],
    }
  },
}
