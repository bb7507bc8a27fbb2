/** Saves checkpoints while training continues: a step waits only for the copy of the state. Node only. */
import { Worker } from 'node:worker_threads'
import { DiskError } from '../disk-error.ts'
import type { TrainerSnapshot } from '../snapshot.ts'
import { type SaveOptions, saveCheckpoint } from './save.ts'

export type SaveRequest = {
  readonly runFolder: string
  readonly snapshot: TrainerSnapshot
  readonly options: Omit<SaveOptions, 'disk'>
}
/** An error's class does not survive the transfer between threads, so its fields are sent. */
export interface SaveFailure {
  readonly message: string
  readonly disk?: { readonly problem: string; readonly remedy: string }
}

export type SaveReply = { readonly path: string } | { readonly error: SaveFailure }

const errorOf = ({ message, disk }: SaveFailure): Error =>
  disk ? new DiskError(disk.problem, disk.remedy) : new Error(message)

/** Smaller states are written in milliseconds, for which a thread is not worthwhile. */
const threadBytes = 2 ** 24

/** Saves one checkpoint at a time, large ones on a worker thread. */
export class BackgroundSave {
  private worker: Worker | undefined
  private pending: Promise<void> | undefined
  private readonly threadBytes: number

  /** @param options.threadBytes states of at least this size in bytes are written by the thread; default 16 MiB */
  constructor(options: { readonly threadBytes?: number } = {}) {
    this.threadBytes = options.threadBytes ?? threadBytes
  }

  /**
   * Begins a save after the previous one has finished. The snapshot's memory may be transferred to the thread and must
   * not be used afterwards.
   * @returns a promise of the end of the save; it rejects with the error of `saveCheckpoint`
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
    settled.catch(() => {}) // the returned promise reports it
    return settled
  }

  /** Whether a save is in progress. */
  get busy(): boolean {
    return this.pending !== undefined
  }

  /** Waits until no save is in progress, whether it succeeds or fails. */
  async idle(): Promise<void> {
    await this.pending?.catch(() => {})
  }

  /** Waits for the save in progress and ends the thread. */
  async close(): Promise<void> {
    await this.idle()
    await this.worker?.terminate()
    this.worker = undefined
  }

  private onThread(request: SaveRequest): Promise<void> {
    this.worker ??= startWorker()
    const { worker } = this
    const buffers = new Set<ArrayBuffer>()
    // Arrays that own their whole buffer are transferred; others are copied.
    for (const { data } of request.snapshot.arrays.values())
      if (data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength) buffers.add(data.buffer)
    worker.ref()
    return new Promise<void>((resolve, reject) => {
      const end = (work: () => void) => {
        worker.off('message', onMessage).off('error', onError).off('exit', onExit)
        worker.unref()
        work()
      }
      const onMessage = (reply: SaveReply) => end(() => ('error' in reply ? reject(errorOf(reply.error)) : resolve()))
      const onError = (error: Error) => {
        this.worker = undefined
        end(() => reject(error))
      }
      const onExit = () =>
        onError(new Error(`${request.runFolder}: the thread that writes checkpoints exited unexpectedly`))
      worker.on('message', onMessage).on('error', onError).on('exit', onExit)
      worker.postMessage(request, [...buffers])
    })
  }
}

/**
 * The built package has the worker's script beside this file; in a checkout it is TypeScript, which Node 20 needs tsx
 * to load.
 */
function startWorker(): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./save-worker.js', import.meta.url))
  const source = JSON.stringify(new URL('./save-worker.ts', import.meta.url).href)
  // Resolved here, because an evaluated worker resolves packages from the process's working directory.
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'))
  return new Worker(`import(${loader}).then(({ tsImport }) => tsImport(${source}, ${source}))`, { eval: true })
}
