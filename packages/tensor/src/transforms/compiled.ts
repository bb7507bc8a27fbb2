// What compile takes and gives: types alone.

import type { TunedCase } from '../backends/backend.ts'
import type { ProgramMemory } from '../passes/memory.ts'
import type { Tensor } from '../tensor.ts'

export interface CompileSettings {
  /** Arguments (by position) whose tensors the function may destroy: results reuse their memory. */
  readonly donate?: readonly number[]
}

/** What a compiled function may be given where the traced one takes T: a number for a tensor without dimensions. */
export type Argument<T> = T extends Tensor
  ? T | number
  : T extends (...args: never[]) => unknown
    ? T
    : T extends object
      ? { [K in keyof T]: Argument<T[K]> }
      : T

/** The arguments of a call. */
export type Arguments<Args extends unknown[]> = { [K in keyof Args]: Argument<Args[K]> }

/** Refuses a traced function with a parameter declared as number: what arrives there is a tensor. */
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
 * A compiled function: call it like the original, with `await`; a number may be given for a tensor without dimensions.
 */
export interface Compiled<Args extends unknown[], R> {
  (...args: Arguments<Args>): Promise<R>
  /** What became of the graph in the most recent program: one line a kernel. */
  explain(): string
  /** Compiles for arguments like these without running: `explain()` and `memory()` then tell about that program. */
  prepare(...args: Arguments<Args>): Promise<void>
  /** Bytes of the most recent program, planned before it runs. */
  memory(): ProgramMemory
  /**
   * Measures, for arguments like these, every kernel that could run each product and attention of the program on this
   * adapter, and takes the fastest from then on (`explain()` says which). The function itself does not run. Choices
   * hold for the adapter: see `Device.tuning`. Does nothing where a backend has one kernel for everything.
   */
  tune(...args: Arguments<Args>): Promise<TunedCase[]>
  /** Gives back all programs and their memory. */
  dispose(): void
}
