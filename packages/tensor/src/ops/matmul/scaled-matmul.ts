// Products of block-scaled matrices.

import { requireBoolean } from '../../arguments.ts'
import { lazyKernels } from '../../backends/kernel-source.ts'
import { type DType, isFloat } from '../../dtype.ts'
import { DTypeError, ShapeError } from '../../errors.ts'
import type { Spec } from '../../graph/spec.ts'
import { defineOp, type Op } from '../../op.ts'
import { elementCount, formatShape } from '../../shape.ts'
import { apply1, isTensor, type Tensor } from '../../tensor.ts'
import { broadcastTo } from '../broadcast-sum.ts'
import { cast } from '../cast.ts'
import { mul } from '../mul.ts'
import { reshape } from '../reshape.ts'
import { swapAxes } from '../transpose.ts'
import { blockGrid, type ScaledMatmulAttrs } from './layout.ts'
import { matmul } from './matmul.ts'

/** A block-scaled matrix: narrow values, in equal blocks with one scale each. */
export interface ScaledMatrix {
  /** [..., rows, columns] of any float dtype, usually float8. */
  readonly codes: Tensor
  /** [..., rows / block rows, columns / block columns] of any float dtype; decoded values are multiplied by them. */
  readonly scales: Tensor
}

/** Inputs: codes and scales of a, then of b. Scaled values are rounded to float32, then multiplied as by matmul. */
export const scaledMatmulOp: Op<ScaledMatmulAttrs> = defineOp<ScaledMatmulAttrs>({
  name: 'scaledMatmul',
  kind: 'composite',
  infer([a, scalesA, b, scalesB], { transposeA, transposeB }) {
    const dtypes: DType[] = [a, scalesA, b, scalesB].map((t) => t.dtype)
    if (!dtypes.every(isFloat))
      throw new DTypeError(`scaledMatmul: codes and scales must be floats, got ${dtypes.join(', ')}`)
    blockGrid('scaledMatmul: a', a, scalesA)
    blockGrid('scaledMatmul: b', b, scalesB)
    const sides = ({ shape }: Spec, transposed: boolean) => (transposed ? shape.slice(-2).reverse() : shape.slice(-2))
    const [m, k] = sides(a, transposeA)
    const [k2, n] = sides(b, transposeB)
    const batch = a.shape.slice(0, -2)
    if (k !== k2 || formatShape(batch) !== formatShape(b.shape.slice(0, -2)))
      throw new ShapeError(
        `scaledMatmul: batch and inner dimensions must be equal, got ${formatShape(a.shape)}${transposeA ? ' transposed' : ''} and ${formatShape(b.shape)}${transposeB ? ' transposed' : ''}`,
      )
    return [{ shape: [...batch, m, n], dtype: 'float32' }]
  },
  definition([a, scalesA, b, scalesB], { transposeA, transposeB }) {
    const matrix = (codes: Tensor, scales: Tensor, transposed: boolean) => {
      const values = dequantizeBlocks({ codes, scales })
      return transposed ? swapAxes(values, -1, -2) : values
    }
    return [matmul(matrix(a, scalesA, transposeA), matrix(b, scalesB, transposeB))]
  },
  cpu: lazyKernels(async () => (await import('./scaled-matmul.cpu.ts')).scaledMatmulCpu),
  webgpu: lazyKernels(async () => (await import('./scaled-matmul.wgsl.ts')).scaledMatmulWgsl),
  flops: ([a], [out], { transposeA }) => 2 * elementCount(out.shape) * a.shape[a.shape.length - (transposeA ? 2 : 1)],
  samples: [
    // Scales along K as in training: 1 x 32 by 32 x 32 and, transposed, 16 x 1 by 16 x 1.
    sample([40, 64], [40, 2], [32, 64], [1, 2], { transposeA: false, transposeB: true }),
    sample([32, 12], [2, 12], [32, 20], [2, 20], { transposeA: true, transposeB: false }),
    sample([9, 16], [9, 4], [16, 8], [4, 1], { transposeA: false, transposeB: false }),
    // Blocks along the rows of a, odd sizes, one scale for everything, and a batch.
    sample([6, 15], [2, 15], [7, 15], [7, 3], { transposeA: false, transposeB: true }),
    sample([5, 7], [1, 1], [7, 3], [1, 1], { transposeA: false, transposeB: false }),
    sample([2, 3, 8, 12], [2, 3, 4, 2], [2, 3, 8, 12], [2, 3, 2, 12], { transposeA: true, transposeB: false }),
    sample([2, 8, 4], [2, 4, 1], [2, 12, 8], [2, 3, 1], { transposeA: true, transposeB: true }),
    sample([16, 32], [16, 1], [32, 8], [1, 8], { transposeA: false, transposeB: false }, 'float32'),
  ],
})

