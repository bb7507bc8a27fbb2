import type { HostArray } from '../dtype.ts'
import type { Graph } from '../graph/graph.ts'
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

/** A compiled graph. Buffers are given for every input and output; inputs listed as donated may share one with an output. */
export interface Executable {
  run(inputs: readonly DeviceBuffer[], outputs: readonly DeviceBuffer[]): void | Promise<void>
  /** For each output, the input whose memory it takes over, or -1. */
  readonly aliases: readonly number[]
  explain(): string
  memory(): { temporaryBytes: number; inputBytes: number; outputBytes: number }
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
  allocate(bytes: number): DeviceBuffer
  release(buffer: DeviceBuffer): void
  upload(buffer: DeviceBuffer, data: HostArray): void
  /** The first `bytes` bytes of a buffer, in memory of their own. */
  download(buffer: DeviceBuffer, bytes: number): Promise<ArrayBuffer>
  compile(graph: Graph, options: CompileOptions): Promise<Executable>
  destroy(): void
}
