// The contract of a backend: where computations run, and what it makes of a graph.

import type { HostArray } from '../dtype.ts'
import type { Graph } from '../graph/graph.ts'
import type { ProgramMemory } from '../passes/memory.ts'
import type { DeviceBuffer } from '../storage.ts'

/** Live numbers of a device, for tests and reports. */
export interface Counters {
  /** Buffers made and not yet destroyed, pooled ones included. */
  buffers: number
  bytes: number
  /** Buffers made since the start. */
  created: number
  /** Command buffers submitted (webgpu). */
  submits: number
  /** Command encoders made (webgpu). */
  encoders: number
  dispatches: number
}

/** One kernel as it ran. Times are microseconds; `start` counts from the beginning of the recording. */
export interface KernelTiming {
  readonly name: string
  readonly start: number
  readonly duration: number
  readonly flops: number
  /** Bytes of the buffers it is bound to, each counted once. */
  readonly bytes: number
}

/** What the tuner found for one case. */
export interface TunedCase {
  /** The op and everything its speed depends on. */
  readonly key: string
  readonly chosen: string
  /** Microseconds of every kernel that could run the case, the best of several runs. */
  readonly microseconds: Readonly<Record<string, number>>
}

/**
 * A compiled graph. Buffers are given for every input and output; inputs listed as donated may share one with an
 * output.
 */
export interface Executable {
  run(inputs: readonly DeviceBuffer[], outputs: readonly DeviceBuffer[]): void | Promise<void>
  /** For each output, the input whose memory it takes over, or -1. */
  readonly aliases: readonly number[]
  explain(): string
  /**
   * Measures the kernels there are for each case of the program and remembers the best; `undefined` where there is no
   * choice.
   */
  tune?(): Promise<TunedCase[]>
  memory(): ProgramMemory
  /** Gives back the memory kept between runs; the next run takes it again. */
  rest(): void
  /** Gives back everything. The program cannot run any more. */
  dispose(): void
}

export interface CompileOptions {
  /** Inputs whose memory the program may reuse. */
  readonly donated: ReadonlySet<number>
  /** For outputs: the input they would best replace (same place in a donated tree), or -1. */
  readonly preferred: readonly number[]
  /** Keep temporary buffers between runs; otherwise they are taken for each run and given back. */
  readonly keepTemporaries: boolean
}

/** Where computations run. A backend owns its memory; everything above speaks of graphs. */
export interface Backend {
  readonly kind: 'webgpu' | 'cpu' | 'reference'
  /** Human-readable: adapter or instruction set. */
  readonly description: string
  readonly counters: Counters
  /** Kernels that measured best, by case, where there is a choice. */
  readonly choices?: Map<string, string>
  allocate(bytes: number): DeviceBuffer
  /** The memory may be handed out again. */
  release(buffer: DeviceBuffer): void
  /** The memory goes back to the system, where the backend can do that. */
  discard(buffer: DeviceBuffer): void
  upload(buffer: DeviceBuffer, data: HostArray): void
  /** The first `bytes` bytes of a buffer, in memory of their own. */
  download(buffer: DeviceBuffer, bytes: number): Promise<ArrayBuffer>
  compile(graph: Graph, options: CompileOptions): Promise<Executable>
  /** Starts to time every kernel that runs, or (given nothing) stops. Programs run slower meanwhile. */
  record?(into: KernelTiming[] | undefined): void | Promise<void>
  /** Waits until everything submitted has run. */
  settle?(): Promise<void>
  destroy(): void
}
