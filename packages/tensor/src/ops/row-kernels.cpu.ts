// CPU rules of kernels that work row by row.

import type { CpuRule } from '../backends/cpu/rule.ts'
import type { DType } from '../dtype.ts'
import { elementCount } from '../shape.ts'

const word = (dtype: DType) => dtype === 'float32' || dtype === 'int32'

/**
 * A WebAssembly kernel that walks the last axis of its first input, one row at a time:
 * `name(start, end, thread, ...inputs, ...outputs, n, ...extra)`.
 */
export function rowCpu<A>(kernel: string, extra: (attrs: A) => number[] = () => []): CpuRule<A> {
  return {
    supports: (inputs) => inputs.every((s) => word(s.dtype)),
    plan: ({ inputs, outputs, attrs }) => {
      const { shape } = inputs[0].access
      const n = shape[shape.length - 1]
      const args = [
        ...inputs.map((_, i) => ({ input: i })),
        ...outputs.map((_, i) => ({ output: i })),
        n,
        ...extra(attrs),
      ]
      const count = elementCount(shape.slice(0, -1))
      return { calls: [{ kernel, count, grain: Math.max(1, (4096 / Math.max(n, 1)) | 0), args }] }
    },
  }
}
