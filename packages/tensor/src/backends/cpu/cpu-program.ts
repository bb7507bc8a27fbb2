// A compiled program of the CPU backend: its kernel calls in order, and its memory.

import { storageArray } from '../../dtype.ts'
import { explainPlan } from '../../passes/explain.ts'
import { type ProgramMemory, programMemory } from '../../passes/memory.ts'
import type { Plan, Step } from '../../passes/plan.ts'
import type { DeviceBuffer } from '../../storage.ts'
import type { Counters, Executable, KernelTiming } from '../backend.ts'
import { runByDefinition } from '../run-by-definition.ts'
import type { PanelMemory } from './panels.ts'
import type { ThreadPool } from './thread-pool.ts'
import type { TileChoice, TileTrial } from './tile-choice.ts'
import { allocatedBytes, type Panels, type WasmBuffer, type WasmMemory } from './wasm-memory.ts'

/** An argument of a call: a number, or a slot's pointer plus an offset. */
export type Bound =
  | number
  | { readonly slot: number; readonly offset: number }
  | { readonly scratch: number }
  | 'threadScratch'
  | 'tile'

interface Instruction {
  readonly kernel: number
  readonly count: number
  readonly grain: number
  readonly args: readonly Bound[]
  readonly trial?: TileTrial
}

export type Action = (Instruction | { readonly definition: Step }) & {
  readonly name: string
  readonly flops: number
  readonly bytes: number
}

/** What all programs of a backend run on. */
export interface CpuMachine {
  readonly memory: WasmMemory
  readonly pool: ThreadPool
  readonly tiles: TileChoice
  readonly panels: PanelMemory
  readonly counters: Counters
  readonly recorder: { current: Recording | undefined }
}

/** The calls of a step, and those if one of the program's inputs is in panels. */
export interface LoweredStep {
  readonly actions: readonly Action[]
  readonly fromPanels?: { readonly slot: number; readonly actions: readonly Action[] }
}

/** The steps of a plan as kernel calls. */
export interface LoweredPlan {
  readonly steps: readonly LoweredStep[]
  /** For each input of the program, the panels that all steps could read it in, if any. */
  readonly panels: readonly (Panels | undefined)[]
  /** Scratch memory that the threads share. */
  readonly scratchBytes: number
  readonly threadScratchBytes: number
}

/** Kernel times in microseconds, relative to the start of the recording. */
export class Recording {
  private readonly into: KernelTiming[]
  private readonly began = performance.now()

  constructor(into: KernelTiming[]) {
    this.into = into
  }

  add({ name, flops, bytes }: Action, started: number): void {
    const duration = (performance.now() - started) * 1000
    this.into.push({ name, start: (started - this.began) * 1000, duration, flops, bytes })
  }
}

/** The arguments of a call, with the places of those that may change while the addresses stay: -1 if it has none. */
interface Call {
  readonly args: number[]
  readonly scratchArgument: number
  readonly tileArgument: number
}

/** @param addresses of the slots, then of the scratch memory and of the threads' own */
function callOf(action: Action, addresses: readonly number[]): Call | undefined {
  if ('definition' in action) return undefined
  const [scratch, threadScratch] = addresses.slice(-2)
  const args = action.args.map((a) => {
    if (typeof a === 'number') return a
    if (a === 'tile') return 0
    if (a === 'threadScratch') return threadScratch
    return 'slot' in a ? addresses[a.slot] + a.offset : scratch + a.scratch
  })
  return {
    args,
    scratchArgument: action.args.indexOf('threadScratch'),
    tileArgument: action.args.indexOf('tile'),
  }
}

export class CpuProgram implements Executable {
  readonly aliases: readonly number[]
  private readonly machine: CpuMachine
  private readonly plan: Plan
  private readonly lowered: LoweredPlan
  private readonly keep: boolean
  private held: WasmBuffer[] | undefined
  private disposed = false
  /** Which inputs were in panels in the latest run, and the calls for them. */
  private inPanels: readonly boolean[]
  private actions: readonly Action[]
  /** The addresses that the latest run used, and the arguments that they make: most runs use the same again. */
  private addresses: readonly number[] = []
  private calls: readonly (Call | undefined)[] = []
  private readonly onDispose: () => void