function sample(
  a: readonly number[],
  scalesA: readonly number[],
  b: readonly number[],
  scalesB: readonly number[],
  attrs: ScaledMatmulAttrs,
  dtype: DType = 'float8_e4m3fn',
) {
  const positive = [0.25, 4] as const
  return {
    inputs: [
      { shape: a, dtype },
      { shape: scalesA, range: positive },
      { shape: b, dtype },
      { shape: scalesB, range: positive, ...(dtype === 'float32' ? {} : { dtype: 'bfloat16' as const }) },
    ],
    attrs,
    tolerance: 2e-5,
    differentiable: dtype === 'float32',
  }
}

function requireTensors(what: string, matrix: ScaledMatrix): void {
  for (const part of ['codes', 'scales'] as const)
    if (!isTensor(matrix?.[part]))
      throw new TypeError(`${what}: expected { codes, scales }, two tensors; ${part} is ${typeof matrix?.[part]}`)
}

/**
 * The values of a block-scaled matrix: codes times the scales of their blocks.
 * @returns float32, in the shape of the codes
 * @throws ShapeError if the scales do not divide the codes into equal blocks
 * @example
 * const [codes, scales] = [[[1, 2], [3, 4]], [[10], [100]]].map((values) => device.tensor(values))
 * dequantizeBlocks({ codes, scales }) // [[10, 20], [300, 400]]
 */
export function dequantizeBlocks(matrix: ScaledMatrix): Tensor {
  requireTensors('dequantizeBlocks', matrix)
  const { codes, scales } = matrix
  const { rows, columns, block } = blockGrid('dequantizeBlocks', codes, scales)
  const batch = codes.shape.slice(0, -2)
  const [down, across] = [rows / block[0], columns / block[1]]
  const tiles = reshape(cast(codes, 'float32'), [...batch, down, block[0], across, block[1]])
  const factor = broadcastTo(reshape(cast(scales, 'float32'), [...batch, down, 1, across, 1]), tiles.shape)
  return reshape(mul(tiles, factor), codes.shape)
}

/**
 * Product of two block-scaled matrices. Kernels decode operands as they load them: no decoded copy is stored. Every
 * decoded value times its scale is rounded to float32 (exact for powers of two); products and sums are float32.
 *
 * @param a codes [..., M, K], or [..., K, M] with `transposeA`
 * @param b codes [..., K, N], or [..., N, K] with `transposeB`; the same batch as a
 * @returns float32 [..., M, N]
 * @throws ShapeError if sizes differ or scales do not divide the codes into equal blocks, DTypeError for integers
 * @example
 * const a = { codes: device.tensor([[1, 2]], [1, 2], 'float8_e4m3fn'), scales: device.tensor([[10]]) }
 * scaledMatmul(a, { codes: ones([2, 1]), scales: ones([1, 1]) }) // [[30]]
 */
export function scaledMatmul(
  a: ScaledMatrix,
  b: ScaledMatrix,
  { transposeA = false, transposeB = false }: Partial<ScaledMatmulAttrs> = {},
): Tensor {
  requireBoolean('scaledMatmul', 'transposeA', transposeA)
  requireBoolean('scaledMatmul', 'transposeB', transposeB)
  requireTensors('scaledMatmul: a', a)
  requireTensors('scaledMatmul: b', b)
  return apply1(scaledMatmulOp, [a.codes, a.scales, b.codes, b.scales], { transposeA, transposeB })
}
