// The types of `compile`.

import type { TunedCase } from '../backends/backend.ts'
import type { ProgramMemory } from '../passes/memory.ts'
import type { Tensor } from '../tensor.ts'

export interface CompileSettings {
  /** Positions of arguments whose memory the results may reuse; their tensors cannot be used afterwards. */
  readonly donate?: readonly number[]
}

/** An argument of a compiled function where the traced one takes T: a number may be given for a 0-d tensor. */
export type Argument<T> = T extends Tensor
  ? T | number
  : T extends (...args: never[]) => unknown
    ? T
    : T extends object
      ? { [K in keyof T]: Argument<T[K]> }
      : T

/** The arguments of a call. */
export type Arguments<Args extends unknown[]> = { [K in keyof Args]: Argument<Args[K]> }

/** Refuses a traced function with a parameter declared as number: it gets a tensor. */
export type NumbersAreTensors<Args extends unknown[]> = true extends {
  [K in keyof Args]: 0 extends 1 & Args[K]
    ? false
    : [Args[K]] extends [never]
      ? false
      : [Args[K]] extends [number]
        ? true
        : false
}[number]
  ? { readonly 'a number argument is a Tensor inside a compiled function: declare it as Tensor': never }
  : unknown

/**
 * A compiled function: call it like the original, with `await`; a number may be given for a 0-d tensor.
 */
export interface Compiled<Args extends unknown[], R> {
  (...args: Arguments<Args>): Promise<R>
  /** The plan of the most recent program: one line per kernel. */
  explain(): string
  /** Compiles for arguments like these without running, for `explain()` and `memory()`. */
  prepare(...args: Arguments<Args>): Promise<void>
  /** Bytes of the most recent program, planned before it runs. */
  memory(): ProgramMemory
  /**
   * Times, for arguments like these, all kernels that can compute each product and attention of the program on this
   * adapter, and uses the fastest from then on (`explain()` names them). The function itself does not run. Choices are
   * stored per adapter: see `Device.tuning`. Does nothing on backends without alternative kernels.
   */
  tune(...args: Arguments<Args>): Promise<TunedCase[]>
  /** Releases all programs and their memory. */
  dispose(): void
}
