// Grouped products: each group of rows is multiplied by a matrix of its own, as in mixture-of-experts layers without
// dropped tokens.

import { requireOptions, requireTensor } from '../../arguments.ts'
import { lazyKernels } from '../../backends/kernel-source.ts'
import { isFloat } from '../../dtype.ts'
import { DTypeError, ShapeError } from '../../errors.ts'
import { defineOp, type Logical, type Op } from '../../op.ts'
import { elementCount, formatShape } from '../../shape.ts'
import { apply1, type Tensor } from '../../tensor.ts'

export interface GroupedMatmulAttrs {
  /** Whether the matrices are stored [out, in]. */
  readonly transposeB: boolean
}

/** The rows [first, end) of each group, limited to the number of rows. */
function groupRows(sizes: Logical, rows: number): [first: number, end: number][] {
  let at = 0
  return Array.from(sizes.data, (size) => {
    const first = at
    at = Math.min(rows, at + Math.max(0, size))
    return [first, at]
  })
}

/** x [rows, in], w [groups, in, out], sizes int32 [groups] -> [rows, out]. */
export const groupedMatmulOp: Op<GroupedMatmulAttrs> = defineOp<GroupedMatmulAttrs>({
  name: 'groupedMatmul',
  kind: 'kernel',
  infer: ([x, w], { transposeB }) => [{ shape: [x.shape[0], w.shape[transposeB ? 1 : 2]], dtype: 'float32' }],
  gradient({ inputs: [x, w, sizes], grads: [g], attrs: { transposeB } }) {
    if (!g) return [undefined, undefined, undefined]
    const outer = transposeB ? [g, x, sizes] : [x, g, sizes]
    return [
      apply1(groupedMatmulOp, [g, w, sizes], { transposeB: !transposeB }),
      apply1(groupedOuterOp, outer, {}),
      undefined,
    ]
  },
  evaluate([x, w, sizes], { transposeB }, [out]) {
    const [rows, k] = x.shape
    const m = out.shape[1]
    out.data.fill(0)
    groupRows(sizes, rows).forEach(([first, end], e) => {
      for (let r = first; r < end; r++) {
        for (let j = 0; j < m; j++) {
          let sum = 0
          for (let p = 0; p < k; p++)
            sum += x.data[r * k + p] * w.data[e * k * m + (transposeB ? j * k + p : p * m + j)]
          out.data[r * m + j] = sum
        }
      }
    })
  },
  cpu: lazyKernels(async () => (await import('./grouped-matmul.cpu.ts')).groupedMatmulCpu),
  webgpu: lazyKernels(async () => (await import('./grouped-matmul.wgsl.ts')).groupedMatmulWgsl),
  flops: ([x], [out]) => 2 * elementCount(out.shape) * x.shape[1],
  samples: [
    {
      inputs: [{ shape: [9, 5] }, { shape: [3, 5, 4] }, { shape: [3], dtype: 'int32', range: [0, 4] }],
      attrs: { transposeB: false },
    },
    {
      inputs: [{ shape: [37, 17] }, { shape: [4, 70, 17] }, { shape: [4], dtype: 'int32', range: [0, 16] }],
      attrs: { transposeB: true },
    },
    // More steps than are packed at a time, more columns than a task has.
    {
      inputs: [{ shape: [70, 600] }, { shape: [3, 600, 68] }, { shape: [3], dtype: 'int32', range: [10, 30] }],
      attrs: { transposeB: false },
      tolerance: 1e-4,
      differentiable: false,
    },
    // Sizes that are negative, or reach past the last row.
    {
      inputs: [{ shape: [6, 3] }, { shape: [5, 3, 2] }, { shape: [5], dtype: 'int32', range: [-2, 5] }],
      attrs: { transposeB: false },
    },
    { inputs: [{ shape: [0, 3] }, { shape: [2, 3, 2] }, { shape: [2], dtype: 'int32' }], attrs: { transposeB: false } },
    {
      inputs: [{ shape: [4, 0] }, { shape: [2, 0, 3] }, { shape: [2], dtype: 'int32', range: [0, 3] }],
      attrs: { transposeB: false },
    },
    {
      inputs: [
        { shape: [12, 32], dtype: 'bfloat16' },
        { shape: [2, 8, 32], dtype: 'bfloat16' },
        { shape: [2], dtype: 'int32', range: [2, 7] },
      ],
      attrs: { transposeB: true },
      differentiable: false,
    },
    {
      inputs: [
        { shape: [5, 8], dtype: 'float8_e4m3fn' },
        { shape: [2, 8, 4], dtype: 'float16' },
        { shape: [2], dtype: 'int32', range: [1, 4] },
      ],
      attrs: { transposeB: false },
      differentiable: false,
    },
  ],
})

/**
 * x [rows, in], y [rows, out], sizes int32 [groups] -> [groups, in, out]: the products of x and y summed over each
 * group's rows.
 */
