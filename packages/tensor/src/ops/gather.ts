// Gathering elements by index along an axis, and scattering.

import { requireTensor } from '../arguments.ts'
import { lazyKernels } from '../backends/kernel-source.ts'
import { isFloat, isPacked } from '../dtype.ts'
import { DTypeError, ShapeError } from '../errors.ts'
import type { Spec } from '../graph/spec.ts'
import { defineOp, type Op } from '../op.ts'
import { broadcastShapes, elementCount, formatShape, normalizeAxis } from '../shape.ts'
import { apply1, type Tensor } from '../tensor.ts'
import { add } from './add.ts'
import { broadcastTo } from './broadcast-sum.ts'
import { cast } from './cast.ts'
import { equal } from './compare.ts'
import { iota } from './leaf.ts'
import { where } from './where.ts'

function requireIds(op: string, ids: Spec): void {
  if (ids.dtype !== 'int32')
    throw new DTypeError(`${op}: ids must be int32, got ${ids.dtype}; cast them with astype('int32')`)
}

/**
 * Calls f(position of the id, position of the element it names, the id's coordinate along the axis) for every id in
 * range.
 */
function eachId(
  ids: { readonly shape: readonly number[]; readonly data: Float64Array },
  n: number,
  axis: number,
  f: (id: number, element: number, k: number) => void,
): void {
  const m = ids.shape[axis]
  const inner = elementCount(ids.shape.slice(axis + 1))
  ids.data.forEach((id, at) => {
    const i = at % inner
    const o = Math.floor(at / (inner * m))
    if (id >= 0 && id < n) f(at, (o * n + id) * inner + i, Math.floor(at / inner) % m)
  })
}

/** out[.., j, ..] = x[.., ids[.., j, ..], ..]; 0 for ids out of range. Shapes are equal except along the axis. */
export const gatherOp: Op<{ axis: number }> = defineOp<{ axis: number }>({
  name: 'gather',
  kind: 'kernel',
  batching: 'axis',
  infer: ([x, ids]) => [{ shape: ids.shape, dtype: x.dtype }],
  gradient: ({ inputs: [x, ids], grads: [g], attrs: { axis } }) => [
    g && apply1(scatterOp, [g, ids], { axis, size: x.shape[axis], last: false }),
    undefined,
  ],
  evaluate([x, ids], { axis }, [out]) {
    eachId(ids, x.shape[axis], axis, (at, element) => {
      out.data[at] = x.data[element]
    })
  },
  webgpu: lazyKernels(async () => (await import('./gather.wgsl.ts')).gatherWgsl),
  samples: [
    { inputs: [{ shape: [5, 8] }, { shape: [5, 3], dtype: 'int32', range: [-1, 9] }], attrs: { axis: 1 } },
    { inputs: [{ shape: [3, 4, 5] }, { shape: [3, 33, 5], dtype: 'int32', range: [0, 4] }], attrs: { axis: 1 } },
    { inputs: [{ shape: [2, 3] }, { shape: [0, 3], dtype: 'int32' }], attrs: { axis: 0 } },
    {
      inputs: [
        { shape: [9, 6], dtype: 'bfloat16' },
        { shape: [5, 6], dtype: 'int32', range: [0, 9] },
      ],
      attrs: { axis: 0 },
      differentiable: false,
    },
  ],
})

/**
 * The transpose of `gather`, into zeros: elements with equal ids are added in order or, with `last`, the last of them
 * is kept. The result is deterministic.
 */
export const scatterOp: Op<{ axis: number; size: number; last: boolean }> = defineOp<{
  axis: number
  size: number
  last: boolean
}>({
  name: 'scatter',
  kind: 'kernel',
  batching: 'axis',
  infer: ([source, ids], { axis, size, last }) => [
    {
      shape: ids.shape.map((d, i) => (i === axis ? size : d)),
      dtype: isFloat(source.dtype) && !last ? 'float32' : source.dtype,
    },
  ],
  gradient({ inputs: [, ids], grads: [g], attrs: { axis, size, last } }) {
    if (!g) return [undefined, undefined]
    const back = apply1(gatherOp, [g, ids], { axis })
    if (!last) return [back, undefined]
    // Of elements with equal ids, only the last has a gradient.
    const position = add(iota(ids.shape, axis), 1)
    const staying = apply1(gatherOp, [apply1(scatterOp, [position, ids], { axis, size, last }), ids], { axis })
    return [where(equal(staying, position), back, 0), undefined]
  },
  evaluate([source, ids], { axis, size, last }, [out]) {
    eachId(ids, size, axis, (at, element) => {
      if (last) out.data[element] = source.data[at]
      else out.data[element] += source.data[at]
    })
  },
  // Single elements of packed formats cannot be stored; as float32 they can, exactly.
  lowering: ([source, ids], attrs) =>
    isPacked(source.dtype) && attrs.last
      ? [cast(apply1(scatterOp, [cast(source, 'float32'), ids], attrs), source.dtype)]
      : undefined,
  webgpu: lazyKernels(async () => (await import('./gather.wgsl.ts')).scatterWgsl),
  samples: [
    {
      inputs: [{ shape: [5, 8] }, { shape: [5, 8], dtype: 'int32', range: [-1, 5] }],
      attrs: { axis: 1, size: 4, last: false },
    },
    {
      inputs: [{ shape: [3, 33, 5] }, { shape: [3, 33, 5], dtype: 'int32', range: [0, 9] }],
      attrs: { axis: 1, size: 9, last: true },
    },
    {
      inputs: [{ shape: [33, 70] }, { shape: [33, 70], dtype: 'int32', range: [0, 9] }],
      attrs: { axis: 0, size: 9, last: false },
    },
    { inputs: [{ shape: [0, 3] }, { shape: [0, 3], dtype: 'int32' }], attrs: { axis: 0, size: 2, last: false } },
    {
      inputs: [
        { shape: [4, 70], dtype: 'bfloat16' },
        { shape: [4, 70], dtype: 'int32', range: [0, 3] },
      ],
      attrs: { axis: 0, size: 3, last: true },
      differentiable: false,
    },
  ],
})

