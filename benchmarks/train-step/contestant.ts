/** An implementation under test, and the messages by which a run talks to the process it lives in. */
import type { BackendName } from '../common/options.ts'
import type { Batch } from './workload.ts'

export type Implementation = 'kumiki' | 'jax-js'

export interface ContestantSpec {
  readonly implementation: Implementation
  readonly backend: BackendName
  /** Threads of the cpu backend; not used by webgpu. */
  readonly threads: number
}

/** What a process has prepared for the implementation in it. */
export interface Surroundings {
  readonly gpu?: GPU
}

export interface Contestant {
  /** One optimizer step, until its loss is on the host. @param step from 1 */
  step(batch: Batch, step: number): Promise<number>
  /** Waits for work that goes on after the loss is known. */
  settle?(): Promise<void>
}

export interface StepsReport {
  readonly losses: readonly number[]
  /** Of each step, batch upload and loss readback included. */
  readonly seconds: readonly number[]
}

export interface MemoryReport {
  /** Largest total of GPU buffers (webgpu), or size of the WebAssembly memory (cpu), which never shrinks. */
  readonly peakBytes: number
  /** Largest resident set of the whole process, Node and code included. */
  readonly processPeakBytes: number
}

/** A processor or GPU, and the release of the implementation where it has one. */
export interface ReadyReport {
  readonly adapter: string
  readonly version?: string
}

export type Request = { readonly kind: 'steps'; readonly count: number } | { readonly kind: 'memory' }
export type Reply =
  | ({ readonly kind: 'ready' } & ReadyReport)
  | ({ readonly kind: 'steps' } & StepsReport)
  | ({ readonly kind: 'memory' } & MemoryReport)
