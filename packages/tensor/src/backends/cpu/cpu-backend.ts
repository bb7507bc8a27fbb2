// The CPU backend: the steps of a plan become calls of WebAssembly kernels on all threads.

import { shown } from '../../arguments.ts'
import type { HostArray } from '../../dtype.ts'
import { DeviceError } from '../../errors.ts'
import type { Graph } from '../../graph/graph.ts'
import { identityOf, keyOf } from '../../graph/key.ts'
import type { Node } from '../../graph/node.ts'
import type { Spec } from '../../graph/spec.ts'
import { contiguousAccess, isContiguous } from '../../passes/access.ts'
import type { Operand } from '../../passes/operand.ts'
import { type Plan, planGraph, type Step } from '../../passes/plan.ts'
import type { Resolver } from '../../passes/resolve.ts'
import type { DeviceBuffer } from '../../storage.ts'
import type { Backend, CompileOptions, Counters, Executable, KernelTiming } from '../backend.ts'
import { expandFor, kernelsOf } from '../kernel-source.ts'
import { defaultAddress, hasMemory64 } from './addressing.ts'
import {
  type Action,
  type Bound,
  type CpuMachine,
  CpuProgram,
  type LoweredPlan,
  type LoweredStep,
  Recording,
} from './cpu-program.ts'
import { calledFunctions, canFuse } from './fused-instructions.ts'
import { type FusedKernel, fusedKernel } from './fused-kernel.ts'
import { encodeKernels } from './kernel-module.ts'
import { loadKernels, relaxedProbe } from './load-kernels.ts'
import { PanelMemory, panelSlots } from './panels.ts'
import { maximumThreads } from './pool-worker.ts'
import type { CpuArgument, CpuCall, CpuPlan, CpuRule } from './rule.ts'
import { type StraightLine, straightLines } from './straight-line.ts'
import { defaultThreads, type LoadedModule, ThreadPool } from './thread-pool.ts'
import { TileChoice } from './tile-choice.ts'
import { blockAlignment, type MemoryKind, type WasmBuffer, WasmMemory } from './wasm-memory.ts'

export interface CpuOptions {
  /** Threads, the calling one included; default: all processors where memory can be shared, else 1. */
  readonly threads?: number
  /** False: round after the multiplication and after the addition, even where the runtime has fused multiply-add. */
  readonly relaxedSimd?: boolean
  /** Whether addresses have 64 bits: 16 GiB of memory instead of 4; default: in Node and Deno, where there are such. */
  readonly memory64?: boolean
  /** The micro-tile of matrix products, '4x8' or '6x8' (with relaxed SIMD); default: the faster one by measurement. */
  readonly tile?: string
}

/** A loaded module of fused kernels. It is unloaded when no program uses one of them. */
interface FusedModule {
  readonly module: LoadedModule
  /** Keys of the fused steps that its kernels compute. */
  readonly keys: readonly string[]
  /** Programs not yet disposed that use it. */
  users: number
}

interface LoadedKernel {
  readonly owner: FusedModule
  readonly kernel: number
  readonly count: number
  readonly grain: number
}

/** Whether a node is the square of a contiguous float32 operand. */
function squaresMemory({ op, inputs }: Node, resolver: Resolver): boolean {
  const [x] = inputs
  const source = resolver.resolve(x)
  return op.name === 'square' && x.dtype === 'float32' && source?.kind === 'memory' && isContiguous(source.access)
}

/** A contiguous operand with another shape. */
const asShaped = (operand: Operand, { shape }: Spec): Operand => ({
  ...operand,
  access: { ...contiguousAccess(shape), offset: operand.access.offset },
})

async function compileKernels(bytes: Uint8Array<ArrayBuffer>): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes)
  } catch (error) {
    throw new DeviceError(
      `cpu: this runtime does not compile the WebAssembly kernels (${(error as Error).message}). A page's Content-Security-Policy must allow them (script-src 'wasm-unsafe-eval') and, for several threads, the workers (worker-src blob:); WebAssembly SIMD is needed too. init({ backend: 'reference' }) works without, slowly`,
    )
  }
}

/** @param memory64 what `init` was given */
function makeMemory(shared: boolean, memory64: boolean | undefined, counters: Counters): WasmMemory {
  if (memory64 && !hasMemory64())
    throw new DeviceError(
      'cpu: this runtime has no WebAssembly memory with 64-bit addresses (memory64); Node 24, Deno 2.2, Chrome 133 and Firefox 134 and newer have it',
    )
  const kinds: readonly MemoryKind[] = [
    ...((memory64 ?? defaultAddress() === 'i64') ? [{ shared: true, address: 'i64' } as const] : []),
    // By default a system that limits addresses gets the smaller memory.
    ...(memory64 ? [] : [{ shared, address: 'i32' } as const]),
  ]
  let refused = ''
  for (const kind of kinds) {
    try {
      return new WasmMemory(kind, counters)
    } catch (error) {
      refused = (error as Error).message
    }
  }
  throw new DeviceError(
    `cpu: the system refused to reserve addresses for WebAssembly memory (${refused}); free memory, raise the limit (ulimit -v)${memory64 ? ', or use init({ memory64: false }), which reserves less' : ''}`,
  )
}

