/** Web APIs that jax-js needs and this version of Node lacks: iterator helpers, navigator, Worker. */
import { resolveObjectURL } from 'node:buffer'
import { Worker as NodeWorker } from 'node:worker_threads'

export interface WebPlatformOptions {
  /** Worker threads that a library may start; 1 hides `Worker`, so that it computes on the calling thread. */
  readonly threads: number
  readonly gpu?: GPU
}

/** Defines these globals. Call it before the library is imported, which looks for them while it loads. */
export function provideWebPlatform({ threads, gpu }: WebPlatformOptions): void {
  provideIteratorHelpers()
  const navigator = { hardwareConcurrency: threads, userAgent: `Node.js/${process.versions.node}`, gpu }
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true })
  const worker = threads > 1 ? WebWorker : undefined
  Object.defineProperty(globalThis, 'Worker', { value: worker, configurable: true })
}

function provideIteratorHelpers(): void {
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()))
  prototype.map ??= function* (this: Iterable<unknown>, f: (x: unknown) => unknown) {
    for (const x of this) yield f(x)
  }
  prototype.filter ??= function* (this: Iterable<unknown>, f: (x: unknown) => boolean) {
    for (const x of this) if (f(x)) yield x
  }
}

const workerGlobals = `
const { parentPort } = require('node:worker_threads')
globalThis.self = globalThis
globalThis.postMessage = (data) => parentPort.postMessage(data)
parentPort.on('message', (data) => self.onmessage?.({ data }))
`

/** The part of the web's Worker that a script in a blob needs, on a worker thread of Node. */
class WebWorker {
  onmessage: ((event: { data: unknown }) => void) | null = null
  onerror: ((error: Error) => void) | null = null
  private readonly started: Promise<NodeWorker>
  /** Set once the thread is started: messages are then posted synchronously. */
  private running: NodeWorker | undefined

  constructor(url: string) {
    const blob = resolveObjectURL(url)
    if (!blob) throw new Error(`Worker: ${url} is no URL of URL.createObjectURL; only those are supported here`)
    this.started = blob.text().then((source) => {
      const worker = new NodeWorker(workerGlobals + source, { eval: true })
      worker.on('message', (data) => this.onmessage?.({ data }))
      worker.on('error', (error) => this.onerror?.(error as Error))
      this.running = worker
      return worker
    })
  }

  postMessage(data: unknown): void {
    if (this.running) this.running.postMessage(data)
    else void this.started.then((worker) => worker.postMessage(data))
  }
}
