// Runs kernels over ranges, on the calling thread and on workers that share its memory.

import { DeviceError } from '../../errors.ts'
import { isNode } from './addressing.ts'
import {
  at,
  claimed,
  firstLoaded,
  maximumArguments,
  maximumMessage,
  maximumModules,
  maximumUnits,
  moduleWords,
  startWorker,
  type WorkerLike,
} from './pool-worker.ts'
import { blockAlignment, type WasmBuffer, type WasmMemory } from './wasm-memory.ts'

/** A WebAssembly kernel: works on [start, end) of its range. */
type Kernel = (start: number, end: number, thread: number, ...args: number[]) => void

/** How many functions a module made at run time can have: see `firstLoaded`. */
const maximumFunctions = 1 << 16
/** Kernels take ranges as signed 32-bit integers. */
const maximumCount = 0x7fffffff
/** Loads of a word before the calling thread sleeps until it changes: about 20 microseconds. */
const callerSpins = 10000

/** Timeouts of 1 ms after which the sleeping thread looks whether the workers it waits for still live. */
const livenessCheck = 100

/** A module made at run time. Its functions have the ids `first`, `first + 1`, ... */
export interface LoadedModule {
  readonly first: number
  readonly table: readonly Kernel[]
  /** Its code in shared memory, from which the workers compile it. */
  bytes?: WasmBuffer
}

/** Runs kernels over ranges, on the calling thread and on workers that share the memory. */
export class ThreadPool {
  readonly threads: number
  private readonly memory: WasmMemory
  private readonly words: Int32Array
  private readonly args: Float64Array
  /** Why a kernel failed in a worker. */
  private readonly message: Uint16Array
  private readonly builtIn: readonly Kernel[]
  private readonly loaded: (LoadedModule | undefined)[] = []
  /** Slots of unloaded modules. */
  private readonly vacant: number[] = []
  private readonly names = new Map<string, number>()
  private readonly base: WebAssembly.Instance
  private readonly workers: WorkerLike[] = []
  private tasks = 0
  /** Why the device is lost. */
  private lost: string | undefined

