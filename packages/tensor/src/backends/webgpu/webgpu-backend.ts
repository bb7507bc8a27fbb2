import type { HostArray } from '../../dtype.ts'
import { DeviceError } from '../../errors.ts'
import type { Graph } from '../../graph/graph.ts'
import type { Node, Spec } from '../../graph/node.ts'
import { contiguousAccess } from '../../passes/access.ts'
import { expand } from '../../passes/expand.ts'
import { explainPlan } from '../../passes/explain.ts'
import type { KernelContext, Operand } from '../../passes/operand.ts'
import { type Plan, planGraph, type Step } from '../../passes/plan.ts'
import type { DeviceBuffer } from '../../storage.ts'
import type { Backend, CompileOptions, Counters, Executable, KernelTiming, TunedCase } from '../backend.ts'
import { epilogueOf, fusedShader, prologueOf } from './fused-shader.ts'
import { type GpuBuffer, GpuMemory } from './gpu-memory.ts'
import { KernelRecorder } from './kernel-recorder.ts'
import type { AdapterTraits } from './rule.ts'
import { rememberedChoices, type TunableStep, tuneSteps } from './tuner.ts'

/** A dispatch with its bindings resolved to slots or scratch buffers. */
interface Instruction {
  readonly name: string
  readonly wgsl: string
  readonly bindings: readonly ({ readonly slot: number } | { readonly scratch: number })[]
  readonly workgroups: readonly [number, number, number]
  readonly flops: number
  readonly bytes: number
}

/** What the backend needs to know about where the device came from. */
export interface AdapterDescription {
  readonly name: string
  readonly software: boolean
  readonly subgroupSize: number
  /** See AdapterTraits. */
  readonly subgroupMatrix?: boolean
  readonly pinned?: Readonly<Record<string, string>>
}

const mapModeRead = 1

/** KUMIKI_DEBUG=kernels prints every kernel's WGSL to stderr when it is compiled. */
function debugKernels(): boolean {
  return typeof process === 'object' && (process.env?.KUMIKI_DEBUG ?? '').split(',').includes('kernels')
}

/** What an op's rule sees of its step: its own operands and results, whatever work is merged into it. */
function kernelContext({ inputs, outputs, attrs, epilogue, prologue }: Step): KernelContext<any> {
  const unseen = ({ shape, dtype }: Spec): Operand => ({ slot: -1, dtype, access: contiguousAccess(shape) })
  return {
    inputs: prologue ? [unseen(prologue.operand)] : epilogue ? inputs.slice(0, epilogue.operands) : inputs,
    outputs: epilogue ? [unseen(epilogue.result)] : outputs,
    attrs,
  }
}

/** Kernels in WGSL on a GPUDevice. */
export class WebGpuBackend implements Backend {
  readonly kind = 'webgpu'
  readonly description: string
  readonly counters: Counters = { buffers: 0, bytes: 0, created: 0, submits: 0, encoders: 0, dispatches: 0 }
  readonly device: GPUDevice
  private readonly traits: AdapterTraits
  /** Kernels that measured best on this adapter, by case. */
  readonly choices: Map<string, string>
  private readonly memory: GpuMemory
  private readonly pipelines = new Map<string, Promise<GPUComputePipeline>>()
  private readonly ownsDevice: boolean
  private readonly onDestroy: () => void
  /** The first error that the device reported outside of a call. */
  private failure: DeviceError | undefined
  /** Set while kernels are timed. */
  recorder: KernelRecorder | undefined

  constructor(device: GPUDevice, adapter: AdapterDescription, ownsDevice: boolean, onDestroy: () => void = () => {}) {
    this.device = device
    this.ownsDevice = ownsDevice
    this.onDestroy = onDestroy
    this.description = adapter.name
    this.memory = new GpuMemory(device, this.counters)
    this.choices = rememberedChoices(adapter.name)
    this.traits = {
      subgroups: device.features.has('subgroups' as GPUFeatureName),
      subgroupSize: adapter.subgroupSize,
      maxWorkgroupStorage: device.limits.maxComputeWorkgroupStorageSize,
      maxStorageBuffers: device.limits.maxStorageBuffersPerShaderStage,
      software: adapter.software,
      subgroupMatrix: adapter.subgroupMatrix,
      pinned: adapter.pinned,
      tuned: this.choices,
    }
    device.addEventListener('uncapturederror', (event) => {
      this.failure ??= new DeviceError(`webgpu: ${(event as GPUUncapturedErrorEvent).error.message}`)
    })
    void device.lost.then((info) => {
      if (info.reason !== 'destroyed') this.failure ??= new DeviceError(`webgpu: the device was lost: ${info.message}`)
    })
  }

  allocate(bytes: number): DeviceBuffer {
    this.check()
    return this.memory.allocate(bytes)
  }

  release(buffer: DeviceBuffer): void {
    this.memory.release(buffer as GpuBuffer)
  }

