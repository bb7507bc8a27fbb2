// The WebGPU backend: plans become pipelines and dispatches on a GPUDevice.

import { bytesPerElement, type HostArray, isPacked } from '../../dtype.ts'
import { DeviceError } from '../../errors.ts'
import { type Graph, graphOrder } from '../../graph/graph.ts'
import type { Node } from '../../graph/node.ts'
import type { Spec } from '../../graph/spec.ts'
import type { MatmulVariant } from '../../ops/matmul/case.ts'
import { contiguousAccess } from '../../passes/access.ts'
import type { KernelContext, Operand } from '../../passes/operand.ts'
import { bufferKey, type Fused, type Plan, planGraph, type Step } from '../../passes/plan.ts'
import type { DeviceBuffer } from '../../storage.ts'
import type { Backend, CompileOptions, Counters, Executable, KernelTiming, TunedCase } from '../backend.ts'
import { ensureLoaded, expandFor, kernelsOf } from '../kernel-source.ts'
import { choicesFor, type TunableStep } from './choices.ts'
import { epilogueOf, fusedShader, prologueOf } from './fused-shader.ts'
import { type GpuBuffer, GpuMemory } from './gpu-memory.ts'
import type { KernelRecorder } from './kernel-recorder.ts'
import { PollingBackoff } from './polling-backoff.ts'
import { type Instruction, isOnHost, WebGpuProgram } from './program.ts'
import type { AdapterTraits, SubgroupMatrices, WebGpuRule } from './rule.ts'
import { loadFormatCode } from './shader.ts'

/** What the backend needs to know of the adapter of its device. */
export interface AdapterDescription {
  readonly name: string
  readonly software: boolean
  readonly subgroupSize: number
  /** See AdapterTraits. */
  readonly subgroupMatrix?: SubgroupMatrices
  readonly subgroupMatrixKernel?: MatmulVariant
  readonly pinned?: Readonly<Record<string, string>>
}

const mapModeRead = 1

/**
 * Bound of the pipeline cache: far more than a model needs, so that a program with ever new shapes does not fill
 * memory.
 */
const maximumPipelines = 2048

/** KUMIKI_DEBUG=kernels prints every kernel's WGSL to stderr when it is compiled. */
function debugKernels(): boolean {
  return typeof process === 'object' && (process.env?.KUMIKI_DEBUG ?? '').split(',').includes('kernels')
}

/**
 * Binds operands that start at an aligned offset there, so that kernels which differ only in the offset (the chunks of
 * a large table) share one pipeline.
 */
function bindAtOffsets(step: Step, plan: Plan, alignment: number): { step: Step; shifts: ReadonlyMap<number, number> } {
  const written = new Set(step.outputs.map((o) => bufferKey(plan, o.slot)))
  const offsets = new Map<number, number | undefined>()
  for (const { slot, dtype, access } of step.inputs) {
    const bytes = access.offset * bytesPerElement[dtype]
    const fits = bytes % alignment === 0 && !written.has(bufferKey(plan, slot))
    const same = !offsets.has(slot) || offsets.get(slot) === bytes
    offsets.set(slot, fits && same ? bytes : undefined)
  }
  const shifts = new Map([...offsets].flatMap(([slot, bytes]) => (bytes ? [[slot, bytes] as const] : [])))
  if (shifts.size === 0) return { step, shifts }
  const moved = <T extends Operand>(x: T): T => (shifts.has(x.slot) ? { ...x, access: { ...x.access, offset: 0 } } : x)
  const work = <F extends Fused>(f: F | undefined): F | undefined =>
    f && { ...f, leaves: f.leaves.map((l) => (l.kind === 'memory' ? moved(l) : l)) }
  const { fused, epilogue, prologue } = step
  return {
    step: {
      ...step,
      inputs: step.inputs.map(moved),
      fused: work(fused),
      epilogue: work(epilogue),
      prologue: work(prologue),
    },
    shifts,
  }
}

