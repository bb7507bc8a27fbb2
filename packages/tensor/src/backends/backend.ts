// The interface of backends and of the programs they compile.

import type { HostArray } from '../dtype.ts'
import type { Graph } from '../graph/graph.ts'
import type { ProgramMemory } from '../passes/memory.ts'
import type { DeviceBuffer } from '../storage.ts'

/** Current figures of a device, for tests and reports. */
export interface Counters {
  /** Buffers that exist, pooled ones included. */
  buffers: number
  bytes: number
  /** Buffers created since the start. */
  created: number
  /** Command buffers submitted (webgpu). */
  submits: number
  /** Command encoders created (webgpu). */
  encoders: number
  dispatches: number
}

/** One run of a kernel. Times are in microseconds; `start` counts from the beginning of the recording. */
export interface KernelTiming {
  readonly name: string
  readonly start: number
  readonly duration: number
  readonly flops: number
  /** Bytes of the buffers it is bound to, each counted once. */
  readonly bytes: number
}

/** Result of the tuner for one case. */
export interface TunedCase {
  /** The op and everything that its speed depends on. */
  readonly key: string
  readonly chosen: string
  /** Time of every kernel that can run the case, the fastest of several runs. */
  readonly microseconds: Readonly<Record<string, number>>
}

/**
 * A compiled graph. The caller provides buffers for all inputs and outputs; a donated input may share its buffer with
 * an output.
 */
export interface Executable {
  run(inputs: readonly DeviceBuffer[], outputs: readonly DeviceBuffer[]): void | Promise<void>
  /** For each output, the input whose memory it reuses, or -1. */
  readonly aliases: readonly number[]
  explain(): string
  /**
   * Times the alternative kernels for each case of the program and records the fastest; missing on backends without
   * alternatives.
   */
  tune?(): Promise<TunedCase[]>
  memory(): ProgramMemory
  /** Releases the memory kept between runs; the next run allocates it again. */
  releaseTemporaries(): void
  /** Releases everything. The program cannot run any more. */
  dispose(): void
}

export interface CompileOptions {
  /** Inputs whose memory the program may reuse. */
  readonly donated: ReadonlySet<number>
  /** For each output, the input whose memory it should preferably reuse (same path in a donated tree), or -1. */
  readonly preferred: readonly number[]
  /** Keep temporary buffers between runs; otherwise each run allocates and releases them. */
  readonly keepTemporaries: boolean
}

/** Where computations run. A backend owns its memory; the layers above it work with graphs. */
export interface Backend {
  readonly kind: 'webgpu' | 'cpu' | 'reference'
  /** Human-readable: adapter or instruction set. */
  readonly description: string
  readonly counters: Counters
  /** The fastest kernels by case, as measured; missing on backends without alternatives. */
  readonly choices?: Map<string, string>
  /** The most bytes that it can ever hold; missing if only the machine's memory limits it. */
  readonly addressableBytes?: number
  allocate(bytes: number): DeviceBuffer
  /** The buffer may be reused. */
  release(buffer: DeviceBuffer): void
  /** Frees the memory, if the backend can. */
  discard(buffer: DeviceBuffer): void
  upload(buffer: DeviceBuffer, data: HostArray): void
  /** A copy of the first `bytes` bytes of a buffer. */
  download(buffer: DeviceBuffer, bytes: number): Promise<ArrayBuffer>
  compile(graph: Graph, options: CompileOptions): Promise<Executable>
  /** Starts timing every kernel that runs, or stops if `into` is undefined. Programs run slower meanwhile. */
  record?(into: KernelTiming[] | undefined): void | Promise<void>
  /** Waits until everything submitted has run. */
  settle?(): Promise<void>
  destroy(): void
}
