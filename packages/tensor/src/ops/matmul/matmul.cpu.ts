import type { CpuCall, CpuRule } from '../../backends/cpu/rule.ts'
import { bytesPerElement, type DType } from '../../dtype.ts'
import { batchCount, matmulProblem, singleBatchProblems } from './layout.ts'

/** How the WebAssembly packing routines name the formats they read. */
export const packable: Partial<Record<DType, number>> = {
  float32: 0,
  bfloat16: 1,
  float16: 2,
  float8_e4m3fn: 3,
  float8_e5m2: 4,
}

/** Columns of B in one packed panel, and rows of A in one micro-tile. */
const panelColumns = 8

/**
 * Goto's scheme: B is packed into panels of 8 columns (parallel over panels), then rows of C are computed 4 x 8 at a time from
 * packed slices of A (parallel over rows). Packing reads through strides and converts to float32, so every layout costs the same.
 */
export const matmulCpu: CpuRule<unknown> = {
  supports: ([a, b], attrs) =>
    a.dtype in packable && b.dtype in packable && (attrs as { dtype: DType }).dtype === 'float32',
  plan: ({ inputs: [a, b] }) => {
    const calls: CpuCall[] = []
    let scratchBytes = 0
    for (const problem of singleBatchProblems(matmulProblem(a, b))) {
      const { m, n, k } = problem
      const batch = batchCount(problem)
      if (batch * m * n === 0) continue
      const panels = Math.ceil(n / panelColumns)
      scratchBytes = Math.max(scratchBytes, batch * panels * panelColumns * Math.max(k, 1) * 4)
      const sizeA = bytesPerElement[a.dtype]
      const sizeB = bytesPerElement[b.dtype]
      const panelWork = k * panelColumns
      calls.push({
        kernel: 'packB',
        count: batch * panels,
        grain: Math.max(1, Math.ceil(32768 / Math.max(panelWork, 1))),
        args: [
          { input: 1, offset: problem.b.offset * sizeB },
          packable[b.dtype]!,
          { scratch: 0 },
          k,
          n,
          problem.b.batchStrides[0] ?? 0,
          problem.b.rowStride,
          problem.b.columnStride,
        ],
      })
      const tiles = Math.ceil(m / 4)
      calls.push({
        kernel: 'gemmPacked',
        count: batch * tiles,
        // A grain of at least 16 rows keeps the packed panels of B in cache while they are used.
        grain: Math.max(Math.min(4, tiles), Math.ceil(200000 / Math.max(1, 8 * n * k))),
        args: [
          { input: 0, offset: problem.a.offset * sizeA },
          packable[a.dtype]!,
          { scratch: 0 },
          { output: 0, offset: problem.c.offset * 4 },
          m,
          n,
          k,
          problem.a.batchStrides[0] ?? 0,
          problem.a.rowStride,
          problem.a.columnStride,
          'threadScratch',
        ],
      })
    }
    return { calls, scratchBytes, threadScratchBytes: gemmThreadScratch }
  },
}

/** Bytes a thread needs to pack A: 64 rows of 512 columns. */
export const gemmThreadScratch = 64 * 512 * 4
