// Rows by index, as in embeddings, and their gradients.

import { requireTensor, requireWhole } from '../arguments.ts'
import { lazyKernels } from '../backends/kernel-source.ts'
import { bytesPerElement, isFloat } from '../dtype.ts'
import { DTypeError, ShapeError } from '../errors.ts'
import { defineOp } from '../op.ts'
import { elementCount, formatShape, normalizeAxis } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'
import { broadcastTo, sum } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import { equal } from './compare.ts'
import { iota } from './leaf.ts'
import { matmul } from './matmul/matmul.ts'
import { reshape } from './reshape.ts'
import { transpose } from './transpose.ts'
import { where } from './where.ts'

/** Rows of a table: out[i, ...] = table[ids[i], ...]. An id out of range gives a row of zeros. */
export const takeOp = defineOp({
  name: 'take',
  kind: 'kernel',
  infer([table, ids]) {
    if (ids.dtype !== 'int32')
      throw new DTypeError(`take: ids must be int32, got ${ids.dtype}; cast them with astype('int32')`)
    if (table.shape.length === 0) throw new ShapeError('take: the table is a scalar; it needs at least one dimension')
    return [{ shape: [...ids.shape, ...table.shape.slice(1)], dtype: table.dtype }]
  },
  gradient: ({ inputs: [table, ids], grads: [g] }) => [g && scatterAddRows(g, ids, table.shape[0]), undefined],
  evaluate([table, ids], _, [out]) {
    const row = elementCount(table.shape.slice(1))
    ids.data.forEach((id, i) => {
      if (id >= 0 && id < table.shape[0]) out.data.set(table.data.subarray(id * row, (id + 1) * row), i * row)
    })
  },
  cpu: {
    plan: ({ inputs: [table, ids] }) => {
      const row = elementCount(table.access.shape.slice(1)) * bytesPerElement[table.dtype]
      return {
        calls: [
          {
            kernel: 'takeRows',
            count: elementCount(ids.access.shape),
            grain: Math.max(1, (16384 / Math.max(row, 1)) | 0),
            args: [{ input: 0 }, { input: 1 }, { output: 0 }, row, table.access.shape[0]],
          },
        ],
      }
    },
  },
  webgpu: lazyKernels(async () => (await import('./take.wgsl.ts')).takeWgsl),
  samples: [
    { inputs: [{ shape: [5, 8] }, { shape: [3], dtype: 'int32', range: [0, 5] }] },
    { inputs: [{ shape: [33, 3] }, { shape: [2, 17], dtype: 'int32', range: [0, 33] }] },
    { inputs: [{ shape: [6, 2] }, { shape: [4], dtype: 'int32', range: [-2, 8] }] },
    { inputs: [{ shape: [3, 2] }, { shape: [0], dtype: 'int32' }] },
    {
      inputs: [
        { shape: [9, 6], dtype: 'bfloat16' },
        { shape: [5], dtype: 'int32', range: [0, 9] },
      ],
      differentiable: false,
    },
  ],
})

/**
 * Rows of `table` by index (an embedding lookup), or slices along another axis.
 * @param table [rows, ...]
 * @param ids int32 [...]; an id outside [0, rows) gives zeros
 * @returns [...ids.shape, ...table.shape.slice(1)]; for another axis, the dimensions of ids replace it
 * @example take(device.tensor([[1, 2], [3, 4]]), device.tensor([1, 1], [2], 'int32')) // [[3, 4], [3, 4]]
 */
export function take(table: Tensor, ids: Tensor, axis = 0): Tensor {
  requireTensor('take', table, 'the table')
  requireTensor('take', ids, 'ids')
  if (axis === 0) return apply1(takeOp, [table, ids], {})
  const a = normalizeAxis('take', axis, table.ndim)
  const front = transpose(table, [a, ...[...table.shape.keys()].filter((i) => i !== a)])
  const taken = apply1(takeOp, [front, ids], {})
  const n = ids.ndim
  const rest = [...taken.shape.keys()].slice(n)
  return transpose(taken, [...rest.slice(0, a), ...[...taken.shape.keys()].slice(0, n), ...rest.slice(a)])
}

