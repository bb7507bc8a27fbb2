// Sorting along an axis.

import { requireBoolean, requireTensor } from '../arguments.ts'
import { lazyKernels } from '../backends/kernel-source.ts'
import { isPacked } from '../dtype.ts'
import { ShapeError } from '../errors.ts'
import { defineOp, type Op } from '../op.ts'
import { elementCount, normalizeAxis } from '../shape.ts'
import { apply, apply1, type Tensor } from '../tensor.ts'
import { cast } from './cast.ts'
import { scatterOp } from './gather.ts'
import { above } from './max.ts'
import { swapAxes } from './transpose.ts'

/** Sorts the last axis, stably. Outputs: values, and int32 indices. */
export const sortOp: Op<{ descending: boolean }> = defineOp<{ descending: boolean }>({
  name: 'sort',
  kind: 'kernel',
  batching: 'leading',
  infer([x]) {
    if (x.shape.length === 0) throw new ShapeError('sort: needs at least one dimension, got []')
    return [
      { shape: x.shape, dtype: x.dtype },
      { shape: x.shape, dtype: 'int32' },
    ]
  },
  gradient: ({ inputs: [x], outputs: [, index], grads: [g] }) => [
    g && apply1(scatterOp, [g, index], { axis: x.ndim - 1, size: x.shape[x.ndim - 1], last: false }),
  ],
  evaluate([x], { descending }, [values, indices]) {
    const n = x.shape[x.shape.length - 1]
    for (let r = 0; r < elementCount(x.shape.slice(0, -1)); r++) {
      const row = x.data.subarray(r * n, (r + 1) * n)
      const before = descending ? above : (a: number, b: number) => above(b, a)
      const order = Int32Array.from(row.keys()).sort((a, b) =>
        before(row[a], row[b]) ? -1 : before(row[b], row[a]) ? 1 : a - b,
      )
      order.forEach((from, i) => {
        values.data[r * n + i] = row[from]
        indices.data[r * n + i] = from
      })
    }
  },
  // Single elements of packed formats cannot be stored; as float32 they can, exactly.
  lowering([x], attrs) {
    if (!isPacked(x.dtype)) return undefined
    const [values, indices] = apply(sortOp, [cast(x, 'float32')], attrs)
    return [cast(values, x.dtype), indices]
  },
  webgpu: lazyKernels(async () => (await import('./sort.wgsl.ts')).sortWgsl),
  samples: [
    { inputs: [{ shape: [5, 33] }], attrs: { descending: false } },
    { inputs: [{ shape: [2, 3, 1] }], attrs: { descending: true } },
    { inputs: [{ shape: [2, 300] }], attrs: { descending: true } },
    { inputs: [{ shape: [0, 3] }], attrs: { descending: false } },
    {
      inputs: [{ shape: [3, 70], dtype: 'int32', range: [-3, 3] }],
      attrs: { descending: true },
      differentiable: false,
    },
    { inputs: [{ shape: [3, 9], dtype: 'bfloat16' }], attrs: { descending: false }, differentiable: false },
  ],
})

/**
 * Sorts elements along an axis, smallest first unless `descending`; NaN is the largest. The sort is stable.
 * @returns values like x, and int32 indices: the position of each value in x
 * @example sort(device.tensor([3, 1, 2])) // { values: [1, 2, 3], indices: [1, 2, 0] }
 */
export function sort(x: Tensor, axis = -1, descending = false): { values: Tensor; indices: Tensor } {
  requireTensor('sort', x)
  requireBoolean('sort', 'descending', descending)
  const a = normalizeAxis('sort', axis, x.ndim)
  const [values, indices] = apply(sortOp, [swapAxes(x, a, -1)], { descending })
  return { values: swapAxes(values, a, -1), indices: swapAxes(indices, a, -1) }
}

/**
 * The indices that sort an axis, int32; see `sort`.
 * @example argSort(device.tensor([3, 1, 2]), -1, true) // [0, 2, 1]
 */
export function argSort(x: Tensor, axis = -1, descending = false): Tensor {
  requireTensor('argSort', x)
  return sort(x, axis, descending).indices
}