/** WebAssembly SIMD on several threads. Ops without a kernel run by their definition. */
export class CpuBackend implements Backend {
  readonly kind = 'cpu'
  readonly counters: Counters
  private readonly machine: CpuMachine
  /** Functions of the kernels whose code fused kernels copy. */
  private readonly lines: ReadonlyMap<string, StraightLine>
  private readonly simd: string
  /** Fused kernels already loaded, by the key of their step. */
  private readonly fused = new Map<string, LoadedKernel>()

  private constructor(machine: CpuMachine, lines: ReadonlyMap<string, StraightLine>, fused: boolean) {
    this.machine = machine
    this.lines = lines
    this.counters = machine.counters
    this.simd = fused ? 'relaxed SIMD' : 'SIMD'
  }

  get addressableBytes(): number {
    return this.machine.memory.addressableBytes
  }

  get description(): string {
    const { living } = this.machine.pool
    return `WebAssembly ${this.simd}, ${living} thread${living === 1 ? '' : 's'}`
  }

  static async create(options: CpuOptions = {}): Promise<CpuBackend> {
    const { threads = await defaultThreads() } = options
    if (!Number.isInteger(threads) || threads < 1 || threads > maximumThreads)
      throw new RangeError(`cpu: threads must be an integer from 1 to ${maximumThreads}, got ${shown(threads)}`)
    const counters: Counters = { buffers: 0, bytes: 0, created: 0, submits: 0, encoders: 0, dispatches: 0 }
    const memory = makeMemory(threads > 1, options.memory64, counters)
    // Relaxed SIMD has fused multiply-add.
    const fused = options.relaxedSimd !== false && WebAssembly.validate(relaxedProbe)
    const bytes = bytesOf(await loadKernels(memory.kind, fused))
    const pool = await ThreadPool.create(memory, await compileKernels(bytes), threads)
    const tiles = new TileChoice(fused, options.tile)
    const panels = new PanelMemory(memory, pool)
    const machine: CpuMachine = { memory, pool, tiles, panels, counters, recorder: { current: undefined } }
    return new CpuBackend(machine, straightLines(bytes, memory.memory.buffer), fused)
  }

  allocate(bytes: number): DeviceBuffer {
    return this.machine.memory.allocate(bytes)
  }

  release(buffer: DeviceBuffer): void {
    this.machine.memory.release(buffer as WasmBuffer)
  }

  discard(buffer: DeviceBuffer): void {
    this.release(buffer)
  }

  upload(buffer: DeviceBuffer, data: HostArray): void {
    this.machine.panels.toRows(buffer as WasmBuffer)
    this.machine.memory
      .bytes(buffer as WasmBuffer, data.byteLength)
      .set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }

  async download(buffer: DeviceBuffer, bytes: number): Promise<ArrayBuffer> {
    this.machine.panels.toRows(buffer as WasmBuffer)
    return this.machine.memory.bytes(buffer as WasmBuffer, bytes).slice().buffer as ArrayBuffer
  }

  async compile(graph: Graph, options: CompileOptions): Promise<Executable> {
    const supports = (rule: CpuRule<unknown>, { inputs, attrs }: Node) => rule.supports?.(inputs, attrs) ?? true
    const plan = planGraph(await expandFor(graph, (op) => op.cpu, supports), {
      ...options,
      temporaryAlignment: blockAlignment,
      limits: {
        operands: 40,
        nodes: 100,
        fusesOperand: ({ op, inputs, attrs }) => kernelsOf(op.cpu)?.fusesSquare?.(inputs, attrs) ?? false,
        takesWork: (_, work, resolver) => work.length === 1 && squaresMemory(work[0], resolver),
      },
    })
    const { modules, ...lowered } = this.lower(plan, options.donated)
    const program = new CpuProgram(this.machine, plan, lowered, options.keepTemporaries, () => this.giveUp(modules))
    try {
      this.machine.memory.requireAddressable(program.memory())
    } catch (error) {
      program.dispose()
      throw error
    }
    return program
  }

  record(into: KernelTiming[] | undefined): void {
    this.machine.recorder.current = into && new Recording(into)
  }

  destroy(): void {
    this.machine.pool.destroy()
  }

  /** Called when a program that used these modules is disposed: unloads those that no other program uses. */
  private giveUp(modules: Iterable<FusedModule>): void {
    for (const m of modules) {
      if (--m.users > 0) continue
      for (const key of m.keys) this.fused.delete(key)
      this.machine.pool.unload(m.module)
    }
  }

