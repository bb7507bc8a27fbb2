// The workers of the CPU backend's thread pool: what they run, and the memory through which they are told.

import type { MessagePort } from 'node:worker_threads'
import { isNode } from './addressing.ts'
import { blockAlignment } from './wasm-memory.ts'

/** The most threads of a pool, the calling one included. */
export const maximumThreads = 256

/**
 * Indices of the words of the shared control block. Words that threads wait for have a cache line of 64 bytes each, so
 * that writing the others does not take the line away from them.
 */
export const at = {
  /** Increases with every task, when it may be claimed. */
  generation: 0,
  /** How many workers sleep until the generation changes. */
  sleeping: 1,
  ticket: 16,
  /** Units of the task that are finished, and whether the calling thread sleeps until that changes. */
  done: 32,
  waiting: 33,
  /** The description of the task; `task` counts tasks. */
  task: 48,
  kernel: 49,
  count: 50,
  unit: 51,
  arguments: 52,
  scratchArgument: 53,
  /** The length of the message once a kernel has failed in a worker. */
  failed: 54,
  /** How large the memory is. */
  pages: 55,
  /** For each thread, a cache line of its own: not 0 while the worker may hold units that are not done. */
  working: 64,
  directory: 64 + 16 * maximumThreads,
} as const
/**
 * How many modules made at run time can be loaded at once. Each has three words in the directory: the address of its
 * bytes in units of `blockAlignment`, their number, and a version, which increases when the slot is given to another
 * module.
 */
export const maximumModules = 8192
export const moduleWords = 3
/** Ids of built-in kernels are smaller; others are (place of the module + 1) << 16 | function. */
export const firstLoaded = 1 << 16
/** A ticket is generation << 16 | units left. */
export const maximumUnits = 0xffff
/**
 * A thread claims this part of its share of what is left, and at least one unit: the first claims are large, for
 * locality, and the last ones small, so that the threads finish at about the same time.
 */
export const claimed = 1 / 2
/** Loads of the generation before a worker sleeps until it changes: about 60 microseconds. */
const workerSpins = 30000

/**
 * What a worker runs. It claims units by compare-and-swap on the ticket, so a claim succeeds only on the current task;
 * the task's description is written only while no unit is left, so it is stable for the holder of a claim. A module
 * made at run time is compiled from the directory's bytes when a kernel of it is first called, or when its version
 * shows that the slot holds another module.
 *
 * V8 tells a worker of a growth of the memory only when it next handles interrupts, and never if the memory grew while
 * the worker was being given it. Until then `memory.buffer` is too short to hold such bytes, and bulk instructions trap
 * beyond the old end. Growing by no page brings both up to date; nothing grows while a unit is claimed.
 */