  constructor(machine: CpuMachine, plan: Plan, lowered: LoweredPlan, keep: boolean, onDispose: () => void) {
    this.machine = machine
    this.plan = plan
    this.lowered = lowered
    this.keep = keep
    this.onDispose = onDispose
    this.aliases = plan.aliases
    this.inPanels = plan.inputSlots.map(() => false)
    this.actions = lowered.steps.flatMap(({ actions }) => actions)
  }

  run(inputs: readonly DeviceBuffer[], outputs: readonly DeviceBuffer[]): void {
    const { plan } = this
    const { memory, pool, tiles, counters, recorder } = this.machine
    const { threadScratchBytes } = this.lowered
    const recording = recorder.current
    const temporaries = this.held ?? this.take()
    if (this.keep) this.held = temporaries
    const places = { input: inputs, output: outputs, temporary: temporaries }
    const pointers = plan.locations.map((l) => (places[l.kind][l.index] as WasmBuffer).pointer + l.offset)
    pool.wake()
    const actions = this.actionsFor(inputs as readonly WasmBuffer[])
    for (const scratch of [0, 1]) pointers.push(temporaries[plan.temporaries.length + scratch]?.pointer ?? 0)
    if (pointers.length !== this.addresses.length || pointers.some((p, i) => p !== this.addresses[i])) {
      this.calls = actions.map((action) => callOf(action, pointers))
      this.addresses = pointers
    }
    try {
      for (let i = 0; i < actions.length; i++) {
        const action = actions[i]
        counters.dispatches++
        const started = recording ? performance.now() : 0
        if ('definition' in action) {
          runByDefinition(action.definition, (slot) => {
            const { dtype, elements } = plan.slots[slot]
            return storageArray(dtype, memory.memory.buffer, pointers[slot], elements)
          })
        } else {
          const { kernel, count, grain, trial } = action
          const { args, scratchArgument, tileArgument } = this.calls[i]!
          const call = () => {
            if (tileArgument >= 0) args[tileArgument] = tiles.current
            pool.run(kernel, count, grain, args, scratchArgument, threadScratchBytes)
          }
          if (trial) tiles.run(trial, call)
          else call()
        }
        if (recording) recording.add(action, started)
      }
    } finally {
      if (!this.keep) for (const b of temporaries) memory.release(b)
    }
  }

  /** The calls for the inputs, which are put into panels where that serves all programs that use them. */
  private actionsFor(inputs: readonly WasmBuffer[]): readonly Action[] {
    const { steps, panels } = this.lowered
    const arranged = this.machine.panels.arrange(inputs, panels)
    if (arranged.some((is, i) => is !== this.inPanels[i])) {
      const slots = new Set(this.plan.inputSlots.filter((_, i) => arranged[i]))
      this.actions = steps.flatMap(({ actions, fromPanels }) =>
        fromPanels && slots.has(fromPanels.slot) ? fromPanels.actions : actions,
      )
      this.inPanels = arranged
      this.addresses = []
    }
    return this.actions
  }

  explain(): string {
    return explainPlan(this.plan)
  }

  memory(): ProgramMemory {
    return programMemory(this.plan, this.scratchSizes(), allocatedBytes)
  }

  releaseTemporaries(): void {
    for (const b of this.held ?? []) this.machine.memory.release(b)
    this.held = undefined
  }

  dispose(): void {
    this.releaseTemporaries()
    if (this.disposed) return
    this.disposed = true
    this.onDispose()
  }

  private scratchSizes(): number[] {
    const { scratchBytes, threadScratchBytes } = this.lowered
    return [scratchBytes, threadScratchBytes * this.machine.pool.threads]
  }

  /** Allocates the temporaries, then shared and per-thread scratch: all of them, or none if one fails. */
  private take(): WasmBuffer[] {
    const taken: WasmBuffer[] = []
    try {
      for (const bytes of [...this.plan.temporaries, ...this.scratchSizes()]) {
        taken.push(this.machine.memory.allocate(bytes))
      }
    } catch (error) {
      for (const b of taken) this.machine.memory.release(b)
      throw error
    }
    return taken
  }
}