  private lower(
    plan: Plan,
    donated: ReadonlySet<number>,
  ): LoweredPlan & { readonly modules: ReadonlySet<FusedModule> } {
    const { pool, tiles, memory } = this.machine
    let scratchBytes = 0
    let threadScratchBytes = 0
    const made = new Map<string, FusedKernel>()
    const stepKeys = new Map<Step, string>()
    const fusable = plan.steps.filter((step): step is Step & Pick<Required<Step>, 'fused'> =>
      Boolean(step.fused && canFuse(step.fused)),
    )
    const functions = calledFunctions(
      fusable.map((step) => step.fused),
      this.lines,
    )
    for (const step of fusable) {
      const { shape, leaves, nodes, results } = step.fused
      const key = keyOf([
        shape,
        leaves.map((l) => ({ ...l, slot: 0 })),
        nodes.map((n) => [identityOf(n.op), n.attrs, n.args, n.from, n.dtype]),
        results,
        step.outputs.map((o) => o.dtype),
      ])
      stepKeys.set(step, key)
      if (this.fused.has(key) || made.has(key)) continue
      const dtypes = step.outputs.map((o) => o.dtype)
      made.set(key, fusedKernel(step.fused, dtypes, `f${made.size}`, functions, this.lines, memory.kind.address))
    }
    if (made.size > 0) {
      const kernels = [...made.values()].map((m) => m.fn)
      const module = pool.load(encodeKernels(kernels, functions, memory.kind))
      const owner: FusedModule = { module, keys: [...made.keys()], users: 0 }
      let kernel = module.first
      for (const [key, { count, grain }] of made) this.fused.set(key, { owner, kernel: kernel++, count, grain })
    }
    const modules = new Set<FusedModule>()
    for (const key of stepKeys.values()) modules.add(this.fused.get(key)!.owner)
    for (const m of modules) m.users++

    const plans = new Map<Step, CpuPlan>()
    for (const step of plan.steps) {
      const made = kernelPlan(step)
      if (made) plans.set(step, made)
    }
    const inPanels = panelSlots(plan, plans, donated)
    const steps = plan.steps.map((step): LoweredStep => {
      if (step.outputs.every((o) => plan.slots[o.slot].elements === 0)) return { actions: [] }
      const slots = new Set([...step.inputs, ...step.outputs].map((x) => x.slot))
      const about = {
        name: step.name,
        flops: step.flops,
        bytes: [...slots].reduce((sum, slot) => sum + plan.slots[slot].bytes, 0),
      }
      const bind = (a: CpuArgument): Bound => {
        if (a === 'panels') return inPanels.get(step.inputs[plans.get(step)!.fromPanels!.input].slot)!.count
        if (typeof a === 'number' || a === 'threadScratch' || a === 'tile' || 'scratch' in (a as object))
          return a as Bound
        const operand =
          'input' in (a as object)
            ? step.inputs[(a as { input: number }).input]
            : step.outputs[(a as { output: number }).output]
        return { slot: operand.slot, offset: (a as { offset?: number }).offset ?? 0 }
      }
      if (step.fused) {
        const key = stepKeys.get(step)
        if (key === undefined) return { actions: [{ definition: step, ...about }] }
        const { kernel, count, grain } = this.fused.get(key)!
        const args = [...step.inputs, ...step.outputs].map((x): Bound => ({ slot: x.slot, offset: 0 }))
        return { actions: [{ kernel, count, grain, args, ...about }] }
      }
      const made = plans.get(step)
      if (!made) return { actions: [{ definition: step, ...about }] }
      scratchBytes = Math.max(scratchBytes, made.scratchBytes ?? 0)
      threadScratchBytes = Math.max(threadScratchBytes, made.threadScratchBytes ?? 0)
      // FLOPs are counted once per step, on its last call, which does most of the work.
      const actionsOf = (calls: readonly CpuCall[]) =>
        calls.map(
          (c, i): Action => ({
            name: calls.length === 1 ? step.name : `${step.name} ${c.kernel}`,
            flops: i === calls.length - 1 ? about.flops : 0,
            bytes: about.bytes,
            kernel: pool.kernel(c.kernel),
            count: c.count,
            grain: c.grain,
            args: c.args.map(bind),
            trial: c.args.includes('tile') && i === calls.length - 1 ? tiles.trial(about.flops) : undefined,
          }),
        )
      const { fromPanels } = made
      const slot = fromPanels && step.inputs[fromPanels.input].slot
      return {
        actions: actionsOf(made.calls),
        ...(slot !== undefined &&
          inPanels.has(slot) && { fromPanels: { slot, actions: actionsOf(fromPanels!.calls) } }),
      }
    })
    const panels = plan.inputSlots.map((slot) => inPanels.get(slot))
    return { steps, panels, scratchBytes, threadScratchBytes: Math.ceil(threadScratchBytes / 64) * 64, modules }
  }
}

/** The calls that a rule plans; undefined for elementwise work, and for a step that runs by its definition. */
function kernelPlan({ fused, op, prologue, inputs, outputs, attrs }: Step): CpuPlan | undefined {
  const rule = fused ? undefined : kernelsOf(op!.cpu)
  const specs = prologue ? [prologue.operand] : inputs.map((x) => ({ shape: x.access.shape, dtype: x.dtype }))
  if (!rule || !(rule.supports?.(specs, attrs) ?? true)) return undefined
  return prologue
    ? rule.plan({ inputs: [asShaped(inputs[0], prologue.operand)], outputs, attrs }, true)
    : rule.plan({ inputs, outputs, attrs })
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
}
