/**
 * A cpu device that holds its kernels to the memory they were given, for tests: every load and store must lie in a
 * value of the step or in its scratch memory, and no thread may touch what another one wrote in the same call.
 */
import { CpuBackend, type CpuOptions } from '../src/backends/cpu/cpu-backend.ts'
import { type Action, type CpuMachine, CpuProgram } from '../src/backends/cpu/cpu-program.ts'
import type { WasmBuffer, WasmMemory } from '../src/backends/cpu/wasm-memory.ts'
import { Device } from '../src/device.ts'
import type { Plan } from '../src/passes/plan.ts'
import { type AccessReports, instrumentedModule } from './instrumented-module.ts'

/** Bytes that a load, not a store, may read past the end of a value: see wasm-memory.ts. */
const slack = 16
/** The kernels' own constants are below. */
const heapStart = 65536
/** As many threads as calls pretend to have, one after the other. */
const threads = 3

interface Region {
  readonly what: string
  readonly start: number
  readonly end: number
}

/** Which thread of the current call wrote each byte of the first 16 MiB. */
class Writers {
  private readonly by = new Uint32Array(1 << 24)

  /** Notes a store by `who`; threads of the current call count from `first`. Whether another one was there before. */
  store(start: number, end: number, who: number, first: number): boolean {
    let other = false
    for (let at = start; at < end && at < this.by.length; at++) {
      if (this.by[at] >= first && this.by[at] !== who) other = true
      this.by[at] = who
    }
    return other
  }

  /** Whether another thread of the current call wrote a byte. */
  other(at: number, who: number, first: number): boolean {
    return this.by[at] >= first && this.by[at] !== who
  }
}

/** The private parts of a program that say which memory its kernels are given. */
interface Internals {
  readonly plan: Plan
  readonly lowered: { readonly scratchBytes: number }
  /** The calls of the latest run. */
  readonly actions: readonly Action[]
  readonly held?: readonly WasmBuffer[]
  take(): WasmBuffer[]
}

/** Two threads may compute the same elements, to the same bits. */
const overlapping = new Set(['gemvColumns'])

export class BoundedDevice implements Disposable {
  readonly device: Device
  /** What was wrong, each once. */
  readonly problems = new Set<string>()
  /** Loads and stores that were looked at. */
  accesses = 0
  /** Names of the built-in kernels that ran, and `fused`. */
  readonly ran = new Set<string>()
  /** Names of all that there are. */
  readonly kernels: string[] = []
  private readonly restore: () => void

  private constructor(device: Device, restore: () => void) {
    this.device = device
    this.restore = restore
  }

  static async create(options: CpuOptions = {}): Promise<BoundedDevice> {
    const { compile, Module, Instance } = WebAssembly
    const reports: { current?: AccessReports } = {}
    const forward: AccessReports = {
      access: (...all) => reports.current!.access(...all),
      written: (pointer) => reports.current!.written(pointer),
      read: (pointer) => reports.current!.read(pointer),
      length: (bytes) => reports.current!.length(bytes),
    }
    // Other packages have modules too, with memories of their own.
    const ignored: AccessReports = {
      access: (pointer) => pointer,
      written: (pointer) => pointer,
      read: (pointer) => pointer,
      length: (bytes) => bytes,
    }
    const own: { memory?: unknown } = {}
    const instrumented = (bytes: BufferSource) => instrumentedModule(bytes as Uint8Array)
    WebAssembly.compile = ((bytes: BufferSource) => compile(instrumented(bytes))) as typeof compile
    WebAssembly.Module = new Proxy(Module, { construct: (made, [bytes]) => new made(instrumented(bytes)) })
    WebAssembly.Instance = new Proxy(Instance, {
      construct: (made, [module, imports]) => {
        own.memory ??= imports?.env?.memory // that of the first, the built-in kernels
        return new made(module, { ...imports, bounds: imports?.env?.memory === own.memory ? forward : ignored })
      },
    })
    const { run, take } = CpuProgram.prototype as unknown as { run: CpuProgram['run']; take: Internals['take'] }
    const restore = () => {
      Object.assign(WebAssembly, { compile, Module, Instance })
      Object.assign(CpuProgram.prototype, { run, take })
    }
    try {
      const backend = await CpuBackend.create({ ...options, threads: 1 })
      const bounded = new BoundedDevice(new Device(backend), restore)
      const machine = (backend as unknown as { machine: CpuMachine }).machine
      reports.current = bounded.watch(machine, { run, take })
      return bounded
    } catch (error) {
      restore()
      throw error
    }
  }

