// Times kernels on the GPU.

import type { KernelTiming } from '../backend.ts'

interface Timed {
  readonly name: string
  readonly flops: number
  readonly bytes: number
}

/** Dispatches per query set, two queries each: WebGPU allows 4,096 queries in a set. */
const perSet = 2048
const usage = { queryResolve: 512, copySource: 4, copyTarget: 8, mapRead: 1 }

/**
 * Times every dispatch separately: in a compute pass of its own with timestamps at both ends or, on devices without
 * timestamps, in a submit of its own, by the host's clock.
 */
export class KernelRecorder {
  private readonly device: GPUDevice
  private readonly into: KernelTiming[]
  private readonly stamps: boolean
  private querySet: GPUQuerySet | undefined
  /** The device's clock at the start of the recording, in nanoseconds. */
  private origin: bigint | undefined
  private readonly began = performance.now()

  constructor(device: GPUDevice, into: KernelTiming[]) {
    this.device = device
    this.into = into
    this.stamps = device.features.has('timestamp-query')
  }

  async run<I extends Timed>(
    instructions: readonly I[],
    encode: (pass: GPUComputePassEncoder, instruction: I, index: number) => void,
  ): Promise<void> {
    if (!this.stamps) return this.runSeparately(instructions, encode)
    for (let first = 0; first < instructions.length; first += perSet)
      await this.runStamped(instructions.slice(first, first + perSet), (pass, i, k) => encode(pass, i, first + k))
  }

  destroy(): void {
    this.querySet?.destroy()
  }

  private async runStamped<I extends Timed>(
    instructions: readonly I[],
    encode: (pass: GPUComputePassEncoder, instruction: I, index: number) => void,
  ): Promise<void> {
    const { device } = this
    this.querySet ??= device.createQuerySet({ type: 'timestamp', count: 2 * perSet })
    const { querySet } = this
    const encoder = device.createCommandEncoder()
    instructions.forEach((instruction, k) => {
      const timestampWrites = { querySet, beginningOfPassWriteIndex: 2 * k, endOfPassWriteIndex: 2 * k + 1 }
      const pass = encoder.beginComputePass({ label: instruction.name, timestampWrites })
      encode(pass, instruction, k)
      pass.end()
    })
    const size = instructions.length * 16
    const resolved = device.createBuffer({ size, usage: usage.queryResolve | usage.copySource })
    const readable = device.createBuffer({ size, usage: usage.mapRead | usage.copyTarget })
    encoder.resolveQuerySet(querySet, 0, 2 * instructions.length, resolved, 0)
    encoder.copyBufferToBuffer(resolved, 0, readable, 0, size)
    device.queue.submit([encoder.finish()])
    await readable.mapAsync(usage.mapRead)
    const times = new BigUint64Array(readable.getMappedRange().slice(0))
    resolved.destroy()
    readable.destroy()
    this.origin ??= times[0]
    instructions.forEach(({ name, flops, bytes }, k) => {
      const start = Number(times[2 * k] - this.origin!) / 1000
      this.into.push({ name, start, duration: Number(times[2 * k + 1] - times[2 * k]) / 1000, flops, bytes })
    })
  }

  private async runSeparately<I extends Timed>(
    instructions: readonly I[],
    encode: (pass: GPUComputePassEncoder, instruction: I, index: number) => void,
  ): Promise<void> {
    for (const [k, instruction] of instructions.entries()) {
      await this.device.queue.onSubmittedWorkDone()
      const start = performance.now()
      const encoder = this.device.createCommandEncoder()
      const pass = encoder.beginComputePass({ label: instruction.name })
      encode(pass, instruction, k)
      pass.end()
      this.device.queue.submit([encoder.finish()])
      await this.device.queue.onSubmittedWorkDone()
      const { name, flops, bytes } = instruction
      const end = performance.now()
      this.into.push({ name, start: (start - this.began) * 1000, duration: (end - start) * 1000, flops, bytes })
    }
  }
}