/** Both tensors broadcast to the same shape except along the axis. */
function aligned(op: string, x: Tensor, ids: Tensor, axis: number): [Tensor, Tensor] {
  if (x.ndim !== ids.ndim)
    throw new ShapeError(
      `${op}: needs as many dimensions of both, got ${formatShape(x.shape)} and ids ${formatShape(ids.shape)}`,
    )
  const without = (t: Tensor) => t.shape.map((d, i) => (i === axis ? 1 : d))
  const common = broadcastShapes(op, without(x), without(ids))
  const along = (t: Tensor) =>
    broadcastTo(
      t,
      common.map((d, i) => (i === axis ? t.shape[axis] : d)),
    )
  return [along(x), along(ids)]
}

/**
 * Elements along an axis by index, with separate ids for each line: take_along_axis of NumPy and JAX, take_along_dim of
 * PyTorch. Except along the axis, both shapes broadcast. The gradient is summed in the order of the ids, without
 * atomics.
 * @param x [..., n, ...]
 * @param ids int32 [..., m, ...]; an id outside [0, n) gives 0
 * @returns [..., m, ...]
 * @example
 * gather(device.tensor([[1, 2], [3, 4]]), device.tensor([[1], [0]], [2, 1], 'int32')) // [[2], [3]]
 */
export function gather(x: Tensor, ids: Tensor, axis = -1): Tensor {
  requireTensor('gather', x)
  requireTensor('gather', ids, 'ids')
  requireIds('gather', ids)
  const a = normalizeAxis('gather', axis, x.ndim)
  return apply1(gatherOp, aligned('gather', x, ids, a), { axis: a })
}

function scattered(op: string, x: Tensor, ids: Tensor, source: Tensor, axis: number): [Tensor, Tensor, number] {
  requireTensor(op, x)
  requireTensor(op, ids, 'ids')
  requireTensor(op, source, 'the source')
  requireIds(op, ids)
  const a = normalizeAxis(op, axis, x.ndim)
  const shape = x.shape.map((d, i) => (i === a ? ids.shape[a] : d))
  for (const [name, t] of [
    ['ids', ids],
    ['the source', source],
  ] as const)
    if (t.shape.join() !== shape.join())
      throw new ShapeError(
        `${op}: ids and the source must have the shape of x ${formatShape(x.shape)} outside axis ${a}, and one shape; ${name} is ${formatShape(t.shape)}`,
      )
  return [ids, source, a]
}

/**
 * x with `source` added at the positions `ids` along an axis; elements with equal ids are added in order, so the result
 * is deterministic.
 * @param x float [..., n, ...]
 * @param ids int32 [..., m, ...]; elements whose id is outside [0, n) are ignored
 * @param source like ids
 * @returns float32, like x
 * @example
 * const ids = device.tensor([0, 0, 2], [3], 'int32')
 * scatterAdd(device.tensor([1, 1, 1]), ids, device.tensor([10, 20, 30])) // [31, 1, 31]
 */
export function scatterAdd(x: Tensor, ids: Tensor, source: Tensor, axis = -1): Tensor {
  const [i, s, a] = scattered('scatterAdd', x, ids, source, axis)
  return add(x, apply1(scatterOp, [s, i], { axis: a, size: x.shape[a], last: false }))
}

/**
 * x with `source` written at the positions `ids` along an axis; of elements with equal ids the last is kept, and only
 * it has a gradient.
 * @param x [..., n, ...]
 * @param ids int32 [..., m, ...]; elements whose id is outside [0, n) are ignored
 * @param source like ids
 * @returns like x
 * @example
 * const ids = device.tensor([2, 0], [2], 'int32')
 * scatter(device.tensor([1, 1, 1]), ids, device.tensor([10, 20])) // [20, 1, 10]
 */
export function scatter(x: Tensor, ids: Tensor, source: Tensor, axis = -1): Tensor {
  const [i, s, a] = scattered('scatter', x, ids, source, axis)
  const attrs = { axis: a, size: x.shape[a], last: true }
  const written = apply1(scatterOp, [add(iota(i.shape, a), 1), i], attrs)
  return where(equal(written, 0), x, apply1(scatterOp, [cast(s, x.dtype), i], attrs))
}
