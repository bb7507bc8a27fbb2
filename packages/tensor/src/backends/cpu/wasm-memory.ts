// The WebAssembly memory that holds every buffer of the CPU backend.

import { DeviceError } from '../../errors.ts'
import type { ProgramMemory } from '../../passes/memory.ts'
import type { DeviceBuffer } from '../../storage.ts'
import type { Counters } from '../backend.ts'
import { type AddressType, cpuAddressableBytes, hasMemory64, heapStart, maximumPages, page } from './addressing.ts'

/** A block of the WebAssembly memory. */
export interface WasmBuffer extends DeviceBuffer {
  readonly pointer: number
  /** Set while the rows of its matrix are interleaved. */
  panels?: Panels
  /** How many programs in a row could have read it in panels. */
  panelReads?: number
}

/**
 * A matrix of rows of k elements of `size` bytes, of which `count` groups of eight rows are stored as panels. Fewer
 * than eight rows may follow.
 */
export interface Panels {
  readonly count: number
  readonly k: number
  readonly size: number
}

/** Every block begins at a multiple of this many bytes. */
export const blockAlignment = 64
/** Bytes that vector loads may read past the end of a block. */
const slack = 16
/** Bytes of a block: offsets in it are signed integers of 32 bits, which only 32-bit addresses wrap around. */
const largestBlock = { i32: Number.POSITIVE_INFINITY, i64: 2 ** 31 - 64 } as const

export interface MemoryKind {
  /** Whether several threads use it. */
  readonly shared: boolean
  /** Addresses of 32 bits, or of 64 (memory64, which is always shared here). */
  readonly address: AddressType
}

/** A descriptor of a memory with 64-bit addresses is of BigInts (WebAssembly JavaScript interface 3.0). */
const wide = (pages: number) => BigInt(pages) as unknown as number

/** Bytes of memory that a block of `bytes` bytes occupies: with slack, rounded up. */
export function allocatedBytes(bytes: number): number {
  return Math.ceil((bytes + slack) / blockAlignment) * blockAlignment
}

/**
 * Allocates blocks of one WebAssembly memory: released blocks are reused for the same size, others are cut from the
 * smallest free range that fits.
 */
export class WasmMemory {
  readonly memory: WebAssembly.Memory
  readonly kind: MemoryKind
  /** The bytes that it can hold. */
  readonly addressableBytes: number
  /** Its size in pages of 64 KiB. */
  pages = 64
  private readonly counters: Counters
  private readonly recycled = new Map<number, WasmBuffer[]>()
  private runs: { start: number; end: number }[]

  /** @throws RangeError if the system refuses to reserve the addresses */
  constructor(kind: MemoryKind, counters: Counters) {
    this.kind = kind
    this.counters = counters
    const { shared, address } = kind
    const maximum = maximumPages[address]
    this.addressableBytes = cpuAddressableBytes(address === 'i64')
    const limits =
      address === 'i64'
        ? { address, initial: wide(this.pages), maximum: wide(maximum) }
        : { initial: this.pages, maximum }
    this.memory = new WebAssembly.Memory({ ...limits, shared })
    this.runs = [{ start: heapStart, end: this.memory.buffer.byteLength }]
  }

  /** No pages, as `memory.grow` of this memory takes them. */
  get noPages(): number {
    return this.kind.address === 'i64' ? wide(0) : 0
  }

  /**
   * Refuses a program that does not fit even into empty memory, before anything is allocated for it.
   * @throws DeviceError with the bytes it needs, and how much of its intermediate values would fit
   */
  requireAddressable({ peakBytes, inputBytes, outputBytes, temporaryBytes }: ProgramMemory): void {
    const { addressableBytes } = this
    if (peakBytes <= addressableBytes) return
    const left = addressableBytes - inputBytes - outputBytes
    const advice =
      left > 0
        ? `${Math.floor((100 * left) / temporaryBytes)} % of what is in between would fit: use a smaller batch or sequence, checkpoint(), or bfloat16`
        : 'arguments and results alone are more: use a smaller model, or bfloat16'
    throw new DeviceError(
      `cpu: out of memory: the program takes ${peakBytes} bytes (arguments ${inputBytes}, results ${outputBytes}, ${temporaryBytes} in between), and the ${this.limit} ` +
        `have ${addressableBytes}; ${advice}${this.wider(peakBytes)}`,
    )
  }

