// Matrix products on the CPU: the choice of kernel (packed, few rows, one row) and its arguments.

import type { CpuArgument, CpuCall, CpuPlan, CpuRule } from '../../backends/cpu/rule.ts'
import { bytesPerElement, type DType, dtypeInfo } from '../../dtype.ts'
import {
  type BlockGrid,
  batchCount,
  type MatmulProblem,
  type MatrixAccess,
  matmulProblem,
  singleBatchProblems,
} from './layout.ts'

/** Whether the WebAssembly packing routines read a dtype. */
export const isPackable = (dtype: DType): boolean => dtypeInfo[dtype].packCode !== undefined

/** Columns of B in one packed panel, and rows of A in one micro-tile. */
const panelColumns = 8

/** Which input of the step a matrix is, and how it is stored. */
export interface GemmOperand {
  readonly dtype: DType
  readonly input: number
  /** Block scales: decoded values are multiplied by them. */
  readonly scales?: {
    readonly dtype: DType
    readonly input: number
    readonly grid: BlockGrid
    /** Whether the product reads the transposed matrix. */
    readonly transposed: boolean
  }
}

/**
 * The packing kernels' arguments about an operand's scales: pointer, format, stride between the matrices of a batch;
 * lines (rows of A, columns of B) per block and the stride between the scales of neighbouring blocks; the same along K.
 */
function scaleArguments(
  { scales }: GemmOperand,
  { offset, batchStrides }: MatrixAccess,
  lines: 'rows' | 'columns',
): CpuArgument[] {
  if (!scales) return [0, 0, 0, 1, 0, 1, 0]
  const { dtype, input, grid, transposed } = scales
  const { rows, columns, block } = grid
  const across = columns / block[1]
  const matrix = (rows / block[0]) * across
  // Matrices of a batch follow each other, and so do their scales.
  const first = (offset / (rows * columns)) * matrix
  const batch = ((batchStrides[0] ?? 0) / (rows * columns)) * matrix
  const [ofRows, ofColumns] = [
    [block[0], across],
    [block[1], 1],
  ]
  const [ofLines, ofSteps] = (lines === 'rows') !== transposed ? [ofRows, ofColumns] : [ofColumns, ofRows]
  return [{ input, offset: first * bytesPerElement[dtype] }, dtypeInfo[dtype].packCode!, batch, ...ofLines, ...ofSteps]
}

/**
 * Goto's scheme: B is packed into panels of 8 columns (parallel over panels), then rows of C are computed 4 x 8 at a
 * time from packed slices of A (parallel over rows). Packing reads through strides and converts to float32, so every
 * layout costs the same.
 *
 * Where A has few rows, as when one token is decoded, reading B takes most of the time: a panel is packed in cache and
 * used at once (`gemmThin`), or not packed (`gemvColumns`: one row, and contiguous columns). All of them add in the
 * same order, so they give the same bits.
 */
export function planGemm(whole: MatmulProblem, a: GemmOperand, b: GemmOperand): CpuPlan {
  const problems = singleBatchProblems(whole)
  const parts = problems.map((problem) => planProduct(problem, a, b))
  const [problem] = problems
  const panels = problems.length === 1 && canReadPanels(problem, a, b)
  return {
    calls: parts.flatMap(({ calls }) => calls),
    scratchBytes: Math.max(0, ...parts.map((part) => part.scratchBytes)),
    threadScratchBytes: Math.max(...parts.map((part) => part.threadScratchBytes)),
    ...(panels && {
      fromPanels: {
        input: b.input,
        k: problem.k,
        rest: isVectorProduct(problem, a, b),
        calls: planProduct(problem, a, b, { inPanels: true }).calls,
      },
    }),
  }
}

/**
 * @param options.inPanels whether B is already in panels of eight columns, in its own format
 * @param options.addend the input that the product is added to; A then needs more than `thinRows` rows
 */
