// A compiled program on WebGPU: its dispatches, its bind groups, and its steps that run on the host.

import { bytesPerElement, type HostArray, storageArray } from '../../dtype.ts'
import { explainPlan } from '../../passes/explain.ts'
import { type ProgramMemory, programMemory } from '../../passes/memory.ts'
import type { Plan, Step } from '../../passes/plan.ts'
import type { DeviceBuffer } from '../../storage.ts'
import type { Executable, TunedCase } from '../backend.ts'
import type { TunableStep } from './choices.ts'
import type { GpuBuffer, GpuMemory } from './gpu-memory.ts'
import type { WebGpuBackend } from './webgpu-backend.ts'

/** A dispatch with its bindings resolved to slots or scratch buffers. */
export interface Dispatched {
  readonly name: string
  readonly wgsl: string
  /** `shift`: bytes into the slot where the binding starts. */
  readonly bindings: readonly ({ readonly slot: number; readonly shift: number } | { readonly scratch: number })[]
  readonly workgroups: readonly [number, number, number]
  readonly flops: number
  readonly bytes: number
}

/** A step without a kernel: its operands are read back, and the op's `evaluate` runs on the host. */
interface OnHost {
  readonly name: string
  readonly host: Step
  readonly flops: number
  readonly bytes: number
}

export type Instruction = Dispatched | OnHost

export const isOnHost = (instruction: Instruction): instruction is OnHost => 'host' in instruction

/**
 * A compiled graph on a GPUDevice: its dispatches, its temporary buffers, and bind groups for the buffers it has run
 * with.
 */
export class WebGpuProgram implements Executable {
  readonly aliases: readonly number[]
  private readonly backend: WebGpuBackend
  private readonly gpu: GpuMemory
  private readonly plan: Plan
  private readonly instructions: readonly Instruction[]
  private readonly pipelines: readonly (GPUComputePipeline | undefined)[]
  private readonly scratch: readonly number[]
  private readonly tunables: readonly TunableStep[]
  private readonly keep: boolean
  private held: readonly GpuBuffer[] | undefined
  /** The latest run with steps on the host: such runs must not overlap. */
  private last: Promise<void> = Promise.resolve()
  /** Bind groups of all instructions, by the buffers the program runs with. */
  private readonly groups = new Map<string, readonly (GPUBindGroup | undefined)[]>()

  constructor(
    backend: WebGpuBackend,
    gpu: GpuMemory,
    plan: Plan,
    instructions: readonly Instruction[],
    pipelines: readonly (GPUComputePipeline | undefined)[],
    scratch: readonly number[],
    tunables: readonly TunableStep[],
    keep: boolean,
  ) {
    this.backend = backend
    this.gpu = gpu
    this.plan = plan
    this.instructions = instructions
    this.pipelines = pipelines
    this.scratch = scratch
    this.tunables = tunables
    this.keep = keep
    this.aliases = plan.aliases
  }

  run(inputs: readonly DeviceBuffer[], outputs: readonly DeviceBuffer[]): void | Promise<void> {
    this.backend.check()
    if (this.instructions.some(isOnHost)) {
      // One run after another: they share temporaries, which are in use while the host computes.
      this.last = this.last
        .catch(() => {})
        .then(() => this.runWithHostSteps(inputs as GpuBuffer[], outputs as GpuBuffer[]))
      return this.last
    }
    const temporaries = this.takeTemporaries()
    let key = ''
    for (const list of [inputs, outputs, temporaries]) for (const b of list) key += `${(b as GpuBuffer).id},`
    const known = this.groups.get(key)
    // A run that was validated with these buffers is valid again: only the loss of the device can make it fail, which
    // is reported separately.
    if (known) return this.submit(known, temporaries)
    return this.firstRun(key, inputs as GpuBuffer[], outputs as GpuBuffer[], temporaries)
  }

  /**
   * Creates bind groups and, once the device has validated them, keeps them for later runs with the same buffers.
   */
  private async firstRun(
    key: string,
    inputs: readonly GpuBuffer[],
    outputs: readonly GpuBuffer[],
    temporaries: readonly GpuBuffer[],
  ): Promise<void> {
    let groups: readonly (GPUBindGroup | undefined)[] = []
    await this.backend.accepted('running a program', () => {
      groups = this.makeGroups(inputs, outputs, temporaries)
      return this.submit(groups, temporaries)
    })
    // Bounded, for programs whose buffers keep changing.
    if (this.groups.size >= 8) this.groups.clear()
    this.groups.set(key, groups)
  }