/** The context of an op's kernel rule: its own operands and results, without work that is fused into the step. */
function kernelContext({ inputs, outputs, attrs, epilogue, prologue }: Step): KernelContext {
  const unseen = ({ shape, dtype }: Spec): Operand => ({ slot: -1, dtype, access: contiguousAccess(shape) })
  return {
    inputs: prologue ? [unseen(prologue.operand)] : epilogue ? inputs.slice(0, epilogue.operands) : inputs,
    outputs: epilogue ? [unseen(epilogue.result)] : outputs,
    attrs,
  }
}

/** Loads the WGSL that a program's shaders include: code of packed formats, functions of elementwise ops. */
async function loadText({ inputs, outputs }: Graph): Promise<void> {
  const nodes = graphOrder({ inputs, outputs })
  const packed = nodes.some((n) => [...n.inputs, ...n.outputs].some((v) => isPacked(v.dtype)))
  if (packed) await loadFormatCode()
  await Promise.all(nodes.map((n) => ensureLoaded(n.op.elementwise?.wgslFunctions)))
}

const warned = new WeakSet<object>()

/**
 * Warns, once per op, of a user's op that has only `evaluate`: here every use of it costs two copies and a wait.
 */
function warnOnHost({ op, name }: Step): void {
  if (!op?.evaluate) throw new DeviceError(`webgpu: the op ${name} has neither a kernel (webgpu) nor an evaluation`)
  if (warned.has(op)) return
  warned.add(op)
  console.warn(
    `webgpu: the op ${name} has no WGSL kernel: it runs on the host, and its operands are copied there and back each time; give it a 'webgpu' kernel, or a 'definition' in terms of other ops`,
  )
}

function lostError(info: GPUDeviceLostInfo): DeviceError {
  const problem = `webgpu: the device was lost (${info.message || info.reason})`
  return new DeviceError(
    `${problem}; its tensors are gone: dispose it, make another one with init() and load the last checkpoint`,
    { lost: true, problem },
  )
}

/** Runs WGSL kernels on a GPUDevice. */
export class WebGpuBackend implements Backend {
  readonly kind = 'webgpu'
  readonly description: string
  readonly counters: Counters = { buffers: 0, bytes: 0, created: 0, submits: 0, encoders: 0, dispatches: 0 }
  readonly device: GPUDevice
  private readonly traits: AdapterTraits
  /** Names of the fastest kernels on this adapter, by case. */
  readonly choices: Map<string, string>
  private readonly memory: GpuMemory
  private readonly pipelines = new Map<string, Promise<GPUComputePipeline>>()
  private readonly ownsDevice: boolean
  private readonly onDestroy: () => void
  /** The first error that the device reported outside of a call and that no call has thrown yet. */
  private failure: DeviceError | undefined
  private destroyed = false
  private lost = false
  readonly wait = new PollingBackoff()
  /** Set while kernels are timed. */
  recorder: KernelRecorder | undefined

  constructor(device: GPUDevice, adapter: AdapterDescription, ownsDevice: boolean, onDestroy: () => void = () => {}) {
    this.device = device
    this.ownsDevice = ownsDevice
    this.onDestroy = onDestroy
    this.description = adapter.name
    this.memory = new GpuMemory(device, this.counters, (error) => {
      this.failure ??= error
    })
    this.choices = choicesFor(adapter.name)
    this.traits = {
      subgroups: device.features.has('subgroups' as GPUFeatureName),
      subgroupSize: adapter.subgroupSize,
      maxWorkgroupStorage: device.limits.maxComputeWorkgroupStorageSize,
      maxStorageBuffers: device.limits.maxStorageBuffersPerShaderStage,
      software: adapter.software,
      subgroupMatrix: adapter.subgroupMatrix,
      subgroupMatrixKernel: adapter.subgroupMatrixKernel,
      pinned: adapter.pinned,
      tuned: this.choices,
    }
    device.addEventListener('uncapturederror', (event) => {
      this.failure ??= new DeviceError(`webgpu: ${(event as GPUUncapturedErrorEvent).error.message}`)
    })
    void device.lost.then((info) => {
      if (this.destroyed) return
      this.lost = true
      this.failure = lostError(info)
    })
  }

