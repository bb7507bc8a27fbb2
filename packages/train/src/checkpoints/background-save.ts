/** Saving checkpoints while training goes on: a step waits for the copy of the state alone. Node only. */
import { Worker } from 'node:worker_threads'
import type { TrainerSnapshot } from '../snapshot.ts'
import { type SaveOptions, saveCheckpoint } from './save.ts'

export type SaveRequest = {
  readonly runFolder: string
  readonly snapshot: TrainerSnapshot
  readonly options: Omit<SaveOptions, 'disk'>
}
export type SaveReply = { readonly path: string } | { readonly error: string }

/** States below it are written in milliseconds, which no thread is worth. */
const threadBytes = 2 ** 24

/** Saves one checkpoint at a time, large ones on a thread of its own. */
export class BackgroundSave {
  private worker: Worker | undefined
  private pending: Promise<void> | undefined
  private readonly threadBytes: number

  /** @param options.threadBytes states of at least so many bytes go to a thread; default 16 MiB */
  constructor(options: { readonly threadBytes?: number } = {}) {
    this.threadBytes = options.threadBytes ?? threadBytes
  }

  /**
   * Begins a save when the one before is done. The snapshot's memory may be taken over: it is not to be read after.
   * @returns what can be awaited for its end; `idle` does too
   * @throws (in what is returned) what `saveCheckpoint` throws
   */
  begin(runFolder: string, snapshot: TrainerSnapshot, options: Omit<SaveOptions, 'disk'>): Promise<void> {
    const bytes = [...snapshot.arrays.values()].reduce((n, { data }) => n + data.byteLength, 0)
    const save = async () => {
      if (bytes < this.threadBytes) await saveCheckpoint(runFolder, snapshot, options)
      else await this.onThread({ runFolder, snapshot, options })
    }
    const done = this.pending ? this.pending.then(save, save) : save()
    const settled = done.finally(() => {
      if (this.pending === settled) this.pending = undefined
    })
    this.pending = settled
    settled.catch(() => {}) // told to whoever awaits it
    return settled
  }

  /** Whether a save is under way. */
  get busy(): boolean {
    return this.pending !== undefined
  }

  /** Waits until nothing is under way, whatever comes of it. */
  async idle(): Promise<void> {
    await this.pending?.catch(() => {})
  }

  /** Waits for what is under way and ends the thread. */
  async close(): Promise<void> {
    await this.idle()
    await this.worker?.terminate()
    this.worker = undefined
  }

  private onThread(request: SaveRequest): Promise<void> {
    this.worker ??= startWorker()
    const { worker } = this
    const buffers = new Set<ArrayBuffer>()
    // What is a buffer of its own is handed over; anything else is copied.
    for (const { data } of request.snapshot.arrays.values())
      if (data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength) buffers.add(data.buffer)
    worker.ref()
    return new Promise<void>((resolve, reject) => {
      const end = (work: () => void) => {
        worker.off('message', onMessage).off('error', onError).off('exit', onExit)
        worker.unref()
        work()
      }
      const onMessage = (reply: SaveReply) => end(() => ('error' in reply ? reject(new Error(reply.error)) : resolve()))
      const onError = (error: Error) => {
        this.worker = undefined
        end(() => reject(error))
      }
      const onExit = () => onError(new Error(`${request.runFolder}: the thread that writes checkpoints has ended`))
      worker.on('message', onMessage).on('error', onError).on('exit', onExit)
      worker.postMessage(request, [...buffers])
    })
  }
}

/** The built package has the thread's program beside this file; a checkout has sources, which Node 20 needs help to read. */
function startWorker(): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./save-worker.js', import.meta.url))
  const source = JSON.stringify(new URL('./save-worker.ts', import.meta.url).href)
  // Found from here: what is evaluated looks for packages where the process was started.
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'))
  return new Worker(`import(${loader}).then(({ tsImport }) => tsImport(${source}, ${source}))`, { eval: true })
}
