// The workers of the CPU backend's thread pool: what they run, and the memory through which they are told.

/** Indices of the words of the shared control block. */
export const at = {
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
  /** How large the memory is. */
  pages: 9,
  directory: 16,
} as const
/**
 * How many modules made at run time can be loaded at once. Each has three words in the directory: the address of its
 * bytes, their number, and a version, which increases when the slot is given to another module.
 */
export const maximumModules = 8192
export const moduleWords = 3
/** Ids of built-in kernels are smaller; others are (place of the module + 1) << 16 | function. */
export const firstLoaded = 1 << 16
/** A ticket is generation << 16 | chunks left. */
export const maximumChunks = 0xffff

/**
 * What a worker runs. It claims chunks by compare-and-swap on the ticket, so a claim succeeds only on the current task;
 * the task's description is written only while no chunk is left, so it is stable for the holder of a claim. A module
 * made at run time is compiled from the directory's bytes when a kernel of it is first called, or when its version
 * shows that the slot holds another module.
 *
 * V8 tells a worker of a growth of the memory only when it next handles interrupts, and never if the memory grew while
 * the worker was being given it. Until then `memory.buffer` is too short to hold such bytes, and bulk instructions trap
 * beyond the old end. Growing by no page brings both up to date; nothing grows while a chunk is claimed.
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
  let pages = 0
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
        if (pages !== words[${at.pages}]) {
          memory.grow(0)
          pages = words[${at.pages}]
        }
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
export const maximumArguments = 1024
/** Longest message of a failed kernel, in UTF-16 units. */
export const maximumMessage = 256

export interface WorkerLike {
  terminate(): unknown
}

export const isNode = typeof process === 'object' && process?.versions?.node !== undefined

interface WorkerData {
  readonly memory: WebAssembly.Memory
  readonly kernels: WebAssembly.Module
  readonly words: Int32Array
  readonly args: Float64Array
  readonly message: Uint16Array
  readonly thread: number
}

/** @param onError called if the worker does not start or ends: without it Node would end the process */
export function startWorker(data: WorkerData, onError: () => void): WorkerLike {
  if (isNode) {
    // Not an import: bundlers for browsers would look for the module.
    const { Worker } = process.getBuiltinModule('node:worker_threads')
    const worker = new Worker(`${workerBody}\nstart(process.getBuiltinModule('node:worker_threads').workerData)`, {
      eval: true,
      execArgv: [], // the program's own loaders and --input-type are not for this script
      workerData: data,
    })
    worker.on('error', onError)
    worker.unref()
    return worker
  }
  const url = URL.createObjectURL(
    new Blob([`${workerBody}\nonmessage = (event) => start(event.data)`], { type: 'text/javascript' }),
  )
  const worker = new Worker(url)
  worker.onerror = onError
  worker.postMessage(data)
  URL.revokeObjectURL(url)
  return worker
}