  upload(buffer: DeviceBuffer, data: HostArray): void {
    const { byteLength } = data
    const whole = byteLength % 4 === 0
    // writeBuffer wants multiples of four bytes; buffers are padded, so a longer copy is safe.
    const bytes = whole
      ? new Uint8Array(data.buffer, data.byteOffset, byteLength)
      : new Uint8Array(Math.ceil(byteLength / 4) * 4)
    if (!whole) bytes.set(new Uint8Array(data.buffer, data.byteOffset, byteLength))
    if (bytes.length > 0) this.device.queue.writeBuffer((buffer as GpuBuffer).gpu, 0, bytes as Uint8Array<ArrayBuffer>)
  }

  async download(buffer: DeviceBuffer, bytes: number): Promise<ArrayBuffer> {
    this.check()
    const size = Math.ceil(bytes / 4) * 4
    if (size === 0) return new ArrayBuffer(0)
    const staging = this.memory.takeStaging(size)
    const encoder = this.device.createCommandEncoder()
    encoder.copyBufferToBuffer((buffer as GpuBuffer).gpu, 0, staging, 0, size)
    this.device.queue.submit([encoder.finish()])
    try {
      await staging.mapAsync(mapModeRead, 0, size)
    } catch (error) {
      this.check()
      throw new DeviceError(`webgpu: reading ${bytes} bytes back failed: ${(error as Error).message}`)
    }
    const out = staging.getMappedRange(0, size).slice(0, bytes)
    staging.unmap()
    this.memory.giveStaging(staging)
    this.check()
    return out
  }

  async compile(graph: Graph, options: CompileOptions): Promise<Executable> {
    this.check()
    const hasKernel = (node: Node) =>
      node.op.webgpu !== undefined && (node.op.webgpu.supports?.(node.inputs, node.attrs, this.traits) ?? true)
    const plan = planGraph(expand(graph, hasKernel, { decompose: true }), {
      ...options,
      limits: {
        operands: this.traits.maxStorageBuffers,
        nodes: 120,
        fusesResult: ({ op, inputs, outputs }) => op.webgpu?.fusesResult?.(inputs, outputs) ?? false,
        fusesOperand: ({ op, inputs, attrs }) => op.webgpu?.fusesOperand?.(inputs, attrs) ?? false,
      },
    })
    const scratch: number[] = []
    const tunables: TunableStep[] = []
    const bytesOf = (slots: readonly number[]) =>
      [...new Set(slots)].reduce((sum, slot) => sum + plan.slots[slot].bytes, 0)
    const instructions = plan.steps.flatMap((step): Instruction[] => {
      if (step.outputs.every((o) => plan.slots[o.slot].elements === 0)) return []
      if (step.fused) {
        const { wgsl, slots, workgroups } = fusedShader(plan, step)
        const bindings = slots.map((slot) => ({ slot }))
        return [{ name: step.name, wgsl, workgroups, bindings, flops: step.flops, bytes: bytesOf(slots) }]
      }
      if (!step.op?.webgpu) throw new DeviceError(`webgpu: the op ${step.name} has no kernel on this device`)
      const made = step.op.webgpu.plan(kernelContext(step), this.traits, epilogueOf(plan, step), prologueOf(plan, step))
      if (made.tunable) {
        const bytes = (operands: readonly Operand[]) => operands.map((x) => plan.slots[x.slot].bytes)
        tunables.push({ tunable: made.tunable, inputBytes: bytes(step.inputs), outputBytes: bytes(step.outputs) })
      }
      made.scratch?.forEach((bytes, i) => {
        scratch[i] = Math.max(scratch[i] ?? 0, Math.ceil(bytes / 16) * 16)
      })
      return made.dispatches.map((d) => {
        const bindings = d.bindings.map((b) =>
          'scratch' in b ? b : { slot: 'input' in b ? step.inputs[b.input].slot : step.outputs[b.output].slot },
        )
        const scratchBytes = d.bindings.reduce((sum, b) => sum + ('scratch' in b ? made.scratch![b.scratch] : 0), 0)
        return {
          name: d.name,
          wgsl: d.wgsl,
          workgroups: d.workgroups,
          bindings,
          flops: d.flops ?? step.flops / made.dispatches.length,
          bytes: bytesOf(bindings.flatMap((b) => ('slot' in b ? [b.slot] : []))) + scratchBytes,
        }
      })
    })
    const pipelines = await Promise.all(instructions.map((i) => this.pipeline(i.name, i.wgsl)))
    return new WebGpuProgram(
      this,
      this.memory,
      plan,
      instructions,
      pipelines,
      scratch,
      tunables,
      options.keepTemporaries,
    )
  }

  /** See Executable.tune. */
  async tune(steps: readonly TunableStep[]): Promise<TunedCase[]> {
    const cases = await tuneSteps(this.device, steps, (name, wgsl) => this.pipeline(name, wgsl))
    for (const { key, chosen } of cases) this.choices.set(key, chosen)
    this.check()
    return cases
  }

  record(into: KernelTiming[] | undefined): void {
    this.recorder?.destroy()
    this.recorder = into && new KernelRecorder(this.device, into)
  }

  async settle(): Promise<void> {
    await this.device.queue.onSubmittedWorkDone()
    this.check()
  }

