// The operands of kernel rules.

import type { DType } from '../dtype.ts'
import type { Access } from './access.ts'

/** An input or output of a kernel: a slot of the plan, and the access to its elements. */
export interface Operand {
  readonly slot: number
  readonly dtype: DType
  readonly access: Access
}

/** The arguments of a kernel rule. */
export interface KernelContext<A = unknown> {
  readonly inputs: readonly Operand[]
  readonly outputs: readonly Operand[]
  readonly attrs: A
}