  allocate(bytes: number): DeviceBuffer {
    this.check()
    return this.memory.allocate(bytes)
  }

  release(buffer: DeviceBuffer): void {
    this.memory.release(buffer as GpuBuffer)
  }

  discard(buffer: DeviceBuffer): void {
    this.memory.discard(buffer as GpuBuffer)
  }

  upload(buffer: DeviceBuffer, data: HostArray, offset = 0): void {
    const { byteLength } = data
    const whole = byteLength % 4 === 0
    // writeBuffer requires multiples of four bytes; buffers are padded, so a longer copy is safe.
    const bytes = whole
      ? new Uint8Array(data.buffer, data.byteOffset, byteLength)
      : new Uint8Array(Math.ceil(byteLength / 4) * 4)
    if (!whole) bytes.set(new Uint8Array(data.buffer, data.byteOffset, byteLength))
    if (bytes.length > 0)
      this.device.queue.writeBuffer((buffer as GpuBuffer).gpu, offset, bytes as Uint8Array<ArrayBuffer>)
  }

  async download(buffer: DeviceBuffer, bytes: number, offset = 0): Promise<ArrayBuffer> {
    this.check()
    const size = Math.ceil(bytes / 4) * 4
    if (size === 0) return new ArrayBuffer(0)
    const staging = this.memory.takeStaging(size)
    const encoder = this.device.createCommandEncoder()
    encoder.copyBufferToBuffer((buffer as GpuBuffer).gpu, offset, staging, 0, size)
    this.device.queue.submit([encoder.finish()])
    await this.wait.sleep()
    try {
      await this.wait.until(staging.mapAsync(mapModeRead, 0, size))
      this.wait.done()
    } catch (error) {
      await this.settleLoss()
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
    const supports = (rule: WebGpuRule<unknown>, { inputs, attrs }: Node) =>
      rule.supports?.(inputs, attrs, this.traits) ?? true
    const expanded = await expandFor(graph, (op) => op.webgpu, supports)
    await loadText(expanded)
    const plan = planGraph(expanded, {
      ...options,
      partAlignment: this.device.limits.minStorageBufferOffsetAlignment,
      limits: {
        operands: this.traits.maxStorageBuffers,
        nodes: 120,
        fusesResult: ({ op, inputs, outputs }) => kernelsOf(op.webgpu)?.fusesResult?.(inputs, outputs) ?? false,
        fusesOperand: ({ op, inputs, attrs }) => kernelsOf(op.webgpu)?.fusesOperand?.(inputs, attrs) ?? false,
      },
    })
    const scratch: number[] = []
    const tunables: TunableStep[] = []
    const bytesOf = (slots: readonly number[]) =>
      [...new Set(slots)].reduce((sum, slot) => sum + plan.slots[slot].bytes, 0)
    const instructions = plan.steps.flatMap((planned): Instruction[] => {
      const { step, shifts } = bindAtOffsets(planned, plan, this.device.limits.minStorageBufferOffsetAlignment)
      const bound = (slot: number) => ({ slot, shift: shifts.get(slot) ?? 0 })
      if (step.outputs.every((o) => plan.slots[o.slot].elements === 0)) return []
      if (step.fused) {
        const { wgsl, slots, workgroups } = fusedShader(plan, step)
        const bindings = slots.map(bound)
        return [{ name: step.name, wgsl, workgroups, bindings, flops: step.flops, bytes: bytesOf(slots) }]
      }
      const rule = kernelsOf(step.op?.webgpu)
      if (!rule) {
        warnOnHost(step)
        const slots = [...step.inputs, ...step.outputs].map((x) => x.slot)
        return [{ name: `${step.name} on the host`, host: step, flops: step.flops, bytes: bytesOf(slots) }]
      }
      const made = rule.plan(kernelContext(step), this.traits, epilogueOf(plan, step), prologueOf(plan, step))
      if (made.tunable) {
        const bytes = (operands: readonly Operand[]) => operands.map((x) => plan.slots[x.slot].bytes)
        tunables.push({ tunable: made.tunable, inputBytes: bytes(step.inputs), outputBytes: bytes(step.outputs) })
      }
      made.scratch?.forEach((bytes, i) => {
        scratch[i] = Math.max(scratch[i] ?? 0, Math.ceil(bytes / 16) * 16)
      })
      return made.dispatches.map((d) => {
        const bindings = d.bindings.map((b) =>
          'scratch' in b ? b : bound('input' in b ? step.inputs[b.input].slot : step.outputs[b.output].slot),
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
    const pipelines = await Promise.all(
      instructions.map((i) => (isOnHost(i) ? undefined : this.pipeline(i.name, i.wgsl))),
    )
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
    const { tuneSteps } = await import('./tuner.ts')
    const cases = await tuneSteps(this.device, steps, (name, wgsl) => this.pipeline(name, wgsl))
    for (const { key, chosen } of cases) this.choices.set(key, chosen)
    this.check()
    return cases
  }

  async record(into: KernelTiming[] | undefined): Promise<void> {
    this.recorder?.destroy()
    this.recorder = undefined
    if (!into) return
    const { KernelRecorder } = await import('./kernel-recorder.ts')
    this.recorder = new KernelRecorder(this.device, into)
  }

  async settle(): Promise<void> {
    await this.wait.sleep()
    await this.wait.until(this.device.queue.onSubmittedWorkDone())
    this.wait.done()
    this.check()
  }

  /** Gives `device.lost` time to resolve: when a device is lost, pending operations fail before that. */
  private async settleLoss(): Promise<void> {
    await Promise.race([this.device.lost, new Promise((resolve) => setTimeout(resolve, 50))])
  }

  /** @throws DeviceError with the first error the device reported since the last call; on every call if it is lost */
  check(): void {
    const { failure } = this
    // A lost device stays lost; other errors are thrown once.
    if (!this.lost) this.failure = undefined
    if (failure) throw failure
  }

  /**
   * Submits work and waits until the device has validated it, so that an error is thrown here and not by some later
   * call. Does not wait for the work to finish.
   */
  async accepted(what: string, work: () => void | Promise<void>): Promise<void> {
    const { device } = this
    for (const filter of ['internal', 'out-of-memory', 'validation'] as const) device.pushErrorScope(filter)
    const done: (void | Promise<void>)[] = []
    let thrown: unknown
    try {
      done.push(work())
    } catch (error) {
      thrown = error
    }
    const problems = await Promise.all([device.popErrorScope(), device.popErrorScope(), device.popErrorScope()]).catch(
      // Error scopes of a lost device reject; `lost` says why.
      async () => {
        throw lostError(await device.lost)
      },
    )
    if (thrown) throw thrown
    await done[0]
    this.check()
    const problem = problems.find((p) => p !== null)
    if (problem) throw new DeviceError(`webgpu: ${what}: ${problem.message}`)
  }

  destroy(): void {
    this.destroyed = true
    this.memory.destroy()
    if (this.ownsDevice) this.device.destroy()
    this.onDestroy()
  }

  private pipeline(name: string, wgsl: string): Promise<GPUComputePipeline> {
    const made = this.pipelines.get(wgsl) ?? this.makePipeline(name, wgsl)
    // The most recently used is last. Programs keep their own pipelines, so an evicted one is at worst compiled again.
    this.pipelines.delete(wgsl)
    this.pipelines.set(wgsl, made)
    if (this.pipelines.size > maximumPipelines) this.pipelines.delete(this.pipelines.keys().next().value!)
    return made
  }

  private async makePipeline(name: string, wgsl: string): Promise<GPUComputePipeline> {
    if (debugKernels()) console.error(`// ${name}\n${wgsl}\n`)
    this.device.pushErrorScope('validation')
    const module = this.device.createShaderModule({ label: name, code: wgsl })
    void this.device.popErrorScope() // reported below, with the source line
    try {
      return await this.wait.until(
        this.device.createComputePipelineAsync({
          label: name,
          layout: 'auto',
          compute: { module, entryPoint: 'main' },
        }),
      )
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
