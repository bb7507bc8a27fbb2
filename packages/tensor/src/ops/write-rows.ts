// Writing rows into sequences, as into a key/value cache.

import { requireTensor } from '../arguments.ts'
import { bytesPerElement } from '../dtype.ts'
import { DTypeError, ShapeError } from '../errors.ts'
import { defineOp } from '../op.ts'
import { elementCount, formatShape } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { broadcastTo } from './broadcast-sum.ts'
import { greaterEqual, less } from './compare.ts'
import { iota } from './leaf.ts'
import { logicalAnd } from './logic.ts'
import { mul } from './mul.ts'
import { reshape } from './reshape.ts'
import { sub } from './sub.ts'
import { take } from './take.ts'
import { where } from './where.ts'

export const writeRowsOp = defineOp({
  name: 'writeRows',
  kind: 'composite',
  // If the old rows are not read afterwards, the kernel writes the new ones into their memory.
  rewrites: 0,
  infer([x, rows, at]) {
    const shapes = `x ${formatShape(x.shape)}, rows ${formatShape(rows.shape)}, at ${formatShape(at.shape)}`
    if (at.dtype !== 'int32' || x.dtype !== rows.dtype)
      throw new DTypeError(
        `writeRows: x and rows must share a dtype and at must be int32, got ${x.dtype}, ${rows.dtype} and ${at.dtype}`,
      )
    const [b, ...rest] = x.shape
    if (
      x.shape.length < 2 ||
      rows.shape.length !== x.shape.length ||
      rows.shape[0] !== b ||
      rest.some((d, i) => i > 0 && rows.shape[i + 1] !== d) ||
      at.shape.length !== 1 ||
      at.shape[0] !== b
    )
      throw new ShapeError(`writeRows: needs x [batch, seq, ...], rows [batch, n, ...] and at [batch], got ${shapes}`)
    return [x]
  },
  definition([x, rows, at]) {
    const [b, s, ...row] = x.shape
    const n = rows.shape[1]
    if (n === 0) return [x]
    const from = sub(iota([b, s], 1), reshape(at, [b, 1])) // [B, S]: index of the new row at each position
    const isNew = reshape(logicalAnd(greaterEqual(from, 0), less(from, n)), [b, s, ...row.map(() => 1)])
    const placed =
      n === 1 ? rows : reshape(take(reshape(rows, [b * n, ...row]), add(from, mul(iota([b, s], 0), n))), x.shape)
    return [where(broadcastTo(isNew, x.shape), broadcastTo(placed, x.shape), x)]
  },
  cpu: {
    plan: ({ inputs: [x, rows] }) => {
      const [b, s, ...row] = x.access.shape
      return {
        calls: [
          {
            kernel: 'writeRows',
            count: b,
            grain: 1,
            args: [
              ...[0, 1, 2].map((input) => ({ input })),
              { output: 0 },
              elementCount(row) * bytesPerElement[x.dtype],
              s,
              rows.access.shape[1],
            ],
          },
        ],
      }
    },
  },
  samples: [
    { inputs: [{ shape: [2, 5, 3] }, { shape: [2, 1, 3] }, { shape: [2], dtype: 'int32', range: [0, 5] }] },
    { inputs: [{ shape: [3, 7, 2, 4] }, { shape: [3, 4, 2, 4] }, { shape: [3], dtype: 'int32', range: [-5, 9] }] },
    {
      inputs: [
        { shape: [2, 33, 4], dtype: 'bfloat16' },
        { shape: [2, 2, 4], dtype: 'bfloat16' },
        { shape: [2], dtype: 'int32', range: [0, 33] },
      ],
      differentiable: false,
    },
  ],
})

/**
 * x with new rows, written from a separate position on in each sequence of the batch; rows that would fall outside x
 * are ignored. A compiled function to which x is donated, such as a cache, writes them into its memory.
 * @param x [batch, seq, ...]
 * @param rows [batch, n, ...], of the same dtype
 * @param at int32 [batch]: the position of the first of the n rows
 * @returns like x
 * @example
 * const x = device.tensor([[[1], [2], [3]]])
 * writeRows(x, device.tensor([[[9]]]), device.tensor([1], [1], 'int32')) // [[[1], [9], [3]]]
 */
export function writeRows(x: Tensor, rows: Tensor, at: Tensor): Tensor {
  requireTensor('writeRows', x, 'x')
  requireTensor('writeRows', rows, 'rows')
  requireTensor('writeRows', at, 'at')
  return apply1(writeRowsOp, [x, rows, at], {})
}