/** The transpose of `take`: rows with equal ids are added in order, so the result is deterministic. */
export const scatterAddRowsOp = defineOp<{ rows: number }>({
  name: 'scatterAddRows',
  kind: 'composite',
  infer([x, ids], { rows }) {
    if (ids.dtype !== 'int32' || !isFloat(x.dtype))
      throw new DTypeError(`scatterAddRows: needs float rows and int32 ids, got ${x.dtype} and ${ids.dtype}`)
    if (x.shape.length < ids.shape.length || ids.shape.some((d, i) => d !== x.shape[i]))
      throw new ShapeError(
        `scatterAddRows: x must be [...ids.shape, ...row]: one row for each id, got x ${formatShape(x.shape)} and ids ${formatShape(ids.shape)}`,
      )
    return [{ shape: [rows, ...x.shape.slice(ids.shape.length)], dtype: 'float32' }]
  },
  gradient: ({ inputs: [, ids], grads: [g] }) => [g && take(g, ids), undefined],
  definition([x, ids], { rows }) {
    const n = elementCount(ids.shape)
    const hot = cast(equal(broadcastTo(reshape(ids, [n, 1]), [n, rows]), iota([n, rows], 1)), 'float32')
    const flat = reshape(x, [n, elementCount(x.shape.slice(ids.ndim))])
    return [reshape(matmul(transpose(hot), flat, { dtype: 'float32' }), [rows, ...x.shape.slice(ids.ndim)])]
  },
  cpu: {
    supports: ([x]) => x.dtype === 'float32',
    plan: ({ inputs: [x, ids], outputs: [out] }) => {
      const n = elementCount(ids.access.shape)
      const row = elementCount(x.access.shape.slice(ids.access.shape.length))
      const rows = out.access.shape[0]
      return {
        calls: [
          {
            kernel: 'scatterAddRows',
            count: rows,
            grain: Math.max(64, Math.ceil(rows / 4)),
            args: [{ input: 0 }, { input: 1 }, { output: 0 }, n, row],
          },
        ],
      }
    },
  },
  webgpu: lazyKernels(async () => (await import('./take.wgsl.ts')).scatterAddRowsWgsl),
  samples: [
    { inputs: [{ shape: [6, 8] }, { shape: [6], dtype: 'int32', range: [0, 4] }], attrs: { rows: 4 } },
    { inputs: [{ shape: [2, 33, 3] }, { shape: [2, 33], dtype: 'int32', range: [-1, 9] }], attrs: { rows: 8 } },
    { inputs: [{ shape: [0, 3] }, { shape: [0], dtype: 'int32' }], attrs: { rows: 2 } },
  ],
})

/**
 * out[r] = sum of x[i] over all i with ids[i] = r.
 * @param x [...ids.shape, ...row]
 * @param ids int32 [...]; rows of x whose id is outside [0, rows) are ignored
 * @returns float32 [rows, ...row]
 * @example
 * const ids = device.tensor([0, 0], [2], 'int32')
 * scatterAddRows(device.tensor([[1, 2], [3, 4]]), ids, 2) // [[4, 6], [0, 0]]
 */
export function scatterAddRows(x: Tensor, ids: Tensor, rows: number): Tensor {
  requireWhole('scatterAddRows', 'rows', rows)
  return apply1(scatterAddRowsOp, [x, ids], { rows })
}

/**
 * One element per row: x[..., ids[...]]; 0 for ids out of range.
 * @param x [..., n]
 * @param ids int32 [...]
 * @example takeLast(device.tensor([[1, 2], [3, 4]]), device.tensor([1, 0], [2], 'int32')) // [2, 3]
 */
export function takeLast(x: Tensor, ids: Tensor): Tensor {
  requireTensor('takeLast', x)
  requireTensor('takeLast', ids, 'ids')
  if (x.ndim === 0) throw new ShapeError('takeLast: x is a scalar; it needs a last axis to take from')
  const hot = equal(iota(x.shape, x.ndim - 1), broadcastTo(reshape(ids, [...ids.shape, 1]), x.shape))
  return sum(where(hot, x, 0), -1)
}
