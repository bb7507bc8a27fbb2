// WGSL of cumulative sums.

import type { WebGpuRule } from '../backends/webgpu/rule.ts'
import { linearEntry, type ShaderBuffer, shader, workgroupsFor } from '../backends/webgpu/shader.ts'
import { computeType } from '../dtype.ts'
import { elementCount } from '../shape.ts'
import type { CumulativeAttrs } from './cumulative.ts'

/**
 * One invocation per line. Long lines are split into pieces: the sums of the pieces, their cumulative sums, then each
 * piece starting from those. The order of additions is fixed.
 */
export const cumsumWgsl: WebGpuRule<CumulativeAttrs> = {
  plan: ({ inputs: [x], outputs: [out], attrs: { axis, reverse } }) => {
    const { shape } = x.access
    const n = shape[axis]
    const inner = elementCount(shape.slice(axis + 1))
    const lines = elementCount(shape.slice(0, axis)) * inner
    const type = computeType(x.dtype)
    const length = n < 256 || lines > 16384 ? Math.max(1, n) : Math.ceil(Math.sqrt(n))
    const pieces = Math.max(1, Math.ceil(n / length))
    const parts = lines * pieces
    const input: ShaderBuffer = { name: 'x', dtype: x.dtype }
    const result: ShaderBuffer = { name: 'out', dtype: out.dtype, write: true }
    const totals = (write: boolean): ShaderBuffer => ({ name: 'totals', dtype: out.dtype, write, length: parts })
    // Piece `id % pieces` of line `id / pieces`; position k of the line is element `at`.
    const walk = (body: string) => `  if (id >= ${parts}u) { return; }
  let line = id / ${pieces}u;
  let base = (line / ${inner}u) * ${n * inner}u + line % ${inner}u;
  let first = (id % ${pieces}u) * ${length}u;
  let end = min(first + ${length}u, ${n}u);
${body}`
    const at = `base + ${reverse ? `(${n - 1}u - k)` : 'k'} * ${inner}u`
    const write = (start: string) =>
      walk(`  var total = ${start};
  for (var k = first; k < end; k++) {
    total += x_at(${at});
    out_set(${at}, total);
  }`)
    const groups = workgroupsFor(parts, 64)
    if (pieces === 1)
      return {
        dispatches: [
          {
            name: 'cumsum',
            wgsl: shader([input, result], linearEntry(64, write(`${type}(0)`))),
            bindings: [{ input: 0 }, { output: 0 }],
            workgroups: groups,
          },
        ],
      }
    const sums = walk(`  var total = ${type}(0);
  for (var k = first; k < end; k++) { total += x_at(${at}); }
  totals_set(id, total);`)
    const running = `  if (id >= ${lines}u) { return; }
  var total = ${type}(0);
  for (var p = id * ${pieces}u; p < (id + 1u) * ${pieces}u; p++) {
    let own = totals_at(p);
    totals_set(p, total);
    total += own;
  }`
    return {
      dispatches: [
        {
          name: 'cumsum pieces',
          wgsl: shader([input, totals(true)], linearEntry(64, sums)),
          bindings: [{ input: 0 }, { scratch: 0 }],
          workgroups: groups,
        },
        {
          name: 'cumsum of pieces',
          wgsl: shader([totals(true)], linearEntry(64, running)),
          bindings: [{ scratch: 0 }],
          workgroups: workgroupsFor(lines, 64),
        },
        {
          name: 'cumsum',
          wgsl: shader([input, totals(false), result], linearEntry(64, write('totals_at(id)'))),
          bindings: [{ input: 0 }, { scratch: 0 }, { output: 0 }],
          workgroups: groups,
        },
      ],
      scratch: [parts * 4],
    }
  },
}
