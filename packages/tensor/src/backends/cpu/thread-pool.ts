// Runs kernels over ranges, on the calling thread and on workers that share its memory.

import { DeviceError } from '../../errors.ts'
import type { WasmBuffer, WasmMemory } from './wasm-memory.ts'

/** A WebAssembly kernel: works on [start, end) of its range. */
type Kernel = (start: number, end: number, thread: number, ...args: number[]) => void

/** Indices of the words of the shared control block. */
const at = {
  generation: 0,
  ticket: 1,
  done: 2,
  kernel: 3,
  count: 4,
  chunk: 5,
  arguments: 6,
  scratchArgument: 7,
  /** The length of the message once a kernel has failed in a worker. */
  failed: 8,
  directory: 16,
} as const
/**
 * How many modules made at run time can be loaded at once. Each has three words in the directory: the address of its
 * bytes, their number, and a version, which increases when the slot is given to another module.
 */
const maximumModules = 8192
const moduleWords = 3
/** Ids of built-in kernels are smaller; others are (place of the module + 1) << 16 | function. */
const firstLoaded = 1 << 16
/** A ticket is generation << 16 | chunks left. */
const maximumChunks = 0xffff

/**
 * What a worker runs. It claims chunks by compare-and-swap on the ticket, so a claim succeeds only on the current task;
 * the task's description is written only while no chunk is left, so it is stable for the holder of a claim. A module
 * made at run time is compiled from the directory's bytes when a kernel of it is first called, or when its version
 * shows that the slot holds another module.
 */
const workerBody = `
function start({ memory, kernels, words, args, message, thread }) {
  const base = new WebAssembly.Instance(kernels, { env: { memory, abort() { throw new Error('abort in a kernel') } } })
  const functions = (module, instance) =>
    WebAssembly.Module.exports(module).filter(({ kind }) => kind === 'function').map(({ name }) => instance.exports[name])
  const builtIn = functions(kernels, base)
  const loaded = []
  const find = (id) => {
    if (id < ${firstLoaded}) return builtIn[id]
    const place = (id >>> 16) - 1
    const at = ${at.directory} + ${moduleWords} * place
    if (loaded[place]?.version !== words[at + 2]) {
      const bytes = new Uint8Array(memory.buffer, words[at] >>> 0, words[at + 1]).slice()
      const module = new WebAssembly.Module(bytes)
      const instance = new WebAssembly.Instance(module, { env: { memory }, math: base.exports })
      loaded[place] = { version: words[at + 2], table: functions(module, instance) }
    }
    return loaded[place].table[id & 0xffff]
  }
  let seen = 0
  for (;;) {
    for (let spins = 0; spins < 30000 && Atomics.load(words, ${at.generation}) === seen; spins++);
    if (Atomics.load(words, ${at.generation}) === seen) Atomics.wait(words, ${at.generation}, seen)
    seen = Atomics.load(words, ${at.generation})
    for (;;) {
      const ticket = Atomics.load(words, ${at.ticket})
      const left = ticket & ${maximumChunks}
      if (left === 0) break
      if (Atomics.compareExchange(words, ${at.ticket}, ticket, ticket - 1) !== ticket) continue
      try {
        const kernel = find(words[${at.kernel}])
        const chunk = words[${at.chunk}]
        const n = words[${at.arguments}]
        const list = Array.from(args.subarray(0, n))
        const scratch = words[${at.scratchArgument}]
        if (scratch >= 0) list[scratch] += thread * args[n]
        const from = (left - 1) * chunk
        kernel(from, Math.min(from + chunk, words[${at.count}]), thread, ...list)
      } catch (error) {
        // Without this, the calling thread would wait for this chunk forever. The first thread to fail says why.
        const text = String(error).slice(0, message.length)
        if (Atomics.compareExchange(words, ${at.failed}, 0, text.length) === 0)
          for (let i = 0; i < text.length; i++) message[i] = text.charCodeAt(i)
      }
      Atomics.add(words, ${at.done}, 1)
      Atomics.notify(words, ${at.done})
    }
  }
}
`

/**
 * At least the 1,000 parameters that a WebAssembly function may have (WebAssembly JavaScript interface, implementation
 * limits), and the stride of scratch memory after them.
 */
const maximumArguments = 1024
/** Longest message of a failed kernel, in UTF-16 units. */
const maximumMessage = 256

