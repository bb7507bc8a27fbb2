// Block-scaled products on the CPU.

import type { CpuRule } from '../../backends/cpu/rule.ts'
import type { Operand } from '../../passes/operand.ts'
import { blockGrid, matmulProblem, type ScaledMatmulAttrs, transposeOperand } from './layout.ts'
import { type GemmOperand, isPackable, planGemm } from './matmul.cpu.ts'

/** matmul's kernels, whose packing multiplies every value by its scale. */
export const scaledMatmulCpu: CpuRule<ScaledMatmulAttrs> = {
  supports: ([a, scalesA, b, scalesB]) =>
    [a, b].every(({ dtype }) => isPackable(dtype)) &&
    [scalesA, scalesB].every(({ dtype }) => dtype === 'float32' || dtype === 'bfloat16'),
  plan({ inputs: [a, scalesA, b, scalesB], attrs }) {
    const operand = (codes: Operand, scales: Operand, input: number, transposed: boolean): GemmOperand => ({
      dtype: codes.dtype,
      input,
      scales: {
        dtype: scales.dtype,
        input: input + 1,
        grid: blockGrid('scaledMatmul', codes.access, scales.access),
        transposed,
      },
    })
    const { transposeA, transposeB } = attrs
    const problem = matmulProblem(transposeOperand(a, transposeA), transposeOperand(b, transposeB))
    return planGemm(problem, operand(a, scalesA, 0, transposeA), operand(b, scalesB, 2, transposeB))
  },
}
