// Matrix products by sizes and strides, as kernels get them, and their division into dispatches.

import { ShapeError } from '../../errors.ts'
import { coalesce } from '../../passes/access.ts'
import type { Operand } from '../../passes/operand.ts'
import { formatShape, type Shape } from '../../shape.ts'

/**
 * Positions in a batch of matrices, in elements: offset + sum of batch index * batch
 * stride + row * rowStride + column * columnStride.
 */
export interface MatrixAccess {
  readonly offset: number
  /** One stride for each dimension of the batch. */
  readonly batchStrides: readonly number[]
  readonly rowStride: number
  readonly columnStride: number
}

/**
 * The division of a row-major matrix into blocks that share a scale. Blocks divide every dimension.
 */
export interface BlockGrid {
  /** Sizes of one matrix of a batch. */
  readonly rows: number
  readonly columns: number
  /** Rows and columns of a block. */
  readonly block: readonly [rows: number, columns: number]
}

/** Whether the operands of a scaled product are transposed. */
export interface ScaledMatmulAttrs {
  readonly transposeA: boolean
  readonly transposeB: boolean
}

/**
 * The blocks that the shapes of codes and scales imply.
 * @throws ShapeError if the scales do not divide the codes into equal blocks
 */
export function blockGrid(
  what: string,
  codes: { readonly shape: Shape },
  scales: { readonly shape: Shape },
): BlockGrid {
  const shapes = `codes ${formatShape(codes.shape)}, scales ${formatShape(scales.shape)}`
  const rank = codes.shape.length
  if (rank < 2 || scales.shape.length !== rank || scales.shape.slice(0, -2).some((d, i) => d !== codes.shape[i]))
    throw new ShapeError(`${what}: codes and scales must be matrices of the same batch, got ${shapes}`)
  const [rows, columns] = codes.shape.slice(-2)
  const [down, across] = scales.shape.slice(-2)
  if (down === 0 || across === 0 || rows % down !== 0 || columns % across !== 0)
    throw new ShapeError(`${what}: the scales do not divide the codes into equal blocks, got ${shapes}`)
  return { rows, columns, block: [rows / down, columns / across] }
}

/** C[z] = A[z] B[z] for all z: A is m x k, B is k x n, and columns of C are adjacent. */
export interface MatmulProblem {
  readonly m: number
  readonly n: number
  readonly k: number
  /** The dimensions over which z runs, row-major; as few as the strides allow. */
  readonly batchShape: readonly number[]
  readonly a: MatrixAccess
  readonly b: MatrixAccess
  readonly c: MatrixAccess
}

export function batchCount({ batchShape }: MatmulProblem): number {
  return batchShape.reduce((x, y) => x * y, 1)
}

/** The operand, with its last two dimensions exchanged if `transpose`. */
export function transposeOperand(operand: Operand, transpose: boolean): Operand {
  if (!transpose) return operand
  const { shape, strides, offset } = operand.access
  const swap = (list: readonly number[]) => [...list.slice(0, -2), list[list.length - 1], list[list.length - 2]]
  return { ...operand, access: { shape: swap(shape), strides: swap(strides), offset } }
}

/** The product of two operands into a row-major result. */
export function matmulProblem(a: Operand, b: Operand): MatmulProblem {
  const rank = a.access.shape.length
  const [m, k] = a.access.shape.slice(-2)
  const n = b.access.shape[rank - 1]
  const lead = a.access.shape.slice(0, -2)
  const contiguous = lead.map((_, d) => m * n * lead.slice(d + 1).reduce((x, y) => x * y, 1))
  const { shape, strides } = coalesce(lead, [a.access.strides.slice(0, -2), b.access.strides.slice(0, -2), contiguous])
  const matrix = ({ access }: Operand, batchStrides: readonly number[]): MatrixAccess => ({
    offset: access.offset,
    batchStrides,
    rowStride: access.strides[rank - 2],
    columnStride: access.strides[rank - 1],
  })
  return {
    m,
    n,
    k,
    batchShape: shape,
    a: matrix(a, strides[0]),
    b: matrix(b, strides[1]),
    c: { offset: 0, batchStrides: strides[2], rowStride: n, columnStride: 1 },
  }
}

