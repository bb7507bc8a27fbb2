// What a kernel rule sees of its inputs and outputs.

import type { DType } from '../dtype.ts'
import type { Access } from './access.ts'

/** An input or output of a kernel: which slot of the plan, and how its elements are found there. */
export interface Operand {
  readonly slot: number
  readonly dtype: DType
  readonly access: Access
}

/** What a kernel rule sees. */
export interface KernelContext<A = unknown> {
  readonly inputs: readonly Operand[]
  readonly outputs: readonly Operand[]
  readonly attrs: A
}