  [Symbol.dispose](): void {
    this.device.dispose()
    this.restore()
  }

  private watch(machine: CpuMachine, original: { run: CpuProgram['run']; take: Internals['take'] }): AccessReports {
    const { memory, pool } = machine
    const live = watchBlocks(memory, this.problems)
    const names = new Map<number, string>(
      [...(pool as unknown as { names: Map<string, number> }).names].map(([name, id]) => [id, name]),
    )
    // The others are functions of vectors that fused kernels call.
    const { builtIn } = pool as unknown as { builtIn: readonly ((...args: number[]) => void)[] }
    for (const [id, name] of names) if (builtIn[id].length > 1) this.kernels.push(name)
    const find = (id: number) => (pool as unknown as { find(id: number): (...args: number[]) => void }).find(id)
    Object.assign(pool, { threads })

    /** The program that runs, with the memory of its slots. */
    let program:
      | (Internals & { next: number; pointers?: number[]; buffers: Record<string, readonly WasmBuffer[]> })
      | undefined
    let taken: WasmBuffer[] = []
    Object.assign(CpuProgram.prototype, {
      take(this: Internals) {
        taken = original.take.call(this)
        return taken
      },
      run(this: CpuProgram, inputs: readonly WasmBuffer[], outputs: readonly WasmBuffer[]) {
        const own = this as unknown as Internals
        taken = []
        program = Object.assign(Object.create(own), { next: 0, buffers: { input: inputs, output: outputs } })
        original.run.call(this, inputs, outputs)
        program = undefined
      },
    })

    let regions: Region[] = []
    let what = ''
    let kernelName = ''
    let who = 0
    let first = 1
    let last: Region | undefined
    const writers = new Writers()
    const problem = (text: string) => {
      if (this.problems.size < 100) this.problems.add(`${what}: ${text}`)
    }
    const check = (start: number, bytes: number, store: boolean) => {
      this.accesses++
      const end = start + bytes
      if (bytes === 0 || (!store && end <= heapStart)) return
      const allowed = store ? 0 : slack
      let region = last
      // Past its end another one may begin.
      if (!region || start < region.start || end > region.end)
        region =
          regions.find((r) => start >= r.start && end <= r.end) ??
          regions.find((r) => start >= r.start && start < r.end + allowed && end <= r.end + allowed)
      if (!region) {
        const near = regions
          .filter((r) => start >= r.start)
          .sort((a, b) => b.end - a.end)
          .find((r) => start <= r.end + 4096)
        problem(
          `${store ? 'a store' : 'a load'} of ${bytes} bytes ${near ? `at ${start - near.start} of ${near.what}, which has ${near.end - near.start}` : `at ${start}, outside of ${regions.map((r) => `${r.what} [${r.start}, ${r.end})`).join(', ')}`}`,
        )
        return
      }
      last = region
      const inside = Math.min(end, region.end)
      if (overlapping.has(kernelName)) return
      if (store) {
        if (writers.store(start, inside, who, first)) problem(`two threads write the same bytes of ${region.what}`)
      } else if (kernelName !== 'fused') {
        // A fused kernel loads four elements where a row ends with fewer. The others are the next row's, in whatever
        // state they are, and are not used.
        if (writers.other(start, who, first) || writers.other(inside - 1, who, first))
          problem(`one thread reads bytes of ${region.what} that another one wrote`)
      }
    }

    let calls = 0
    pool.run = (id, count, _grain, args, scratchArgument, scratchStride) => {
      kernelName = names.get(id) ?? 'fused'
      this.ran.add(kernelName)
      const shared: Region[] = []
      if (kernelName === 'interleaveRows') {
        // Rearranges an input before the program's own calls, or before it is read.
        const [start, size, k] = args
        shared.push({ what: 'the matrix', start, end: start + 8 * count * size * k })
        what = `${kernelName} (${args.join(' ')})`
      } else {
        if (!program) throw new Error('a kernel runs outside of a program')
        const { plan, lowered, buffers } = program
        const own = program.held ?? taken
        const pointers = plan.locations.map(
          ({ kind, index, offset }) => (kind === 'temporary' ? own : buffers[kind])[index].pointer + offset,
        )
        const action = program.actions.filter((a) => 'kernel' in a)[program.next++]
        if (!('kernel' in action) || action.kernel !== id) throw new Error('a kernel runs out of turn')
        what = `${action.name} (${kernelName}, ${args.join(' ')})`
        const scratch = own[plan.temporaries.length]?.pointer ?? 0
        for (const [k, bound] of action.args.entries()) {
          if (typeof bound !== 'object') continue
          if ('slot' in bound) {
            const start = pointers[bound.slot]
            shared.push({ what: `argument ${k}`, start, end: start + plan.slots[bound.slot].bytes })
          } else shared.push({ what: 'scratch', start: scratch, end: scratch + lowered.scratchBytes })
        }
      }
      for (const { what, start, end } of shared) if (!live.some(start, end)) problem(`${what} is not allocated`)
      // Cuts that differ from call to call: no kernel may depend on where they are.
      const parts = Math.min(count, 1 + (calls++ % 5))
      first = who + 1
      const next = first + threads
      for (let part = parts - 1; part >= 0; part--) {
        const thread = part % threads
        const own = args.slice()
        regions = shared
        who = first + thread
        if (scratchArgument >= 0) {
          const start = (own[scratchArgument] += thread * scratchStride)
          regions = [...shared, { what: `scratch of thread ${thread}`, start, end: start + scratchStride }]
          if (!live.some(start, start + scratchStride)) problem('scratch of a thread is not allocated')
        }
        last = undefined
        const from = Math.floor((part * count) / parts)
        find(id)(from, Math.floor(((part + 1) * count) / parts), thread, ...own)
      }
      who = next
    }

    const bulk: [pointer: number, store: boolean][] = []
    // Addresses of 32 bits come as signed integers.
    const unsigned = (n: number) => (n < 0 ? n + 2 ** 32 : n)
    return {
      access: (pointer, offset, bytes, store) => {
        check(unsigned(pointer) + unsigned(offset), bytes, store === 1)
        return pointer
      },
      written: (pointer) => {
        bulk.push([unsigned(pointer), true])
        return pointer
      },
      read: (pointer) => {
        bulk.push([unsigned(pointer), false])
        return pointer
      },
      length: (bytes) => {
        for (const [pointer, store] of bulk.splice(0)) check(pointer, unsigned(bytes), store)
        return bytes
      },
    }
  }
}

/** Follows which blocks are allocated; a block that is released twice, or handed out twice, is a problem. */
function watchBlocks(memory: WasmMemory, problems: Set<string>): { some(start: number, end: number): boolean } {
  const live = new Map<number, number>()
  const { allocate, release } = memory
  memory.allocate = (bytes) => {
    const block = allocate.call(memory, bytes)
    for (const [pointer, size] of live)
      if (block.pointer < pointer + size && pointer < block.pointer + block.bytes)
        problems.add('a block is handed out while it is in use')
    live.set(block.pointer, block.bytes)
    return block
  }
  memory.release = (block) => {
    if (!live.delete(block.pointer)) problems.add('a block is released twice')
    release.call(memory, block)
  }
  return {
    some: (start, end) => [...live].some(([pointer, size]) => start >= pointer && end <= pointer + size),
  }
}
