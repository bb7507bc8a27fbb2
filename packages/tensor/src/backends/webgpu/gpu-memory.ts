import { DeviceError } from '../../errors.ts'
import type { DeviceBuffer } from '../../storage.ts'
import type { Counters } from '../backend.ts'

export interface GpuBuffer extends DeviceBuffer {
  readonly id: number
  readonly gpu: GPUBuffer
  /** The device had no memory for it: it must not be used again. */
  failed?: boolean
}

const usage = { copySource: 4, copyTarget: 8, storage: 128, mapRead: 1 }

/** Whole buffers, recycled by size. WebGPU tracks usage per buffer, so ranges of one buffer are never handed out. */
export class GpuMemory {
  private readonly device: GPUDevice
  private readonly counters: Counters
  private readonly free = new Map<number, GpuBuffer[]>()
  private readonly staging = new Map<number, GPUBuffer[]>()
  private readonly all = new Set<GpuBuffer>()
  private nextId = 1

  private readonly onFailure: (error: DeviceError) => void

  constructor(device: GPUDevice, counters: Counters, onFailure: (error: DeviceError) => void) {
    this.device = device
    this.counters = counters
    this.onFailure = onFailure
  }

  allocate(bytes: number): GpuBuffer {
    const same = this.free.get(bytes)?.pop()
    if (same) return same
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
      if (!this.all.delete(buffer)) return
      buffer.gpu.destroy()
      this.counters.buffers--
      this.counters.bytes -= buffer.bytes
      return
    }
    const list = this.free.get(buffer.bytes)
    if (list) list.push(buffer)
    else this.free.set(buffer.bytes, [buffer])
  }

  /** A mappable buffer of at least `bytes`, from a ring of earlier ones. */
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
    this.counters.buffers = 0
    this.counters.bytes = 0
  }
}