  /** The memory that there can be, in words. */
  private get limit(): string {
    return this.kind.address === 'i64'
      ? '16 GiB that WebAssembly engines allow'
      : '4 GiB that WebAssembly addresses with 32 bits'
  }

  /** Where so many bytes would fit, to be added to advice. */
  private wider(bytes: number): string {
    if (this.kind.address === 'i64' || bytes > cpuAddressableBytes(true)) return ''
    return hasMemory64()
      ? "; or init({ backend: 'cpu', memory64: true }), which addresses 16 GiB"
      : '; or a runtime with 64-bit WebAssembly memory, such as Node 24, where the cpu backend addresses 16 GiB'
  }

  allocate(bytes: number): WasmBuffer {
    const size = allocatedBytes(bytes)
    if (size > largestBlock[this.kind.address])
      throw new DeviceError(
        `cpu: a tensor of ${bytes} bytes; with 64-bit memory one tensor may have ${largestBlock.i64 - slack}: divide it, or use init({ memory64: false }), where all tensors together may have 4 GiB`,
      )
    const same = this.recycled.get(size)?.pop()
    if (same) return same
    let best = this.fit(size)
    if (best < 0) {
      this.collect()
      best = this.fit(size)
    }
    if (best < 0) {
      this.grow(size)
      best = this.fit(size)
    }
    const run = this.runs[best]
    const pointer = run.start
    run.start += size
    if (run.start === run.end) this.runs.splice(best, 1)
    this.counters.buffers++
    this.counters.created++
    this.counters.bytes += size
    return { bytes: size - slack, pointer }
  }

  release(buffer: WasmBuffer): void {
    const size = buffer.bytes + slack
    buffer.panels = undefined
    buffer.panelReads = 0
    const list = this.recycled.get(size)
    if (list) list.push(buffer)
    else this.recycled.set(size, [buffer])
  }

  /** A view of a block's bytes, for immediate use: growing the memory detaches existing views. */
  bytes(buffer: WasmBuffer, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, buffer.pointer, length)
  }

  private fit(size: number): number {
    let best = -1
    this.runs.forEach(({ start, end }, i) => {
      if (end - start >= size && (best < 0 || end - start < this.runs[best].end - this.runs[best].start)) best = i
    })
    return best
  }

  /** Turns released blocks back into free ranges and merges adjacent ones. */
  private collect(): void {
    const runs = [...this.runs]
    for (const list of this.recycled.values()) {
      for (const b of list) {
        const size = b.bytes + slack
        runs.push({ start: b.pointer, end: b.pointer + size })
        this.counters.buffers--
        this.counters.bytes -= size
      }
    }
    this.recycled.clear()
    runs.sort((a, b) => a.start - b.start)
    this.runs = []
    for (const run of runs) {
      const last = this.runs[this.runs.length - 1]
      if (last && last.end === run.start) last.end = run.end
      else this.runs.push({ ...run })
    }
  }

  private grow(size: number): void {
    const before = this.memory.buffer.byteLength
    const last = this.runs[this.runs.length - 1]
    const have = last && last.end === before ? before - last.start : 0
    const needed = Math.ceil((size - have) / page)
    const room = maximumPages[this.kind.address] - before / page
    // At least 16 MiB at a time, so that many small blocks do not mean many growths.
    const pages = Math.min(room, Math.max(needed, 256))
    if (needed > room) {
      throw new DeviceError(
        `cpu: out of memory: ${size} more bytes do not fit into the ${this.limit} (${before - heapStart} in use); use a smaller model, batch or sequence${this.wider(before + size)}`,
      )
    }
    try {
      this.pages = Number(this.memory.grow(this.kind.address === 'i64' ? wide(pages) : pages)) + pages
    } catch {
      throw new DeviceError(
        `cpu: the system refused ${pages * page} more bytes of memory (${before - heapStart} in use)`,
      )
    }
    if (have > 0) last.end = this.memory.buffer.byteLength
    else this.runs.push({ start: before, end: this.memory.buffer.byteLength })
  }
}
