// GPU buffers: allocation, pooling and staging.

import { DeviceError } from '../../errors.ts'
import type { DeviceBuffer } from '../../storage.ts'
import type { Counters } from '../backend.ts'

export interface GpuBuffer extends DeviceBuffer {
  readonly id: number
  readonly gpu: GPUBuffer
  /** Set if the device had no memory for it: it must not be reused. */
  failed?: boolean
}

/** Bounds of the pool of free buffers: their number, and their bytes (or as many bytes as are in use, if more). */
const maximumIdle = 1024
const idleBytes = 2 ** 28

const usage = { copySource: 4, copyTarget: 8, storage: 128, mapRead: 1 }

/** Whole buffers, reused by size. WebGPU tracks usage per buffer, so buffers are not divided into ranges. */
export class GpuMemory {
  private readonly device: GPUDevice
  private readonly counters: Counters
  private readonly free = new Map<number, GpuBuffer[]>()
  private readonly staging = new Map<number, GPUBuffer[]>()
  private readonly all = new Set<GpuBuffer>()
  /** Free buffers, the least recently used first, and their total size. */
  private readonly idle = new Set<GpuBuffer>()
  private idleBytes = 0
  private nextId = 1

  private readonly onFailure: (error: DeviceError) => void

  constructor(device: GPUDevice, counters: Counters, onFailure: (error: DeviceError) => void) {
    this.device = device
    this.counters = counters
    this.onFailure = onFailure
  }

  allocate(bytes: number): GpuBuffer {
    const same = this.free.get(bytes)?.pop()
    if (same) {
      this.idle.delete(same)
      this.idleBytes -= bytes
      return same
    }
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits
    const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize)
    if (bytes > limit) {
      throw new DeviceError(
        `webgpu: a tensor of ${bytes} bytes exceeds what one buffer may hold on this device (${limit} bytes: the smaller of maxBufferSize and maxStorageBufferBindingSize); split it`,
      )
    }
    this.device.pushErrorScope('out-of-memory')
    const gpu = this.device.createBuffer({ size: bytes, usage: usage.storage | usage.copySource | usage.copyTarget })
    const buffer: GpuBuffer = { bytes, id: this.nextId++, gpu }
    void this.device.popErrorScope().then(
      (error) => {
        if (!error) return
        buffer.failed = true
        this.onFailure(
          new DeviceError(
            `webgpu: out of memory: the device has no ${bytes} more bytes (${this.counters.bytes} bytes in ${this.counters.buffers} buffers are in use); use a smaller model, batch or sequence, or checkpoint(): ${error.message}`,
          ),
        )
      },
      () => {}, // a lost device is reported as such
    )
    this.all.add(buffer)
    this.counters.buffers++
    this.counters.created++
    this.counters.bytes += bytes
    return buffer
  }

  /** The memory may be reused at once: commands on one queue run in order. */
  release(buffer: GpuBuffer): void {
    if (buffer.failed) {
      this.discard(buffer)
      return
    }
    const list = this.free.get(buffer.bytes)
    if (list) list.push(buffer)
    else this.free.set(buffer.bytes, [buffer])
    this.idle.add(buffer)
    this.idleBytes += buffer.bytes
    // Frees the least recently used buffers, whose sizes are probably no longer in use.
    while (
      this.idle.size > maximumIdle ||
      (this.idleBytes > idleBytes && this.idleBytes * 2 > this.counters.bytes && this.idle.size > 1)
    )
      this.forget(this.idle.values().next().value!)
  }

  /** Destroys the buffer; commands already submitted still complete. */
  discard(buffer: GpuBuffer): void {
    if (!this.all.delete(buffer)) return
    buffer.gpu.destroy()
    this.counters.buffers--
    this.counters.bytes -= buffer.bytes
  }

  private forget(buffer: GpuBuffer): void {
    const list = this.free.get(buffer.bytes)!
    list.splice(list.indexOf(buffer), 1)
    if (list.length === 0) this.free.delete(buffer.bytes)
    this.idle.delete(buffer)
    this.idleBytes -= buffer.bytes
    this.discard(buffer)
  }

  /** A mappable buffer of at least `bytes` bytes, from those released or a new one. */
  takeStaging(bytes: number): GPUBuffer {
    const size = 2 ** Math.ceil(Math.log2(Math.max(256, bytes)))
    return this.staging.get(size)?.pop() ?? this.device.createBuffer({ size, usage: usage.mapRead | usage.copyTarget })
  }

  giveStaging(buffer: GPUBuffer): void {
    const list = this.staging.get(buffer.size)
    if (list) list.push(buffer)
    else this.staging.set(buffer.size, [buffer])
  }

  destroy(): void {
    for (const b of this.all) b.gpu.destroy()
    for (const list of this.staging.values()) for (const b of list) b.destroy()
    this.all.clear()
    this.free.clear()
    this.idle.clear()
    this.idleBytes = 0
    this.counters.buffers = 0
    this.counters.bytes = 0
  }
}
