/** An implementation under test, and the messages by which a run talks to the process it lives in. */
import type { BackendName } from '../common/options.ts'
import type { KernelCase } from './cases.ts'

/** What Kumiki is compared with. */
export const peers = ['jax-js', 'tfjs'] as const
export type Peer = (typeof peers)[number]

export interface ContestantSpec {
  readonly implementation: 'kumiki' | Peer
  readonly backend: BackendName
  /** Threads of the cpu backend; not used by webgpu. */
  readonly threads: number
}

/** One kernel, compiled, with its inputs on the device. */
export interface PreparedKernel {
  /** The result of one call, and then the gradients. */
  results(): Promise<Float32Array[]>
  /** Seconds of so many calls; each is waited for before the next unless they are said to be queued. */
  time(calls: number, queued?: boolean): Promise<number>
  /** What the implementation says of the kernels it runs. */
  explain?(): string
  dispose(): void
}

export interface Contestant {
  prepare(c: KernelCase): Promise<PreparedKernel>
}

export interface ReadyReport {
  readonly adapter: string
}
/** Answers: the results as Float32Array[]; seconds; nothing (null). */
export type Request =
  | { readonly kind: 'prepare'; readonly case: KernelCase }
  | { readonly kind: 'time'; readonly calls: number }
  | { readonly kind: 'dispose' }