interface WorkerLike {
  terminate(): unknown
}

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
  private generation = 0

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

  /** @param threads including the calling one; more than 1 needs shared memory */
  static async create(memory: WasmMemory, kernels: WebAssembly.Module, threads: number): Promise<ThreadPool> {
    const pool = new ThreadPool(memory, kernels, threads)
    for (let thread = 1; thread < threads; thread++) {
      const { words, args, message } = pool
      pool.workers.push(await startWorker({ memory: memory.memory, kernels, words, args, message, thread }))
    }
    return pool
  }

  /** The id of a built-in kernel. */
  kernel(name: string): number {
    const id = this.names.get(name)
    if (id === undefined) throw new Error(`cpu: no kernel is called ${name}`)
    return id
  }

  /**
   * Loads a module that was made at run time.
   * @throws DeviceError if too many are loaded
   */
  load(bytes: Uint8Array): LoadedModule {
    const module = new WebAssembly.Module(bytes as BufferSource)
    const instance = new WebAssembly.Instance(module, {
      env: { memory: this.memory.memory },
      math: this.base.exports as WebAssembly.ModuleImports,
    })
    const place = this.vacant.pop() ?? this.loaded.length
    if (place >= maximumModules)
      throw new DeviceError(`cpu: more than ${maximumModules} programs are alive on one device; dispose some`)
    const made: LoadedModule = { first: (place + 1) << 16, table: functionsOf(module, instance) }
    if (this.workers.length > 0) {
      made.bytes = this.memory.allocate(bytes.length)
      this.memory.bytes(made.bytes, bytes.length).set(bytes)
      const entry = at.directory + moduleWords * place
      this.words[entry] = made.bytes.pointer
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
    // With a count of NaN, every thread would wait for chunks that none can claim.
    if (!Number.isSafeInteger(count) || !(grain >= 1))
      throw new DeviceError(
        `cpu: kernel ${this.nameOf(id)} was planned over ${count} items in ranges of ${grain}; both must be integers`,
      )
    if (count <= 0) return
    const { words } = this
    const kernel = this.find(id)
    if (this.workers.length === 0 || count <= grain) {
      kernel(0, count, 0, ...args)
      return
    }
    // About four chunks per thread: enough to balance the load, few enough to keep locality.
    const chunk = Math.max(grain, Math.ceil(count / (this.threads * 4)), Math.ceil(count / maximumChunks))
    const chunks = Math.ceil(count / chunk)
    if (chunks === 1) {
      kernel(0, count, 0, ...args)
      return
    }
    words[at.kernel] = id
    words[at.count] = count
    words[at.chunk] = chunk
    words[at.arguments] = args.length
    words[at.scratchArgument] = scratchArgument
    this.args.set(args)
    this.args[args.length] = scratchStride
    Atomics.store(words, at.done, 0)
    this.generation = (this.generation + 1) & 0x7fff
    Atomics.store(words, at.ticket, (this.generation << 16) | chunks)
    Atomics.add(words, at.generation, 1)
    Atomics.notify(words, at.generation)
    for (;;) {
      const ticket = Atomics.load(words, at.ticket)
      const left = ticket & maximumChunks
      if (left === 0) break
      if (Atomics.compareExchange(words, at.ticket, ticket, ticket - 1) !== ticket) continue
      const from = (left - 1) * chunk
      kernel(from, Math.min(from + chunk, count), 0, ...args)
      Atomics.add(words, at.done, 1)
    }
    for (let spins = 0; ; spins++) {
      const done = Atomics.load(words, at.done)
      if (done === chunks) {
        const failed = Atomics.load(words, at.failed)
        if (failed === 0) return
        const reason = String.fromCharCode(...this.message.subarray(0, failed))
        throw new DeviceError(
          `cpu: kernel ${this.nameOf(id)} failed in a worker thread (${reason}); the device cannot be used any more`,
          { lost: true },
        )
      }
      // A page's main thread may not block; elsewhere yield to the workers after spinning for a while.
      if (spins > 2000 && mayWait) Atomics.wait(words, at.done, done, 1)
    }
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

const isNode = typeof process === 'object' && process?.versions?.node !== undefined
const mayWait = isNode || typeof (globalThis as { WorkerGlobalScope?: unknown }).WorkerGlobalScope !== 'undefined'

async function startWorker(data: {
  memory: WebAssembly.Memory
  kernels: WebAssembly.Module
  words: Int32Array
  args: Float64Array
  message: Uint16Array
  thread: number
}): Promise<WorkerLike> {
  if (isNode) {
    // Not an import: bundlers for browsers would look for the module.
    const { Worker } = process.getBuiltinModule('node:worker_threads')
    const worker = new Worker(`${workerBody}\nstart(process.getBuiltinModule('node:worker_threads').workerData)`, {
      eval: true,
      execArgv: [], // the program's own loaders and --input-type are not for this script
      workerData: data,
    })
    worker.unref()
    return worker
  }
  const url = URL.createObjectURL(
    new Blob([`${workerBody}\nonmessage = (event) => start(event.data)`], { type: 'text/javascript' }),
  )
  const worker = new Worker(url)
  worker.postMessage(data)
  URL.revokeObjectURL(url)
  return worker
}

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
