/** An implementation under test, and the messages to and from its process. */
import type { BackendName } from '../common/options.ts'
import type { Batch } from './workload.ts'

export type Implementation = 'kumiki' | 'jax-js'

export interface ContestantSpec {
  readonly implementation: Implementation
  readonly backend: BackendName
  /** Threads of the cpu backend; not used by webgpu. */
  readonly threads: number
}

/** The environment that a process prepares for its implementation. */
export interface Environment {
  readonly gpu?: GPU
}

export interface Contestant {
  /** One optimizer step; resolves to its loss. @param step counted from 1 */
  step(batch: Batch, step: number): Promise<number>
  /** Waits for work of the step that is not finished when the loss is known. */
  settle?(): Promise<void>
}

export interface StepsReport {
  readonly losses: readonly number[]
  /** Seconds of each step, including the upload of the batch and the readback of the loss. */
  readonly seconds: readonly number[]
}

export interface MemoryReport {
  /** Largest total of GPU buffers (webgpu), or size of the WebAssembly memory (cpu), which never shrinks. */
  readonly peakBytes: number
  /** Largest resident set of the whole process, Node and code included. */
  readonly processPeakBytes: number
}

/** Name of the CPU or GPU, and the version of the implementation where it has one. */
export interface ReadyReport {
  readonly adapter: string
  readonly version?: string
}

export type Request = { readonly kind: 'steps'; readonly count: number } | { readonly kind: 'memory' }
export type Reply =
  | ({ readonly kind: 'ready' } & ReadyReport)
  | ({ readonly kind: 'steps' } & StepsReport)
  | ({ readonly kind: 'memory' } & MemoryReport)