const workerBody = `
function start({ memory, noPages, kernels, words, args, message, thread, threads }) {
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
      const bytes = new Uint8Array(memory.buffer, words[at] * ${blockAlignment}, words[at + 1]).slice()
      const module = new WebAssembly.Module(bytes)
      const instance = new WebAssembly.Instance(module, { env: { memory }, math: base.exports })
      loaded[place] = { version: words[at + 2], table: functions(module, instance) }
    }
    return loaded[place].table[id & 0xffff]
  }
  let seen = 0
  let pages = 0
  let task = 0
  let kernel
  let list
  for (;;) {
    for (let spins = 0; spins < ${workerSpins} && Atomics.load(words, ${at.generation}) === seen; spins++);
    if (Atomics.load(words, ${at.generation}) === seen) {
      Atomics.add(words, ${at.sleeping}, 1)
      Atomics.wait(words, ${at.generation}, seen)
      Atomics.sub(words, ${at.sleeping}, 1)
      continue
    }
    seen = Atomics.load(words, ${at.generation})
    Atomics.store(words, ${at.working} + 16 * thread, 1)
    for (;;) {
      const ticket = Atomics.load(words, ${at.ticket})
      const left = ticket & ${maximumUnits}
      if (left === 0) break
      const taken = Math.max(1, Math.floor((left / threads) * ${claimed}))
      if (Atomics.compareExchange(words, ${at.ticket}, ticket, ticket - taken) !== ticket) continue
      try {
        if (task !== words[${at.task}]) {
          task = 0 // until all of the new one is known
          if (pages !== words[${at.pages}]) {
            memory.grow(noPages)
            pages = words[${at.pages}]
          }
          kernel = find(words[${at.kernel}])
          const n = words[${at.arguments}]
          list = Array.from(args.subarray(0, n))
          const scratch = words[${at.scratchArgument}]
          if (scratch >= 0) list[scratch] += thread * args[n]
          task = words[${at.task}]
        }
        const unit = words[${at.unit}]
        kernel((left - taken) * unit, Math.min(left * unit, words[${at.count}]), thread, ...list)
      } catch (error) {
        // Without this, the calling thread would wait for these units forever. The first thread to fail says why.
        const text = String(error).slice(0, message.length)
        if (Atomics.compareExchange(words, ${at.failed}, 0, text.length) === 0)
          for (let i = 0; i < text.length; i++) message[i] = text.charCodeAt(i)
      }
      Atomics.add(words, ${at.done}, taken)
      if (Atomics.load(words, ${at.waiting}) !== 0) Atomics.notify(words, ${at.done})
    }
    Atomics.store(words, ${at.working} + 16 * thread, 0)
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
  readonly thread: number
  /**
   * Whether the thread is no more, asked by a thread that blocks and so sees no events. Only Node can tell: elsewhere
   * always false.
   */
  hasEnded(): boolean
  terminate(): unknown
}

interface WorkerData {
  readonly memory: WebAssembly.Memory
  readonly noPages: number
  readonly kernels: WebAssembly.Module
  readonly words: Int32Array
  readonly args: Float64Array
  readonly message: Uint16Array
  readonly thread: number
  readonly threads: number
}

/** @param onEnd called when the worker has not started or has ended */
export function startWorker(data: WorkerData, onEnd: () => void): WorkerLike {
  const { thread } = data
  if (isNode) {
    // Not an import: bundlers for browsers would look for the module.
    const { MessageChannel, Worker } = process.getBuiltinModule('node:worker_threads')
    const { port1, port2 } = new MessageChannel()
    const worker = new Worker(`${workerBody}\nstart(process.getBuiltinModule('node:worker_threads').workerData)`, {
      eval: true,
      execArgv: [], // the program's own loaders and --input-type are not for this script
      workerData: { ...data, port: port2 },
      transferList: [port2],
    })
    worker.on('error', () => {}) // without it Node would end the process
    worker.on('exit', onEnd)
    worker.unref()
    return { thread, hasEnded: closedPeer(port1), terminate: () => worker.terminate() }
  }
  const url = URL.createObjectURL(
    new Blob([`${workerBody}\nonmessage = (event) => start(event.data)`], { type: 'text/javascript' }),
  )
  const worker = new Worker(url)
  worker.onerror = onEnd
  worker.postMessage(data)
  URL.revokeObjectURL(url)
  return { thread, hasEnded: () => false, terminate: () => worker.terminate() }
}

/**
 * Tells without an event whether the other end of a port, which no message passes, was closed with its thread.
 * Receiving from the port closes it if so, and a closed port cannot be transferred; an open one is taken back. Bun and
 * Deno transfer it even then: never true there.
 */
function closedPeer(port: MessagePort): () => boolean {
  const { MessageChannel, receiveMessageOnPort } = process.getBuiltinModule('node:worker_threads')
  let open = port
  let closed = false
  open.unref()
  return () => {
    if (closed) return true
    receiveMessageOnPort(open)
    const { port1, port2 } = new MessageChannel()
    try {
      port1.postMessage(open, [open])
      open = receiveMessageOnPort(port2)!.message as MessagePort
      open.unref()
    } catch (error) {
      closed = (error as Error).name === 'DataCloneError'
    } finally {
      port1.close()
    }
    return closed
  }
}
