// Matrices by formula: triangles, identity, diagonals, grids, one-hot rows.

import { requireDType, requireNumber, requireTensor, requireWhole, shown } from '../arguments.ts'
import { type DType, isFloat } from '../dtype.ts'
import { DTypeError, ShapeError } from '../errors.ts'
import { formatShape } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { broadcastTo, sum } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import { equal, lessEqual } from './compare.ts'
import { iota } from './leaf.ts'
import { mul } from './mul.ts'
import { reshape } from './reshape.ts'
import { slice } from './slice-concatenate.ts'
import { sub } from './sub.ts'
import { where } from './where.ts'

function requireMatrix(op: string, x: Tensor): void {
  requireTensor(op, x)
  if (x.ndim < 2) throw new ShapeError(`${op}: needs at least two dimensions, got ${formatShape(x.shape)}`)
}

function requireOffset(op: string, k: number): void {
  if (!Number.isSafeInteger(k)) throw new RangeError(`${op}: the diagonal must be an integer, got ${shown(k)}`)
}

/** Column minus row of every element of the last two axes. */
const offsets = (shape: readonly number[]): Tensor => sub(iota(shape, shape.length - 1), iota(shape, shape.length - 2))

/**
 * The elements on and below a diagonal of the last two axes, zeros above it; `diagonal` counts from the main one
 * upwards.
 * @example tril(device.tensor([[1, 2], [3, 4]])) // [[1, 0], [3, 4]]
 */
export function tril(x: Tensor, diagonal = 0): Tensor {
  requireMatrix('tril', x)
  requireOffset('tril', diagonal)
  return where(lessEqual(offsets(x.shape.slice(-2)), diagonal), x, 0)
}

/**
 * The elements on and above a diagonal of the last two axes, zeros below it.
 * @example triu(device.tensor([[1, 2], [3, 4]])) // [[1, 2], [0, 4]]
 */
export function triu(x: Tensor, diagonal = 0): Tensor {
  requireMatrix('triu', x)
  requireOffset('triu', diagonal)
  return where(lessEqual(diagonal, offsets(x.shape.slice(-2))), x, 0)
}

/**
 * A matrix [rows, columns] of ones on the diagonal and zeros elsewhere.
 * @example eye(2) // [[1, 0], [0, 1]]
 */
export function eye(rows: number, columns = rows, dtype: DType = 'float32'): Tensor {
  requireWhole('eye', 'rows', rows)
  requireWhole('eye', 'columns', columns)
  requireDType('eye', dtype)
  return cast(equal(offsets([rows, columns]), 0), dtype)
}

/**
 * A vector as the diagonal of a square matrix, or the diagonal of a matrix as a vector.
 * @example
 * diag(device.tensor([1, 2])) // [[1, 0], [0, 2]]
 * diag(device.tensor([[1, 2], [3, 4]])) // [1, 4]
 */
export function diag(x: Tensor): Tensor {
  requireTensor('diag', x)
  if (x.ndim === 1) {
    const n = x.shape[0]
    return where(equal(offsets([n, n]), 0), broadcastTo(x, [n, n]), 0)
  }
  if (x.ndim !== 2) throw new ShapeError(`diag: needs a vector or a matrix, got ${formatShape(x.shape)}`)
  const n = Math.min(...x.shape)
  const square = slice(x, [0, 0], [n, n])
  const flat = sum(where(equal(offsets([n, n]), 0), square, 0), 1)
  return cast(flat, x.dtype)
}

/**
 * The sum of the diagonal of the last two axes. Float formats give float32.
 * @example trace(device.tensor([[1, 2], [3, 4]])) // 5
 */
export function trace(x: Tensor): Tensor {
  requireMatrix('trace', x)
  return sum(where(equal(offsets(x.shape.slice(-2)), 0), x, 0), [-2, -1])
}

/**
 * The products of all pairs of two vectors.
 * @param a [m]
 * @param b [n]
 * @returns [m, n]
 * @example outer(device.tensor([1, 2]), device.tensor([3, 4])) // [[3, 4], [6, 8]]
 */
export function outer(a: Tensor, b: Tensor): Tensor {
  requireTensor('outer', a, 'a')
  requireTensor('outer', b, 'b')
  if (a.ndim !== 1 || b.ndim !== 1)
    throw new ShapeError(`outer: needs two vectors, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`)
  return mul(reshape(a, [a.shape[0], 1]), b)
}

/**
 * The coordinates of a grid, one tensor for each vector: meshgrid([x, y])[0] changes along axis 0 (indexing 'ij').
 * @example
 * meshgrid([device.tensor([1, 2]), device.tensor([3, 4])]) // [[[1, 1], [2, 2]], [[3, 4], [3, 4]]]
 */
export function meshgrid(vectors: readonly Tensor[]): Tensor[] {
  if (!Array.isArray(vectors) || vectors.length === 0)
    throw new TypeError(`meshgrid: expected an array of vectors, got ${shown(vectors)}`)
  for (const v of vectors) {
    requireTensor('meshgrid', v)
    if (v.ndim !== 1) throw new ShapeError(`meshgrid: needs vectors, got ${formatShape(v.shape)}`)
  }
  const shape = vectors.map((v) => v.shape[0])
  return vectors.map((v, k) =>
    broadcastTo(
      reshape(
        v,
        shape.map((d, i) => (i === k ? d : 1)),
      ),
      shape,
    ),
  )
}

/**
 * `count` numbers from `start` to `end`, both included, at equal distances; float32.
 * @example linspace(0, 1, 5) // [0, 0.25, 0.5, 0.75, 1]
 */
export function linspace(start: number, end: number, count: number): Tensor {
  requireNumber('linspace', 'start', start)
  requireNumber('linspace', 'end', end)
  requireWhole('linspace', 'count', count)
  const step = count > 1 ? (end - start) / (count - 1) : 0
  const at = iota([count], 0)
  // Computed from both ends, so that both are exact.
  const up = add(mul(cast(at, 'float32'), step), start)
  const down = sub(end, mul(cast(sub(count - 1, at), 'float32'), step))
  return where(lessEqual(at, Math.floor((count - 1) / 2)), up, down)
}

/**
 * 1 at the position of each id along a new last axis, 0 elsewhere; all zeros for an id outside [0, classes).
 * @param ids int32 or uint32 [...]
 * @returns [..., classes]
 * @example oneHot(device.tensor([1, 0], [2], 'int32'), 3) // [[0, 1, 0], [1, 0, 0]]
 */
export function oneHot(ids: Tensor, classes: number, dtype: DType = 'float32'): Tensor {
  requireTensor('oneHot', ids, 'ids')
  requireWhole('oneHot', 'classes', classes)
  requireDType('oneHot', dtype)
  if (isFloat(ids.dtype))
    throw new DTypeError(`oneHot: ids must be int32 or uint32, got ${ids.dtype}; cast them with astype('int32')`)
  const shape = [...ids.shape, classes]
  const column = iota(shape, ids.ndim, ids.dtype as 'int32' | 'uint32')
  return cast(equal(column, reshape(ids, [...ids.shape, 1])), dtype)
}