/** The same product as problems with at most one batch dimension, for kernels that take one batch stride. */
export function singleBatchProblems(problem: MatmulProblem): MatmulProblem[] {
  const { batchShape } = problem
  if (batchShape.length <= 1) return [problem]
  const outer = batchShape.slice(0, -1)
  const count = outer.reduce((x, y) => x * y, 1)
  return Array.from({ length: count }, (_, z) => {
    const index = outer.map((_, d) => Math.floor(z / outer.slice(d + 1).reduce((x, y) => x * y, 1)) % outer[d])
    const at = (access: MatrixAccess): MatrixAccess => ({
      ...access,
      offset: access.offset + index.reduce((sum, i, d) => sum + i * access.batchStrides[d], 0),
      batchStrides: access.batchStrides.slice(-1),
    })
    return { ...problem, batchShape: batchShape.slice(-1), a: at(problem.a), b: at(problem.b), c: at(problem.c) }
  })
}

/**
 * The same product as problems that fit in one dispatch each: at most `workgroups` matrices of a batch, and at most as
 * many rows and columns as that many tiles of 8 x 8 have.
 */
export function dispatchProblems(problem: MatmulProblem, workgroups: number): MatmulProblem[] {
  const { m, n, batchShape } = problem
  // A multiple of 128: parts keep the alignment of vector loads and of every tile.
  const lines = Math.max(128, Math.floor((workgroups * 8) / 128) * 128)
  const part = (change: Partial<MatmulProblem>, a: number, b: number, c: number): MatmulProblem => ({
    ...problem,
    ...change,
    a: { ...(change.a ?? problem.a), offset: problem.a.offset + a },
    b: { ...(change.b ?? problem.b), offset: problem.b.offset + b },
    c: { ...(change.c ?? problem.c), offset: problem.c.offset + c },
  })
  const pieces = (size: number, at: number, make: (start: number, length: number) => MatmulProblem) =>
    Array.from({ length: Math.ceil(size / at) }, (_, i) => make(i * at, Math.min(at, size - i * at))).flatMap((p) =>
      dispatchProblems(p, workgroups),
    )
  const { a, b, c } = problem
  if (m > lines) return pieces(m, lines, (i, m) => part({ m }, i * a.rowStride, 0, i * c.rowStride))
  if (n > lines) return pieces(n, lines, (i, n) => part({ n }, 0, i * b.columnStride, i * c.columnStride))
  if (batchCount(problem) <= workgroups) return [problem]
  const [first, ...rest] = batchShape
  const inner = rest.reduce((x, y) => x * y, 1)
  const steps = ({ batchStrides: [step] }: MatrixAccess, i: number) => i * step
  if (inner <= workgroups)
    return pieces(first, Math.floor(workgroups / inner), (i, length) =>
      part({ batchShape: [length, ...rest] }, steps(a, i), steps(b, i), steps(c, i)),
    )
  const without = (x: MatrixAccess): MatrixAccess => ({ ...x, batchStrides: x.batchStrides.slice(1) })
  return pieces(first, 1, (i) =>
    part({ batchShape: rest, a: without(a), b: without(b), c: without(c) }, steps(a, i), steps(b, i), steps(c, i)),
  )
}

/** One more than the largest position of a matrix access: the number of elements that its buffer must have. */
export function extent(access: MatrixAccess, rows: number, columns: number, batchShape: readonly number[]): number {
  const batch = batchShape.reduce((sum, d, i) => sum + (d - 1) * access.batchStrides[i], 0)
  return access.offset + batch + (rows - 1) * access.rowStride + (columns - 1) * access.columnStride + 1
}