function planProduct(
  problem: MatmulProblem,
  a: GemmOperand,
  b: GemmOperand,
  { inPanels = false, addend }: { inPanels?: boolean; addend?: number } = {},
): Required<Omit<CpuPlan, 'fromPanels'>> {
  const calls: CpuCall[] = []
  const { m, n, k } = problem
  const batch = batchCount(problem)
  const plan = { calls, scratchBytes: 0, threadScratchBytes: gemmThreadScratch }
  if (batch * m * n === 0) return plan
  const panels = Math.ceil(n / panelColumns)
  const panelWork = k * panelColumns
  const dataOf = ({ input, dtype }: GemmOperand, { offset }: MatrixAccess): CpuArgument[] => [
    { input, offset: offset * bytesPerElement[dtype] },
    dtypeInfo[dtype].packCode!,
  ]
  const ofA = dataOf(a, problem.a)
  const out = { output: 0, offset: problem.c.offset * 4 }
  if (isVectorProduct(problem, a, b)) {
    const args = [...ofA, ...dataOf(b, problem.b), out]
    calls.push(
      inPanels
        ? {
            kernel: 'gemvPanels',
            count: panels,
            // Four streams of panels, long enough to fetch ahead.
            grain: 4 * Math.ceil(8192 / panelWork),
            args: [...args, n, k, 'panels', problem.a.columnStride, 'threadScratch'],
          }
        : {
            kernel: 'gemvColumns',
            count: batch * panels,
            grain: Math.max(1, Math.ceil(8192 / panelWork)),
            args: [
              ...args,
              ...[n, k],
              ...[problem.a.batchStrides[0] ?? 0, problem.a.columnStride],
              ...[problem.b.batchStrides[0] ?? 0, problem.b.columnStride],
              'threadScratch',
            ],
          },
    )
    return { ...plan, threadScratchBytes: Math.max(plan.threadScratchBytes, (k + panelColumns + panelWork) * 4) }
  }
  const packGrain = Math.max(1, Math.ceil(32768 / Math.max(panelWork, 1)))
  const stridesOfA = [problem.a.batchStrides[0] ?? 0, problem.a.rowStride, problem.a.columnStride]
  const { rowStride, columnStride } = problem.b
  if (m <= thinRows && thinScratch(m, k) <= largestThinScratch) {
    calls.push({
      kernel: 'gemmThin',
      count: batch * panels,
      // Every range packs A, which takes little only where it has one tile.
      grain: m <= 4 ? Math.max(1, Math.ceil(8192 / Math.max(panelWork, 1))) : packGrain,
      args: [
        ...ofA,
        ...dataOf(b, problem.b),
        out,
        ...[m, n, k],
        ...stridesOfA,
        problem.b.batchStrides[0] ?? 0,
        ...(inPanels ? [panelColumns, 1, k] : [rowStride, columnStride, columnStride]),
        'threadScratch',
        ...scaleArguments(a, problem.a, 'rows'),
        ...scaleArguments(b, problem.b, 'columns'),
      ],
    })
    return { ...plan, threadScratchBytes: Math.max(plan.threadScratchBytes, thinScratch(m, k)) }
  }
  const tiles = Math.ceil(m / 4)
  const asItIs = inPanels && b.dtype === 'float32'
  const { columns: wide, steps } = packedPart(problem, batch, {
    allColumns: !!b.scales,
    allSteps: inPanels || !!a.scales || !!b.scales,
  })
  for (let column = 0; column < n; column += wide) {
    const columns = Math.min(wide, n - column)
    // Of no steps the product is written too, as zeros.
    for (let step = 0; step === 0 || step < k; step += steps) {
      const depth = Math.min(steps, k - step)
      const from = problem.b.offset + column * columnStride + step * rowStride
      if (!asItIs)
        calls.push({
          kernel: 'packB',
          count: batch * Math.ceil(columns / panelColumns),
          grain: packGrain,
          args: [
            ...dataOf(b, { ...problem.b, offset: from }),
            { scratch: 0 },
            depth,
            // Panels are packed one by one, as a batch of matrices.
            ...(inPanels
              ? [panelColumns, panelWork, panelColumns, 1]
              : [columns, problem.b.batchStrides[0] ?? 0, rowStride, columnStride]),
            ...scaleArguments(b, problem.b, 'columns'),
          ],
        })
      const at = (problem.c.offset + column) * 4
      const addTo = step > 0 ? { output: 0, offset: at } : 0
      calls.push({
        kernel: 'gemmPacked',
        count: batch * tiles,
        // A grain of at least 16 rows keeps the packed panels of B in cache while they are used.
        grain: Math.max(Math.min(4, tiles), Math.ceil(200000 / Math.max(1, 8 * columns * depth))),
        args: [
          ...dataOf(a, { ...problem.a, offset: problem.a.offset + step * problem.a.columnStride }),
          asItIs ? { input: b.input, offset: from * 4 } : { scratch: 0 },
          { output: 0, offset: at },
          ...[m, columns, depth],
          ...stridesOfA,
          'threadScratch',
          ...scaleArguments(a, problem.a, 'rows'),
          'tile',
          n,
          step === 0 && addend !== undefined ? { input: addend, offset: column * 4 } : addTo,
        ],
      })
    }
  }
  const packed = batch * Math.ceil(wide / panelColumns) * panelColumns * Math.min(steps, Math.max(k, 1)) * 4
  return { ...plan, scratchBytes: packed }
}