  private constructor(memory: WasmMemory, kernels: WebAssembly.Module, threads: number) {
    this.memory = memory
    this.threads = threads
    const shared = (bytes: number) => (threads > 1 ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes))
    this.words = new Int32Array(shared((at.directory + moduleWords * maximumModules) * 4))
    this.args = new Float64Array(shared(maximumArguments * 8))
    this.message = new Uint16Array(shared(maximumMessage * 2))
    this.base = new WebAssembly.Instance(kernels, {
      env: { memory: memory.memory, abort: () => fail('a kernel aborted') },
    })
    this.builtIn = functionsOf(kernels, this.base)
    WebAssembly.Module.exports(kernels)
      .filter(({ kind }) => kind === 'function')
      .forEach(({ name }, id) => {
        this.names.set(name, id)
      })
  }

  /**
   * @param threads including the calling one; more than 1 needs shared memory
   * @throws DeviceError if the system refuses a thread
   */
  static async create(memory: WasmMemory, kernels: WebAssembly.Module, threads: number): Promise<ThreadPool> {
    const pool = new ThreadPool(memory, kernels, threads)
    const { words, args, message, workers } = pool
    for (let thread = 1; thread < threads; thread++) {
      try {
        const shared = { memory: memory.memory, noPages: memory.noPages, kernels, words, args, message }
        const worker = startWorker({ ...shared, thread, threads }, () => {
          // It held no units, or this thread would be waiting for them. The others do its share.
          const at = workers.indexOf(worker)
          if (at >= 0) workers.splice(at, 1)
        })
        workers.push(worker)
      } catch (error) {
        pool.destroy()
        throw new DeviceError(
          `cpu: the system refused thread ${thread + 1} of ${threads} (${(error as Error).message}); init({ threads: ${thread} }) takes as many as it gave`,
        )
      }
    }
    return pool
  }

  /** How many threads take part, the calling one included: fewer than `threads` once a worker has ended. */
  get living(): number {
    return this.workers.length + 1
  }

  /** The id of a built-in kernel. */
  kernel(name: string): number {
    const id = this.names.get(name)
    if (id === undefined) throw new Error(`cpu: no kernel is called ${name}`)
    return id
  }

  /**
   * Loads a module that was made at run time.
   * @throws DeviceError if too many are loaded, or it has too many functions
   */
  load(bytes: Uint8Array): LoadedModule {
    const module = new WebAssembly.Module(bytes as BufferSource)
    const instance = new WebAssembly.Instance(module, {
      env: { memory: this.memory.memory },
      math: this.base.exports as WebAssembly.ModuleImports,
    })
    const table = functionsOf(module, instance)
    if (table.length > maximumFunctions)
      throw new DeviceError(
        `cpu: a program has ${table.length} fused kernels, more than ${maximumFunctions}; compile parts of it`,
      )
    if (this.vacant.length === 0 && this.loaded.length >= maximumModules)
      throw new DeviceError(`cpu: more than ${maximumModules} programs are alive on one device; dispose some`)
    // Before a place is taken, which would be lost if there is no memory.
    const own = this.workers.length > 0 ? this.memory.allocate(bytes.length) : undefined
    const place = this.vacant.pop() ?? this.loaded.length
    const made: LoadedModule = { first: (place + 1) << 16, table, bytes: own }
    if (made.bytes) {
      this.memory.bytes(made.bytes, bytes.length).set(bytes)
      const entry = at.directory + moduleWords * place
      this.words[entry] = made.bytes.pointer / blockAlignment
      this.words[entry + 1] = bytes.length
      this.words[entry + 2]++
    }
    this.loaded[place] = made
    return made
  }

  /** Unloads a module; its ids will be reused. */
  unload(module: LoadedModule): void {
    const place = (module.first >>> 16) - 1
    if (this.loaded[place] !== module) return
    this.loaded[place] = undefined
    this.vacant.push(place)
    if (module.bytes) this.memory.release(module.bytes)
  }

  private find(id: number): Kernel {
    return id < firstLoaded ? this.builtIn[id] : this.loaded[(id >>> 16) - 1]!.table[id & 0xffff]
  }

  /** Wakes the workers, so that they are ready when tasks follow at once. */
  wake(): void {
    if (this.workers.length > 0 && Atomics.load(this.words, at.sleeping) > 0) Atomics.notify(this.words, at.generation)
  }

  /**
   * Runs kernel `id` over [0, count) in ranges of at least `grain`.
   * @param args arguments of the kernel after start, end and thread
   * @param scratchArgument the index of the argument that points to scratch memory, or -1; thread i gets it plus
   *   i * scratchStride bytes
   */
  run(
    id: number,
    count: number,
    grain: number,
    args: readonly number[],
    scratchArgument: number,
    scratchStride: number,
  ): void {
    // With a count of NaN, every thread would wait for units that none can claim.
    if (!Number.isInteger(count) || count > maximumCount || !(grain >= 1))
      throw new DeviceError(
        `cpu: kernel ${this.nameOf(id)} was planned over ${count} items in ranges of ${grain}; both must be integers, of 31 bits at most`,
      )
    if (count <= 0) return
    this.requireWhole()
    const { words } = this
    const kernel = this.find(id)
    if (this.workers.length === 0 || count <= grain) {
      kernel(0, count, 0, ...args)
      return
    }
    const unit = Math.max(grain, Math.ceil(count / maximumUnits))
    const units = Math.ceil(count / unit)
    // From 1 on: a worker that has run nothing yet has 0.
    this.tasks = (this.tasks % 0x7fffffff) + 1
    words[at.task] = this.tasks
    words[at.kernel] = id
    words[at.count] = count
    words[at.unit] = unit
    words[at.arguments] = args.length
    words[at.scratchArgument] = scratchArgument
    words[at.pages] = this.memory.pages
    this.args.set(args)
    this.args[args.length] = scratchStride
    Atomics.store(words, at.done, 0)
    Atomics.store(words, at.ticket, ((this.tasks & 0x7fff) << 16) | units)
    Atomics.add(words, at.generation, 1)
    this.wake()
    let failure: { readonly error: unknown } | undefined
    for (;;) {
      const ticket = Atomics.load(words, at.ticket)
      const left = ticket & maximumUnits
      if (left === 0) break
      const taken = Math.max(1, Math.floor((left / this.threads) * claimed))
      if (Atomics.compareExchange(words, at.ticket, ticket, ticket - taken) !== ticket) continue
      try {
        // After a failure the units left are only claimed, so that no worker takes one.
        if (!failure) kernel((left - taken) * unit, Math.min(left * unit, count), 0, ...args)
      } catch (error) {
        failure = { error }
      }
      Atomics.add(words, at.done, taken)
    }
    // A page's main thread may not block; elsewhere yield to the workers after spinning for a while.
    for (let spins = 0; Atomics.load(words, at.done) !== units; spins++)
      if (spins > callerSpins && mayWait && !this.waitFor(units)) break
    // Not before the workers are done: they use memory that the caller will release, and would count as done units of
    // the next run.
    const failed = Atomics.load(words, at.failed)
    const ended = Atomics.load(words, at.done) !== units
    if (failed !== 0 || ended) {
      const reason = ended ? 'the thread ended' : String.fromCharCode(...this.message.subarray(0, failed))
      this.lost = `cpu: kernel ${this.nameOf(id)} failed in a worker thread (${reason})`
    }
    if (failure) throw failure.error
    this.requireWhole()
  }

  /** Sleeps until all units are done: true; or until those left were held by workers that have ended. */
  private waitFor(units: number): boolean {
    const { words } = this
    let timeouts = 0
    Atomics.store(words, at.waiting, 1)
    let done = Atomics.load(words, at.done)
    for (; done !== units; done = Atomics.load(words, at.done)) {
      if (Atomics.wait(words, at.done, done, 1) === 'timed-out') timeouts++
      if (timeouts < livenessCheck) continue
      timeouts = 0
      // In this order: a worker that has claimed units is working until it has counted them as done.
      if (this.workers.every((w) => Atomics.load(words, at.working + 16 * w.thread) === 0 || w.hasEnded())) {
        done = Atomics.load(words, at.done)
        break
      }
    }
    Atomics.store(words, at.waiting, 0)
    return done === units
  }

  /** @throws DeviceError once a part of a kernel is missing */
  private requireWhole(): void {
    const { lost: problem } = this
    if (problem !== undefined)
      throw new DeviceError(`${problem}; the device cannot be used any more`, { lost: true, problem })
  }

  private nameOf(id: number): string {
    return [...this.names].find(([, known]) => known === id)?.[0] ?? `${id}`
  }

  destroy(): void {
    for (const w of this.workers) w.terminate()
    this.workers.length = 0
  }
}

function functionsOf(module: WebAssembly.Module, instance: WebAssembly.Instance): Kernel[] {
  return WebAssembly.Module.exports(module)
    .filter(({ kind }) => kind === 'function')
    .map(({ name }) => instance.exports[name] as Kernel)
}

function fail(message: string): never {
  throw new Error(`cpu: ${message}`)
}

const mayWait = isNode || typeof (globalThis as { WorkerGlobalScope?: unknown }).WorkerGlobalScope !== 'undefined'

/**
 * How many threads to use by default: the number of logical processors, or 1 where memory cannot be shared (a page that
 * is not cross-origin isolated).
 */
export async function defaultThreads(): Promise<number> {
  if (typeof SharedArrayBuffer === 'undefined') return 1
  if (!isNode && !(globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated) return 1
  if (isNode) return process.getBuiltinModule('node:os').availableParallelism()
  return (globalThis as { navigator?: { hardwareConcurrency?: number } }).navigator?.hardwareConcurrency ?? 1
}
