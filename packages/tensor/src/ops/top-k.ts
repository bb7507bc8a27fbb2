// The k largest elements of each row.

import { shown } from '../arguments.ts'
import { lazyKernels } from '../backends/kernel-source.ts'
import { isPacked } from '../dtype.ts'
import { ShapeError } from '../errors.ts'
import { defineOp, type Op } from '../op.ts'
import { elementCount, formatShape } from '../shape.ts'
import { apply, type Tensor } from '../tensor.ts'
import { broadcastTo, sum } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import { equal } from './compare.ts'
import { iota } from './leaf.ts'
import { above } from './max.ts'
import { mul } from './mul.ts'
import { reshape } from './reshape.ts'

/**
 * The k largest elements of the last axis, largest first, equal ones by position. Outputs: values, and int32 indices.
 */
export const topKOp: Op<{ k: number }> = defineOp<{ k: number }>({
  name: 'topK',
  kind: 'kernel',
  batching: 'leading',
  infer([x], { k }) {
    const n = x.shape[x.shape.length - 1]
    if (x.shape.length === 0 || !Number.isInteger(k) || k < 1 || k > n)
      throw new ShapeError(
        `topK: k must be an integer from 1 to the last axis of ${formatShape(x.shape)}, got ${shown(k)}`,
      )
    const shape = [...x.shape.slice(0, -1), k]
    return [
      { shape, dtype: x.dtype },
      { shape, dtype: 'int32' },
    ]
  },
  gradient({ inputs: [x], outputs: [, index], grads: [g], attrs: { k } }) {
    if (!g) return [undefined]
    const n = x.shape[x.ndim - 1]
    const shape = [...x.shape.slice(0, -1), k, n]
    const hot = equal(iota(shape, x.ndim), broadcastTo(reshape(index, [...index.shape, 1]), shape))
    return [sum(mul(cast(hot, 'float32'), reshape(g, [...g.shape, 1])), -2)]
  },
  evaluate([x], { k }, [values, indices]) {
    const n = x.shape[x.shape.length - 1]
    for (let r = 0; r < elementCount(x.shape.slice(0, -1)); r++) {
      const row = x.data.subarray(r * n, (r + 1) * n)
      const order = Array.from(row.keys()).sort((a, b) =>
        above(row[a], row[b]) ? -1 : above(row[b], row[a]) ? 1 : a - b,
      )
      for (let i = 0; i < k; i++) {
        values.data[r * k + i] = row[order[i]]
        indices.data[r * k + i] = order[i]
      }
    }
  },
  // Single elements of packed formats cannot be stored; as float32 they can, exactly.
  lowering([x], { k }) {
    if (!isPacked(x.dtype)) return undefined
    const [values, indices] = apply(topKOp, [cast(x, 'float32')], { k })
    return [cast(values, x.dtype), indices]
  },
  webgpu: lazyKernels(async () => (await import('./top-k.wgsl.ts')).topKWgsl),
  samples: [
    { inputs: [{ shape: [5, 33] }], attrs: { k: 3 } },
    { inputs: [{ shape: [2, 3, 4] }], attrs: { k: 4 } },
    { inputs: [{ shape: [7], dtype: 'int32', range: [0, 3] }], attrs: { k: 5 }, differentiable: false },
    { inputs: [{ shape: [3, 9], dtype: 'bfloat16' }], attrs: { k: 2 }, differentiable: false },
    { inputs: [{ shape: [2, 5], dtype: 'float16' }], attrs: { k: 3 }, differentiable: false },
    { inputs: [{ shape: [2, 5], dtype: 'float8_e4m3fn', range: [-100, 100] }], attrs: { k: 3 }, differentiable: false },
  ],
})

/**
 * The k largest elements of each row, NaN first, and their positions.
 * @param x [..., n]
 * @returns values and int32 indices, [..., k]
 * @throws ShapeError unless k is from 1 to n
 * @example topK(device.tensor([1, 5, 3]), 2) // { values: [5, 3], indices: [1, 2] }
 */
export function topK(x: Tensor, k: number): { values: Tensor; indices: Tensor } {
  const [values, indices] = apply(topKOp, [x], { k })
  return { values, indices }
}