  /** @throws DeviceError with the first thing that went wrong on the device */
  check(): void {
    if (this.failure) throw this.failure
  }

  destroy(): void {
    this.memory.destroy()
    if (this.ownsDevice) this.device.destroy()
    this.onDestroy()
  }

  private pipeline(name: string, wgsl: string): Promise<GPUComputePipeline> {
    let made = this.pipelines.get(wgsl)
    if (!made) {
      made = this.makePipeline(name, wgsl)
      this.pipelines.set(wgsl, made)
    }
    return made
  }

  private async makePipeline(name: string, wgsl: string): Promise<GPUComputePipeline> {
    if (debugKernels()) console.error(`// ${name}\n${wgsl}\n`)
    this.device.pushErrorScope('validation')
    const module = this.device.createShaderModule({ label: name, code: wgsl })
    void this.device.popErrorScope() // reported below, with the source line
    try {
      return await this.device.createComputePipelineAsync({
        label: name,
        layout: 'auto',
        compute: { module, entryPoint: 'main' },
      })
    } catch (error) {
      const { messages } = await module.getCompilationInfo()
      const lines = wgsl.split('\n')
      const details = messages
        .filter((m) => m.type === 'error')
        .map((m) => `line ${m.lineNum}: ${m.message}\n    ${lines[m.lineNum - 1] ?? ''}`)
      throw new DeviceError(
        `webgpu: the kernel '${name}' did not compile: ${details.join('\n') || (error as Error).message}`,
      )
    }
  }
}

class WebGpuProgram implements Executable {
  readonly aliases: readonly number[]
  private readonly backend: WebGpuBackend
  private readonly gpu: GpuMemory
  private readonly plan: Plan
  private readonly instructions: readonly Instruction[]
  private readonly pipelines: readonly GPUComputePipeline[]
  private readonly scratch: readonly number[]
  private readonly tunables: readonly TunableStep[]
  private readonly keep: boolean
  private held: GpuBuffer[] | undefined
  /** Per instruction: bind groups by the buffers they bind. */
  private readonly groups: Map<string, GPUBindGroup>[]

  constructor(
    backend: WebGpuBackend,
    gpu: GpuMemory,
    plan: Plan,
    instructions: readonly Instruction[],
    pipelines: readonly GPUComputePipeline[],
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
    this.groups = instructions.map(() => new Map())
  }

  run(inputs: readonly DeviceBuffer[], outputs: readonly DeviceBuffer[]): void | Promise<void> {
    const { backend, plan } = this
    backend.check()
    const temporaries = this.held ?? [...plan.temporaries, ...this.scratch].map((bytes) => this.gpu.allocate(bytes))
    if (this.keep) this.held = temporaries
    const places = { input: inputs, output: outputs, temporary: temporaries }
    const buffers = plan.locations.map((l) => places[l.kind][l.index] as GpuBuffer)
    const { device, counters, recorder } = backend
    const encode = (pass: GPUComputePassEncoder, instruction: Instruction, k: number) => {
      const bound = instruction.bindings.map((b) =>
        'slot' in b ? buffers[b.slot] : temporaries[plan.temporaries.length + b.scratch],
      )
      pass.setPipeline(this.pipelines[k])
      pass.setBindGroup(0, this.group(k, bound))
      pass.dispatchWorkgroups(...instruction.workgroups)
      counters.dispatches++
    }
    let timed: Promise<void> | undefined
    if (recorder) {
      timed = recorder.run(this.instructions, encode)
    } else {
      const encoder = device.createCommandEncoder()
      counters.encoders++
      const pass = encoder.beginComputePass()
      this.instructions.forEach((instruction, k) => {
        encode(pass, instruction, k)
      })
      pass.end()
      device.queue.submit([encoder.finish()])
      counters.submits++
    }
    if (!this.keep) for (const b of temporaries) this.gpu.release(b)
    return timed
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

  memory(): { temporaryBytes: number; inputBytes: number; outputBytes: number } {
    const sum = (slots: readonly number[]) => slots.reduce((a, s) => a + this.plan.slots[s].bytes, 0)
    return {
      temporaryBytes: [...this.plan.temporaries, ...this.scratch].reduce((a, b) => a + b, 0),
      inputBytes: sum(this.plan.inputSlots),
      outputBytes: sum(this.plan.outputSlots.filter((_, i) => this.aliases[i] < 0)),
    }
  }

  dispose(): void {
    for (const b of this.held ?? []) this.gpu.release(b)
    this.held = undefined
    for (const g of this.groups) g.clear()
  }

  private group(k: number, buffers: readonly GpuBuffer[]): GPUBindGroup {
    const key = buffers.map((b) => b.id).join(',')
    const known = this.groups[k]
    let group = known.get(key)
    if (!group) {
      // A program whose buffers keep changing must not collect bind groups without end.
      if (known.size >= 8) known.clear()
      group = this.backend.device.createBindGroup({
        layout: this.pipelines[k].getBindGroupLayout(0),
        entries: buffers.map((b, binding) => ({ binding, resource: { buffer: b.gpu } })),
      })
      known.set(key, group)
    }
    return group
  }
}