export const groupedOuterOp: Op = defineOp({
  name: 'groupedOuter',
  kind: 'kernel',
  infer: ([x, y, sizes]) => [{ shape: [sizes.shape[0], x.shape[1], y.shape[1]], dtype: 'float32' }],
  gradient: ({ inputs: [x, y, sizes], grads: [g] }) => [
    g && apply1(groupedMatmulOp, [y, g, sizes], { transposeB: true }),
    g && apply1(groupedMatmulOp, [x, g, sizes], { transposeB: false }),
    undefined,
  ],
  evaluate([x, y, sizes], _, [out]) {
    const [rows, k] = x.shape
    const m = y.shape[1]
    groupRows(sizes, rows).forEach(([first, end], e) => {
      for (let i = 0; i < k; i++) {
        for (let j = 0; j < m; j++) {
          let sum = 0
          for (let r = first; r < end; r++) sum += x.data[r * k + i] * y.data[r * m + j]
          out.data[(e * k + i) * m + j] = sum
        }
      }
    })
  },
  cpu: lazyKernels(async () => (await import('./grouped-matmul.cpu.ts')).groupedOuterCpu),
  webgpu: lazyKernels(async () => (await import('./grouped-matmul.wgsl.ts')).groupedOuterWgsl),
  flops: ([x, y]) => 2 * elementCount(x.shape) * y.shape[1],
  samples: [
    { inputs: [{ shape: [9, 5] }, { shape: [9, 4] }, { shape: [3], dtype: 'int32', range: [0, 4] }] },
    { inputs: [{ shape: [40, 17] }, { shape: [40, 70] }, { shape: [3], dtype: 'int32', range: [0, 16] }] },
    {
      inputs: [{ shape: [1100, 9] }, { shape: [1100, 66] }, { shape: [2], dtype: 'int32', range: [500, 560] }],
      tolerance: 1e-4,
      differentiable: false,
    },
    { inputs: [{ shape: [6, 3] }, { shape: [6, 2] }, { shape: [5], dtype: 'int32', range: [-2, 5] }] },
    { inputs: [{ shape: [0, 3] }, { shape: [0, 2] }, { shape: [2], dtype: 'int32' }] },
    {
      inputs: [
        { shape: [12, 8], dtype: 'bfloat16' },
        { shape: [12, 4], dtype: 'bfloat16' },
        { shape: [2], dtype: 'int32', range: [2, 7] },
      ],
      differentiable: false,
    },
  ],
})

/**
 * Each row of `x` times the matrix of its group; rows must be sorted by group. Products and sums are float32 for every
 * dtype. Rows past the last group give zeros; no row is dropped or padded.
 * @param x [rows, in]
 * @param w [groups, in, out]; with `transposeB` [groups, out, in], as the weights of linear layers are stored
 * @param sizes int32 [groups]: rows of each group; a negative one counts as 0, and groups end at the last row
 * @returns float32 [rows, out]
 * @throws ShapeError, DTypeError for shapes and dtypes that do not fit
 * @see jax.lax.ragged_dot, MegaBlocks (arXiv:2211.15841)
 * @example
 * const x = device.tensor([[1, 2], [3, 4], [5, 6]])
 * const w = device.tensor([[[1, 0], [0, 1]], [[2, 0], [0, 2]]])
 * groupedMatmul(x, w, device.tensor(Int32Array.of(1, 2))) // [[1, 2], [6, 8], [10, 12]]
 */
export function groupedMatmul(
  x: Tensor,
  w: Tensor,
  sizes: Tensor,
  options: { readonly transposeB?: boolean } = {},
): Tensor {
  requireTensor('groupedMatmul', x, 'x')
  requireTensor('groupedMatmul', w, 'w')
  requireTensor('groupedMatmul', sizes, 'sizes')
  requireOptions('groupedMatmul', options, ['transposeB'])
  const { transposeB = false } = options
  if (!isFloat(x.dtype) || !isFloat(w.dtype) || sizes.dtype !== 'int32')
    throw new DTypeError(
      `groupedMatmul: needs floats and int32 sizes, got x ${x.dtype}, w ${w.dtype} and sizes ${sizes.dtype}`,
    )
  const shapes = `x ${formatShape(x.shape)}, w ${formatShape(w.shape)} and sizes ${formatShape(sizes.shape)}`
  if (x.ndim !== 2 || w.ndim !== 3 || sizes.ndim !== 1 || w.shape[0] !== sizes.shape[0])
    throw new ShapeError(`groupedMatmul: needs x [rows, in], w [groups, in, out] and sizes [groups], got ${shapes}`)
  if (x.shape[1] !== w.shape[transposeB ? 2 : 1])
    throw new ShapeError(
      `groupedMatmul: inner dimensions differ: ${shapes}${transposeB ? ', with transposeB [groups, out, in]' : ''}`,
    )
  return apply1(groupedMatmulOp, [x, w, sizes], { transposeB })
}
