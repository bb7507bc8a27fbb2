// The matrix product: shapes, definition, gradient.

import { requireDType, requireOptions, requireTensor } from '../../arguments.ts'
import { lazyKernels } from '../../backends/kernel-source.ts'
import { type DType, isFloat, promote } from '../../dtype.ts'
import { DTypeError, ShapeError } from '../../errors.ts'
import { defineOp, type Op, type Sample } from '../../op.ts'
import { broadcastShapes, elementCount, formatShape } from '../../shape.ts'
import { apply1, type Tensor } from '../../tensor.ts'
import { broadcastTo } from '../broadcast-sum.ts'
import { cast } from '../cast.ts'
import { reshape } from '../reshape.ts'
import { swapAxes } from '../transpose.ts'

/** a [..., M, K] times b [..., K, N], equal leading dimensions. Products and sums are float32 for every dtype. */
export const matmulOp: Op<{ dtype: DType }> = defineOp<{ dtype: DType }>({
  name: 'matmul',
  kind: 'kernel',
  strided: true,
  infer([a, b], { dtype }) {
    const shape = [...a.shape.slice(0, -1), b.shape[b.shape.length - 1]]
    return [{ shape, dtype }]
  },
  // Gradients are float32 for every dtype of the operands; they are rounded only when stored.
  gradient: ({ inputs: [a, b], grads: [g] }) => {
    if (!g) return [undefined, undefined]
    return [matmul(g, swapAxes(b, -1, -2), { dtype: 'float32' }), matmul(swapAxes(a, -1, -2), g, { dtype: 'float32' })]
  },
  evaluate([a, b], _, [out]) {
    const [m, k] = a.shape.slice(-2)
    const n = b.shape[b.shape.length - 1]
    const batch = elementCount(a.shape.slice(0, -2))
    for (let z = 0; z < batch; z++) {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let acc = 0
          for (let p = 0; p < k; p++) acc += a.data[(z * m + i) * k + p] * b.data[(z * k + p) * n + j]
          out.data[(z * m + i) * n + j] = acc
        }
      }
    }
  },
  transposed: [1, 0],
  lowering: ([a, b], { dtype }) =>
    dtype === 'float32' ? undefined : [cast(apply1(matmulOp, [a, b], { dtype: 'float32' }), dtype)],
  cpu: lazyKernels(async () => (await import('./matmul.cpu.ts')).matmulCpu),
  webgpu: lazyKernels(async () => (await import('./matmul.wgsl.ts')).matmulWgsl),
  flops: ([a], [out]) => 2 * elementCount(out.shape) * a.shape[a.shape.length - 1],
  samples: [
    ...[1, 3, 31, 32, 33].map(
      (n): Sample<{ dtype: DType }> => ({
        inputs: [{ shape: [n, 17] }, { shape: [17, n] }],
        attrs: { dtype: 'float32' },
      }),
    ),
    { inputs: [{ shape: [1, 64] }, { shape: [64, 40] }], attrs: { dtype: 'float32' } },
    { inputs: [{ shape: [64, 48] }, { shape: [48, 64] }], attrs: { dtype: 'float32' } },
    { inputs: [{ shape: [2, 3, 4, 8] }, { shape: [2, 3, 8, 5] }], attrs: { dtype: 'float32' } },
    { inputs: [{ shape: [0, 4] }, { shape: [4, 3] }], attrs: { dtype: 'float32' } },
    { inputs: [{ shape: [3, 0] }, { shape: [0, 4] }], attrs: { dtype: 'float32' } },
    {
      inputs: [
        { shape: [12, 32], dtype: 'bfloat16' },
        { shape: [32, 8], dtype: 'bfloat16' },
      ],
      attrs: { dtype: 'float32' },
      differentiable: false,
    },
    {
      inputs: [{ shape: [5, 7], dtype: 'bfloat16' }, { shape: [7, 3] }],
      attrs: { dtype: 'float32' },
      differentiable: false,
    },
    {
      inputs: [{ shape: [8, 16], dtype: 'float16' }, { shape: [16, 4] }],
      attrs: { dtype: 'float16' },
      differentiable: false,
    },
    {
      inputs: [{ shape: [70, 600] }, { shape: [600, 20] }],
      attrs: { dtype: 'float32' },
      tolerance: 1e-4,
      differentiable: false,
    },
  ],
})

/**
 * Matrix product over the last two dimensions; leading dimensions broadcast. A vector is treated as one row (a) or one
 * column (b), which the result does not have: two vectors give a scalar. Transposed operands are read in place.
 *
 * @param a [..., M, K]
 * @param b [..., K, N]
 * @param options.dtype dtype of the result; default: the promoted dtype of the operands
 * @returns [..., M, N]
 * @throws ShapeError if the inner dimensions differ, DTypeError for integers
 * @example matmul(device.tensor([[1, 2], [3, 4]]), device.tensor([[1], [10]])) // [[21], [43]]
 */
export function matmul(a: Tensor, b: Tensor, options: { dtype?: DType } = {}): Tensor {
  requireTensor('matmul', a, 'a')
  requireTensor('matmul', b, 'b')
  requireOptions('matmul', options, ['dtype'])
  for (const t of [a, b])
    if (!isFloat(t.dtype)) throw new DTypeError(`matmul: needs float tensors, got ${a.dtype} and ${b.dtype}`)
  const dtype = options.dtype ?? promote('matmul', a.dtype, b.dtype)
  requireDType('matmul', dtype)
  if (!isFloat(dtype)) throw new DTypeError(`matmul: the result is a float, not ${dtype}; cast it afterwards`)
  if (a.ndim === 0 || b.ndim === 0)
    throw new ShapeError(
      `matmul: needs at least one dimension, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    )
  if (a.ndim === 1) {
    const out = matmul(reshape(a, [1, a.shape[0]]), b, { dtype })
    // Two vectors give a scalar, a vector and matrices give vectors.
    return reshape(out, b.ndim === 1 ? [] : [...out.shape.slice(0, -2), out.shape[out.ndim - 1]])
  }
  if (b.ndim === 1) {
    const out = matmul(a, reshape(b, [b.shape[0], 1]), { dtype })
    return reshape(out, out.shape.slice(0, -1))
  }
  const k = a.shape[a.ndim - 1]
  const k2 = b.shape[b.ndim - 2]
  if (k !== k2) {
    throw new ShapeError(
      `matmul: inner dimensions differ: a is ${formatShape(a.shape)}, b is ${formatShape(b.shape)} (a.shape[${a.ndim - 1}] = ${k}, b.shape[${b.ndim - 2}] = ${k2})`,
    )
  }
  if (b.ndim === 2 && a.ndim > 2) {
    const rows = reshape(a, [elementCount(a.shape.slice(0, -1)), k])
    return reshape(apply1(matmulOp, [rows, b], { dtype }), [...a.shape.slice(0, -1), b.shape[1]])
  }
  const batch = broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2))
  return apply1(
    matmulOp,
    [broadcastTo(a, [...batch, ...a.shape.slice(-2)]), broadcastTo(b, [...batch, ...b.shape.slice(-2)])],
    { dtype },
  )
}
