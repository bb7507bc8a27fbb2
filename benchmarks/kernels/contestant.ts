/** An implementation under test, and the messages to and from its process. */
import type { BackendName } from '../common/options.ts'
import type { KernelCase } from './cases.ts'

/** The implementations that Kumiki is compared with. */
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
  /** The result of one call, followed by the gradients where the case has them. */
  results(): Promise<Float32Array[]>
  /** Seconds of `calls` calls. Each is waited for before the next, unless `queued`. */
  time(calls: number, queued?: boolean): Promise<number>
  /** The implementation's description of the kernels that it runs. */
  explain?(): string
  dispose(): void
}

export interface Contestant {
  prepare(c: KernelCase): Promise<PreparedKernel>
}

export interface ReadyReport {
  readonly adapter: string
}
/** Replies: to `prepare` the results as Float32Array[], to `time` seconds, to `dispose` null. */
export type Request =
  | { readonly kind: 'prepare'; readonly case: KernelCase }
  | { readonly kind: 'time'; readonly calls: number }
  | { readonly kind: 'dispose' }