/**
 * How much of B is packed and multiplied at a time: less memory, and what is packed is still in cache. All steps of
 * some columns if those are many: rows of A are packed again for every part of the columns. Else fewer steps: their
 * products are added to those before, in the same order as without parts.
 * @param options.allColumns whether all columns must be packed at a time, and `allSteps` all steps
 */
function packedPart(
  { n, k }: MatmulProblem,
  batch: number,
  { allColumns, allSteps }: { allColumns: boolean; allSteps: boolean },
): { columns: number; steps: number } {
  const panels = Math.ceil(n / panelColumns)
  const stepBytes = batch * panelColumns * 4
  const fit = largestPacked / stepBytes
  const depth = Math.max(k, 1)
  const piece = allColumns ? panels : Math.ceil(panels / Math.min(panels, Math.ceil((panels * depth) / fit)))
  const enough = Math.min(panels, widePanels)
  if (allSteps || piece >= enough) return { columns: piece * panelColumns, steps: depth }
  const steps = Math.max(1, Math.floor(partPacked / stepBytes / enough / stepsAtOnce)) * stepsAtOnce
  return { columns: enough * panelColumns, steps }
}

export const matmulCpu: CpuRule<unknown> = {
  supports: ([a, b], attrs) =>
    isPackable(a.dtype) && isPackable(b.dtype) && (attrs as { dtype: DType }).dtype === 'float32',
  plan: ({ inputs: [a, b] }) =>
    planGemm(matmulProblem(a, b), { dtype: a.dtype, input: 0 }, { dtype: b.dtype, input: 1 }),
}

/** The product is added to the third input, in its memory if that is the result's. */
export const matmulAddCpu: CpuRule<unknown> = {
  supports: ([a, b, c]) => isPackable(a.dtype) && isPackable(b.dtype) && c.dtype === 'float32' && a.shape[0] > thinRows,
  plan: ({ inputs: [a, b] }) => {
    const [first, second] = [
      { dtype: a.dtype, input: 0 },
      { dtype: b.dtype, input: 1 },
    ]
    return planProduct(matmulProblem(a, b), first, second, { addend: 2 })
  },
}

const isWide = ({ dtype, scales }: GemmOperand): boolean => (dtype === 'float32' || dtype === 'bfloat16') && !scales

/** Whether `gemvColumns` computes it. */
const isVectorProduct = ({ m, n, k, b: access }: MatmulProblem, a: GemmOperand, b: GemmOperand): boolean =>
  m === 1 &&
  n >= panelColumns &&
  k % 4 === 0 &&
  k > 0 &&
  k * 4 <= largestThinScratch &&
  access.rowStride === 1 &&
  isWide(a) &&
  isWide(b)

/** Whether B may be read in panels: a transposed weight [n, k], or the first n rows of one. */
const canReadPanels = (problem: MatmulProblem, a: GemmOperand, b: GemmOperand): boolean => {
  const { n, k, b: access } = problem
  const whole = batchCount(problem) === 1 && access.offset === 0 && access.rowStride === 1 && access.columnStride === k
  return whole && n >= panelColumns && k % 4 === 0 && k > 0 && k <= 1 << 16 && isWide(a) && isWide(b)
}

/** Bytes of B that are packed at a time. */
const largestPacked = 8 << 20
/** The same where steps are divided: many parts cost little, since only the result is read and written again. */
const partPacked = 2 << 20
/** With this many panels of B the time to pack A does not matter. */
const widePanels = 128
/** The kernels' KC: sums over k are computed in blocks of this many steps. */
const stepsAtOnce = 512

/** The most rows of A for which panels of B are packed in cache. */
const thinRows = 16
/** Bytes per thread for all of A, packed, and 512 steps of a panel of B. */
const thinScratch = (m: number, k: number): number => Math.ceil(m / 4) * 16 * k + 512 * panelColumns * 4
const largestThinScratch = 1 << 20

/** Bytes per thread to pack A: 64 rows of 512 columns. */
export const gemmThreadScratch = 64 * 512 * 4
