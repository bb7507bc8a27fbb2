// Block-scaled products on WebGPU, by the variants of matmul.

import type { WebGpuRule } from '../../backends/webgpu/rule.ts'
import type { Operand } from '../../passes/operand.ts'
import { blockGrid, matmulProblem, type ScaledMatmulAttrs, transposeOperand } from './layout.ts'
import { fusesByFour, planMatmul } from './matmul.wgsl.ts'
import type { MatmulOperand } from './scaled-operand.wgsl.ts'

/** matmul's kernels, whose operands multiply every value they load by its scale. */
export const scaledMatmulWgsl: WebGpuRule<ScaledMatmulAttrs> = {
  fusesResult: fusesByFour,
  plan({ inputs: [a, scalesA, b, scalesB], outputs: [out], attrs }, adapter, epilogue) {
    const operand = (codes: Operand, scales: Operand, input: number): MatmulOperand => ({
      dtype: codes.dtype,
      binding: { input },
      scales: {
        dtype: scales.dtype,
        binding: { input: input + 1 },
        grid: blockGrid('scaledMatmul', codes.access, scales.access),
      },
    })
    const problem = matmulProblem(transposeOperand(a, attrs.transposeA), transposeOperand(b, attrs.transposeB))
    return planMatmul(problem, operand(a, scalesA, 0), operand(b, scalesB, 2), out, adapter, epilogue)
  },
}
