// Stacking, splitting and repeating tensors; axes of size 1.

import { requireAtMost, requireTensor, requireWhole, shown } from '../arguments.ts'
import { ShapeError } from '../errors.ts'
import { formatShape, normalizeAxes, normalizeAxis, requireNumbers } from '../shape.ts'
import type { Tensor } from '../tensor.ts'
import { broadcastTo } from './broadcast-sum.ts'
import { reshape } from './reshape.ts'
import { concatenate, sliceAxis } from './slice-concatenate.ts'

/**
 * Joins tensors of equal shape along a new axis.
 * @example stack([device.tensor([1, 2]), device.tensor([3, 4])]) // [[1, 2], [3, 4]]
 */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  if (!Array.isArray(tensors) || tensors.length === 0)
    throw new TypeError(`stack: expected an array of at least one tensor, got ${shown(tensors)}`)
  for (const t of tensors) requireTensor('stack', t)
  const { shape } = tensors[0]
  for (const t of tensors)
    if (t.shape.join() !== shape.join())
      throw new ShapeError(`stack: shapes differ: ${formatShape(shape)} and ${formatShape(t.shape)}`)
  const a = normalizeAxis('stack', axis, shape.length + 1)
  return concatenate(
    tensors.map((t) => expandDims(t, a)),
    a,
  )
}

/**
 * Splits an axis into parts: of `size` elements each, the last one possibly smaller, or of the given sizes.
 * @throws ShapeError if the sizes do not add up to the size of the axis
 * @example split(device.tensor([1, 2, 3]), [1, 2]) // [[1], [2, 3]]
 */
export function split(x: Tensor, size: number | readonly number[], axis = 0): Tensor[] {
  requireTensor('split', x)
  const a = normalizeAxis('split', axis, x.ndim)
  const n = x.shape[a]
  if (!Array.isArray(size)) {
    requireWhole('split', 'size', size, 1)
    requireAtMost('split', 'parts', n / (size as number), 2 ** 20)
  } else for (const s of size) requireWhole('split', 'a size', s)
  const sizes = Array.isArray(size)
    ? (size as readonly number[])
    : Array.from({ length: Math.max(1, Math.ceil(n / (size as number))) }, (_, i) =>
        Math.min(size as number, n - i * (size as number)),
      )
  const total = sizes.reduce((sum, s) => sum + s, 0)
  if (total !== n)
    throw new ShapeError(
      `split: sizes ${shown([...sizes])} add up to ${total}, axis ${a} of ${formatShape(x.shape)} has ${n}`,
    )
  let at = 0
  return sizes.map((s) => sliceAxis(x, a, at, (at += s)))
}

/**
 * Removes axes of size 1: the given ones, or all.
 * @throws ShapeError if a given axis has another size
 * @example squeeze(device.tensor([[1, 2]])) // [1, 2]
 */
export function squeeze(x: Tensor, axes?: number | readonly number[]): Tensor {
  requireTensor('squeeze', x)
  const list = axes === undefined ? undefined : normalizeAxes('squeeze', axes, x.ndim)
  for (const i of list ?? [])
    if (x.shape[i] !== 1)
      throw new ShapeError(`squeeze: axis ${i} of ${formatShape(x.shape)} has ${x.shape[i]} elements, not 1`)
  return reshape(
    x,
    x.shape.filter((d, i) => (list ? !list.includes(i) : d !== 1)),
  )
}

/**
 * Inserts an axis of size 1 at position `axis` of the result.
 * @example expandDims(device.tensor([1, 2]), 0) // [[1, 2]]
 */
export function expandDims(x: Tensor, axis: number): Tensor {
  requireTensor('expandDims', x)
  const a = normalizeAxis('expandDims', axis, x.ndim + 1)
  return reshape(x, [...x.shape.slice(0, a), 1, ...x.shape.slice(a)])
}

/**
 * Repeats every element along an axis `count` times: NumPy's repeat, PyTorch's repeat_interleave.
 * @example repeat(device.tensor([1, 2]), 2) // [1, 1, 2, 2]
 */
export function repeat(x: Tensor, count: number, axis = 0): Tensor {
  requireTensor('repeat', x)
  requireWhole('repeat', 'count', count)
  const a = normalizeAxis('repeat', axis, x.ndim)
  const before = x.shape.slice(0, a + 1)
  const after = x.shape.slice(a + 1)
  const wide = broadcastTo(reshape(x, [...before, 1, ...after]), [...before, count, ...after])
  return reshape(wide, [...x.shape.slice(0, a), x.shape[a] * count, ...after])
}

/**
 * Repeats the whole tensor along each axis: NumPy's tile.
 * @example tile(device.tensor([1, 2]), [2]) // [1, 2, 1, 2]
 */
export function tile(x: Tensor, counts: readonly number[]): Tensor {
  requireTensor('tile', x)
  requireNumbers('tile', 'counts', counts)
  for (const c of counts) requireWhole('tile', 'a count', c)
  const rank = Math.max(x.ndim, counts.length)
  const shape = [...Array<number>(rank - x.ndim).fill(1), ...x.shape]
  const times = [...Array<number>(rank - counts.length).fill(1), ...counts]
  const wide = broadcastTo(
    reshape(
      x,
      shape.flatMap((d) => [1, d]),
    ),
    shape.flatMap((d, i) => [times[i], d]),
  )
  return reshape(
    wide,
    shape.map((d, i) => d * times[i]),
  )
}
