// Grouped products on the CPU: one call over all groups and blocks of columns; see wasm/assembly/grouped.ts.
import type { CpuRule } from '../../backends/cpu/rule.ts'
import { type DType, dtypeInfo } from '../../dtype.ts'
import type { NoAttributes } from '../../op.ts'
import { isPackable } from '../matmul/matmul.cpu.ts'
import type { GroupedMatmulAttrs } from './grouped-matmul.ts'

/** Columns per task, and steps of K packed at a time: NC and KC of the kernels. */
const [taskColumns, taskSteps] = [64, 512]
/** Packed panels of B, and one packed tile of four rows. */
const threadScratchBytes = (taskSteps * taskColumns + taskSteps * 4) * 4

const packCode = (dtype: DType) => dtypeInfo[dtype].packCode!

export const groupedMatmulCpu: CpuRule<GroupedMatmulAttrs> = {
  supports: ([x, w]) => isPackable(x.dtype) && isPackable(w.dtype),
  plan({ inputs: [x, w, sizes], outputs: [out], attrs: { transposeB } }) {
    const [rows, k] = x.access.shape
    const [m, groups] = [out.access.shape[1], sizes.access.shape[0]]
    const [step, column] = transposeB ? [1, k] : [m, 1]
    const args = [{ input: 0 }, packCode(x.dtype), { input: 1 }, packCode(w.dtype), { input: 2 }, { output: 0 }]
    return {
      calls: [
        {
          kernel: 'groupedRows',
          count: (groups + 1) * Math.ceil(m / taskColumns),
          grain: 1,
          args: [...args, rows, k, m, groups, step, column, 'threadScratch'],
        },
      ],
      threadScratchBytes,
    }
  },
}

export const groupedOuterCpu: CpuRule<NoAttributes> = {
  supports: ([x, y]) => isPackable(x.dtype) && isPackable(y.dtype),
  plan({ inputs: [x, y, sizes] }) {
    const [rows, k] = x.access.shape
    const [m, groups] = [y.access.shape[1], sizes.access.shape[0]]
    const args = [{ input: 0 }, packCode(x.dtype), { input: 1 }, packCode(y.dtype), { input: 2 }, { output: 0 }]
    return {
      calls: [
        {
          kernel: 'groupedOuter',
          count: groups * Math.ceil(m / taskColumns),
          grain: 1,
          args: [...args, rows, k, m, 'threadScratch'],
        },
      ],
      threadScratchBytes,
    }
  },
}