  /**
   * Dispatches up to the next step on the host, reads its operands back, computes it, uploads its results, and so on.
   */
  private async runWithHostSteps(inputs: readonly GpuBuffer[], outputs: readonly GpuBuffer[]): Promise<void> {
    const { backend, plan, instructions } = this
    const temporaries = this.takeTemporaries()
    const places = { input: inputs, output: outputs, temporary: temporaries }
    const { runByDefinition } = await import('../run-by-definition.ts')
    const groups = this.makeGroups(inputs, outputs, temporaries)
    for (let from = 0; from < instructions.length; ) {
      const next = instructions.findIndex((instruction, i) => i >= from && isOnHost(instruction))
      const to = next < 0 ? instructions.length : next
      if (to > from) await backend.accepted('running a program', () => this.dispatch(groups, from, to))
      from = to + 1
      const instruction = instructions[to]
      if (!instruction || !isOnHost(instruction)) continue
      const codes = new Map<number, HostArray>()
      const { host } = instruction
      for (const { slot } of host.inputs) {
        if (codes.has(slot)) continue
        const { kind, index, offset } = plan.locations[slot]
        const { dtype, elements } = plan.slots[slot]
        const bytes = await backend.download(places[kind][index], elements * bytesPerElement[dtype], offset)
        codes.set(slot, storageArray(dtype, bytes, 0, elements))
      }
      for (const { slot } of host.outputs)
        codes.set(slot, storageArray(plan.slots[slot].dtype, plan.slots[slot].elements))
      runByDefinition(host, (slot) => codes.get(slot)!)
      for (const { slot } of host.outputs) {
        const { kind, index, offset } = plan.locations[slot]
        backend.upload(places[kind][index], codes.get(slot)!, offset)
      }
    }
    if (!this.keep) for (const b of temporaries) this.gpu.release(b)
  }

  private takeTemporaries(): readonly GpuBuffer[] {
    const taken = this.held ?? [...this.plan.temporaries, ...this.scratch].map((bytes) => this.gpu.allocate(bytes))
    if (this.keep) this.held = taken
    return taken
  }

  private submit(
    groups: readonly (GPUBindGroup | undefined)[],
    temporaries: readonly GpuBuffer[],
  ): void | Promise<void> {
    const timed = this.dispatch(groups, 0, this.instructions.length)
    if (!this.keep) for (const b of temporaries) this.gpu.release(b)
    return timed
  }

  /** Instructions `from` to `to` (exclusive), none of them on the host. */
  private dispatch(groups: readonly (GPUBindGroup | undefined)[], from: number, to: number): void | Promise<void> {
    const { device, counters, recorder } = this.backend
    const part = this.instructions.slice(from, to) as readonly Dispatched[]
    const encode = (pass: GPUComputePassEncoder, { workgroups: [x, y, z] }: Dispatched, k: number) => {
      pass.setPipeline(this.pipelines[from + k]!)
      pass.setBindGroup(0, groups[from + k]!)
      pass.dispatchWorkgroups(x, y, z)
    }
    counters.dispatches += part.length
    if (recorder) return recorder.run(part, encode)
    const encoder = device.createCommandEncoder()
    counters.encoders++
    const pass = encoder.beginComputePass()
    part.forEach((instruction, k) => {
      encode(pass, instruction, k)
    })
    pass.end()
    device.queue.submit([encoder.finish()])
    counters.submits++
    this.backend.wait.submitted(this)
  }

  explain(): string {
    const counts = new Map<string, number>()
    for (const { name } of this.instructions) counts.set(name, (counts.get(name) ?? 0) + 1)
    const dispatches = [...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${count} x ${name}`)
    const choices = new Map(this.tunables.map(({ tunable: { key, chosen } }) => [key, chosen]))
    const chosen = [...choices].map(
      ([key, name]) => `${key}: ${name}${this.backend.choices.get(key) === name ? ' (measured)' : ''}`,
    )
    return [
      explainPlan(this.plan),
      `${this.instructions.length} dispatches: ${dispatches.join(', ')}`,
      ...(chosen.length > 0 ? ['kernels chosen:', ...chosen.map((c) => `  ${c}`)] : []),
    ].join('\n')
  }

  tune(): Promise<TunedCase[]> {
    return this.backend.tune(this.tunables)
  }

  memory(): ProgramMemory {
    return programMemory(this.plan, this.scratch, (bytes) => bytes)
  }

  releaseTemporaries(): void {
    for (const b of this.held ?? []) this.gpu.discard(b)
    this.held = undefined
    this.groups.clear()
  }

  dispose(): void {
    this.releaseTemporaries()
  }

  private makeGroups(
    inputs: readonly GpuBuffer[],
    outputs: readonly GpuBuffer[],
    temporaries: readonly GpuBuffer[],
  ): readonly (GPUBindGroup | undefined)[] {
    const { plan } = this
    const places = { input: inputs, output: outputs, temporary: temporaries }
    const range = (slot: number, shift: number) => {
      const { kind, index, offset } = plan.locations[slot]
      return { buffer: places[kind][index].gpu, offset: offset + shift, size: plan.slots[slot].bytes - shift }
    }
    return this.instructions.map((instruction, k) =>
      isOnHost(instruction)
        ? undefined
        : this.backend.device.createBindGroup({
            layout: this.pipelines[k]!.getBindGroupLayout(0),
            entries: instruction.bindings.map((b, binding) => ({
              binding,
              resource:
                'slot' in b ? range(b.slot, b.shift) : { buffer: temporaries[plan.temporaries.length + b.scratch].gpu },
            })),
          }),
    )
  }
}
