// The contract of a CPU kernel: which calls of WebAssembly functions compute an op.

import type { Spec } from '../../graph/spec.ts'
import type { KernelContext } from '../../passes/operand.ts'

/** A pointer or a number given to a WebAssembly kernel. `offset` counts bytes. */
export type CpuArgument =
  | number
  | { readonly input: number; readonly offset?: number }
  | { readonly output: number; readonly offset?: number }
  /** Memory shared by all calls of this step. */
  | { readonly scratch: number }
  /** The start of the calling thread's own scratch. */
  | 'threadScratch'
  /** 1 for tiles of 6 x 8, else 0: see TileChoice. */
  | 'tile'
  /** How many panels the input of `fromPanels` is in. */
  | 'panels'

/**
 * One parallel loop: `kernel(start, end, ...args)` runs for disjoint ranges that cover [0, count). No result may depend
 * on where the ranges are cut, so the number of threads never changes a bit.
 */
export interface CpuCall {
  readonly kernel: string
  readonly count: number
  /** Smallest range worth giving to a thread. */
  readonly grain: number
  readonly args: readonly CpuArgument[]
}

export interface CpuPlan {
  readonly calls: readonly CpuCall[]
  /**
   * The calls if an input, a whole matrix of rows of k elements, is in panels. `rest`: they also read up to seven last
   * rows, too few for a panel, as rows.
   */
  readonly fromPanels?: {
    readonly input: number
    readonly k: number
    readonly rest: boolean
    readonly calls: readonly CpuCall[]
  }
  readonly scratchBytes?: number
  readonly threadScratchBytes?: number
}

export interface CpuRule<A> {
  /** False: the op is lowered, or evaluated by its definition. */
  supports?(inputs: readonly Spec[], attrs: A): boolean
  /** Whether the kernels can square their only operand as they read it, so that the squares need not be stored. */
  fusesSquare?(inputs: readonly Spec[], attrs: A): boolean
  /** @param squares whether the kernel squares its operand as it reads it */
  plan(context: KernelContext<A>, squares?: boolean): CpuPlan
}
