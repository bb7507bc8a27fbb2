// WGSL of sorting.

import type { WebGpuRule } from '../backends/webgpu/rule.ts'
import { linearEntry, type ShaderBuffer, shader, workgroupsFor } from '../backends/webgpu/shader.ts'
import { computeType, isPacked } from '../dtype.ts'
import { elementCount } from '../shape.ts'
import { orderKeyWgsl } from './bits.wgsl.ts'

/** Elements of a run that is sorted by counting. */
const run = 32

/**
 * A merge sort in which every element computes its own position: in runs of 32 by counting smaller elements, then, for
 * runs of doubling length, by binary search in the adjacent run. Equal elements are ordered by position, so positions
 * are distinct and the sort is stable.
 */
export const sortWgsl: WebGpuRule<{ descending: boolean }> = {
  supports: ([x]) => !isPacked(x.dtype),
  plan: ({ inputs: [x], outputs: [values], attrs: { descending } }) => {
    const n = x.access.shape[x.access.shape.length - 1]
    const elements = elementCount(x.access.shape)
    const input: ShaderBuffer = { name: 'x', dtype: x.dtype }
    const ids = (name: string, write: boolean): ShaderBuffer => ({ name, dtype: 'int32', write })
    const key = `${orderKeyWgsl(computeType(x.dtype))}
fn key_of(i: u32) -> u32 { return ${descending ? '~' : ''}order_key(x_at(i)); }`
    const head = `  if (id >= ${elements}u) { return; }
  let row = (id / ${n}u) * ${n}u;
  let at = id - row;`
    const count = `${head}
  let first = (at / ${run}u) * ${run}u;
  let end = min(first + ${run}u, ${n}u);
  let own = key_of(id);
  var place = first;
  for (var j = first; j < end; j++) {
    let other = key_of(row + j);
    if (other < own || (other == own && j < at)) { place++; }
  }
  after_set(row + place, i32(at));`
    // The left run precedes the right one: of equal elements, those of the left run are first.
    const merge = (width: number) => `${head}
  let mine = (at / ${width}u) * ${width}u;
  let right = (at / ${width}u) % 2u == 1u;
  let origin = before_at(id);
  let own = key_of(row + u32(origin));
  var low = select(min(mine + ${width}u, ${n}u), mine - ${width}u, right);
  var high = select(min(mine + ${2 * width}u, ${n}u), mine, right);
  let start = low;
  while (low < high) {
    let middle = (low + high) / 2u;
    let other = key_of(row + u32(before_at(row + middle)));
    if (other < own || (right && other == own)) { low = middle + 1u; } else { high = middle; }
  }
  let base = select(mine, mine - ${width}u, right);
  after_set(row + base + (at - mine) + (low - start), origin);`
    const finish = `  if (id >= ${elements}u) { return; }
  values_set(id, x_at((id / ${n}u) * ${n}u + u32(before_at(id))));`
    const widths: number[] = []
    for (let width = run; width < n; width *= 2) widths.push(width)
    // Positions alternate between two buffers; the last pass writes the result.
    const buffer = (pass: number) =>
      (widths.length - pass) % 2 === 0 ? ({ output: 1 } as const) : ({ scratch: 0 } as const)
    const workgroups = workgroupsFor(elements, 64)
    return {
      dispatches: [
        {
          name: 'sort runs',
          wgsl: shader([input, ids('after', true)], `${key}\n${linearEntry(64, count)}`),
          bindings: [{ input: 0 }, buffer(0)],
          workgroups,
        },
        ...widths.map((width, i) => ({
          name: `sort merge ${width}`,
          wgsl: shader([input, ids('before', false), ids('after', true)], `${key}\n${linearEntry(64, merge(width))}`),
          bindings: [{ input: 0 }, buffer(i), buffer(i + 1)],
          workgroups,
        })),
        {
          name: 'sort',
          wgsl: shader(
            [input, ids('before', false), { name: 'values', dtype: values.dtype, write: true }],
            linearEntry(64, finish),
          ),
          bindings: [{ input: 0 }, { output: 1 }, { output: 0 }],
          workgroups,
        },
      ],
      scratch: widths.length > 0 ? [elements * 4] : [],
    }
  },
}
