/** Encoding of many texts on worker threads. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { checkOptions } from '../check-options.ts'
import type { HuggingFaceEncodeOptions } from '../huggingface/encode-options.ts'
import type { EncodeOptions } from '../sentencepiece/tokenizer.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { type ByteChunks, type EncodeFileOptions, lineBlocks } from './line-blocks.ts'
import { tokenizerFromBytes } from './tokenizer-from-bytes.ts'

export type EncodePoolOptions = {
  /** Number of worker threads. Default: the available parallelism of the machine. */
  threads?: number
  /** UTF-16 units sent to a thread at a time by `encodeBatch`. Default 65,536. */
  batchLength?: number
}

type Options = EncodeOptions & HuggingFaceEncodeOptions
/** Texts, or the bytes of whole lines, each ending with a line feed (the last may lack it). */
type Lines = string[] | Uint8Array
/** `asText`: reply with lines of JSON arrays instead of ids. */
export type EncodeRequest = { batch: number; lines: Lines; options: Options; asText: boolean }
export type EncodeReply = { batch: number } & (
  | { ids: Int32Array; lengths: Int32Array }
  | { text: Uint8Array }
  | { error: string }
)

/** The concatenated ids of several lines; line k has `lengths[k]` of them. */
export type EncodedLines = { ids: Int32Array; lengths: Int32Array }

type Result = EncodedLines & { text?: Uint8Array }
type Pending = { resolve(lines: Result): void; reject(error: Error): void }

/** Bytes of a file sent to a thread at a time. */
const BLOCK_BYTES = 1 << 18

const NO_IDS = new Int32Array(0)

/** Encodes texts and files on worker threads, each with its own tokenizer. Call `close` when done. */
export class EncodePool {
  private readonly workers: Worker[]
  private readonly batchLength: number
  private readonly pending = new Map<number, Pending>()
  private batches = 0
  private closed = false

  /**
   * @param model the bytes of a `.model` or a `tokenizer.json`
   * @throws TokenizerError where the model is malformed, or an option is out of range
   */
  constructor(model: Uint8Array, options: EncodePoolOptions = {}) {
    checkOptions('EncodePool', options, ['threads', 'batchLength'])
    const threads = options.threads ?? availableParallelism()
    this.batchLength = options.batchLength ?? 1 << 16
    for (const [name, value] of Object.entries({ threads, batchLength: this.batchLength })) {
      if (!(Number.isInteger(value) && value >= 1)) {
        throw new TokenizerError(`EncodePool: ${name} is ${value}; an integer of at least 1 is needed`)
      }
    }
    // Throws here for a malformed model, instead of in a thread.
    tokenizerFromBytes(model)
    this.workers = Array.from({ length: threads }, () => this.start(model))
  }

  /** Encodes texts. @returns the ids of each text, in order */
  async encodeBatch(texts: Iterable<string>, options: Options = {}): Promise<Int32Array[]> {
    this.checkOpen()
    if (typeof texts === 'string') {
      throw new TokenizerError('EncodePool: texts is one string; give a list of texts, as [text]')
    }
    const parts: Promise<EncodedLines>[] = []
    let lines: string[] = []
    let length = 0
    for (const text of texts) {
      lines.push(text)
      length += text.length + 1
      if (length < this.batchLength) continue
      parts.push(this.send(lines, options))
      lines = []
      length = 0
    }
    if (lines.length > 0) parts.push(this.send(lines, options))
    return (await Promise.all(parts)).flatMap(({ ids, lengths }) => cut(ids, lengths))
  }

  /**
   * Encodes the lines of a file of any size on all threads, in order. At most two blocks of the file per thread are in
   * memory, however slowly the results are consumed.
   * @param source a path, or chunks of UTF-8 bytes, which may split lines
   * @returns the ids of blocks of lines, the same as those of `encodeFile` line by line
   * @throws TokenizerError where the file cannot be read
   */
  async *encodeFile(
    source: string | URL | ByteChunks,
    options: EncodeFileOptions & Options = {},
  ): AsyncGenerator<EncodedLines> {
    yield* this.encodeParts(source, options, false)
  }

  /**
   * As `encodeFile`, with the ids as text: one JSON array per line. The threads also write this text, which takes
   * longer than encoding.
   * @returns ASCII bytes of whole lines, block by block
   * @throws TokenizerError where the file cannot be read
   */
  async *encodeFileAsText(
    source: string | URL | ByteChunks,
    options: EncodeFileOptions & Options = {},
  ): AsyncGenerator<Uint8Array> {
    for await (const { text } of this.encodeParts(source, options, true)) yield text!
  }

  private async *encodeParts(
    source: string | URL | ByteChunks,
    { chunkSize = BLOCK_BYTES, ...options }: EncodeFileOptions & Options,
    asText: boolean,
  ): AsyncGenerator<Result> {
    this.checkOpen()
    const most = 2 * this.workers.length
    const sent: Promise<Result>[] = []
    for await (const bytes of lineBlocks(source, { chunkSize })) {
      const part = this.send(bytes, options, asText)
      // An error is thrown when its block is awaited; without this it would count as an unhandled rejection until then.
      part.catch(() => {})
      sent.push(part)
      if (sent.length >= most) yield await sent.shift()!
    }
    while (sent.length > 0) yield await sent.shift()!
  }

  private checkOpen(): void {
    if (this.closed) throw new TokenizerError('EncodePool: the pool is closed; create a new one')
  }

  private send(lines: Lines, options: Options, asText = false): Promise<Result> {
    this.checkOpen()
    const batch = this.batches++
    const worker = this.workers[batch % this.workers.length]
    return new Promise((resolve, reject) => {
      this.pending.set(batch, { resolve, reject })
      worker.ref()
      const request: EncodeRequest = { batch, lines, options, asText }
      worker.postMessage(request, lines instanceof Uint8Array ? [lines.buffer as ArrayBuffer] : [])
    })
  }

  /** Terminates the threads; pending calls reject. */
  async close(): Promise<void> {
    this.closed = true
    this.fail(new TokenizerError('EncodePool: the pool was closed before this call finished'))
    await Promise.all(this.workers.map((worker) => worker.terminate()))
  }

  private start(model: Uint8Array): Worker {
    const worker = startWorker(model)
    worker.unref()
    worker.on('message', (reply: EncodeReply) => {
      const pending = this.pending.get(reply.batch)
      this.pending.delete(reply.batch)
      if ('error' in reply) pending?.reject(new TokenizerError(reply.error))
      else if ('text' in reply) pending?.resolve({ ids: NO_IDS, lengths: NO_IDS, text: reply.text })
      else pending?.resolve({ ids: reply.ids, lengths: reply.lengths })
      if (this.pending.size === 0) for (const each of this.workers) each.unref()
    })
    worker.on('error', (error) => this.fail(new TokenizerError(`EncodePool: a thread failed: ${error.message}`)))
    return worker
  }

  private fail(error: Error): void {
    this.closed = true
    const pending = [...this.pending.values()]
    this.pending.clear()
    for (const { reject } of pending) reject(error)
  }
}

function startWorker(model: Uint8Array): Worker {
  const options = { workerData: model, execArgv: [] }
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./encode-worker.js', import.meta.url), options)
  // In a checkout tsx runs the source. It is resolved here, since evaluated code resolves packages from the working
  // directory.
  const source = JSON.stringify(new URL('./encode-worker.ts', import.meta.url).href)
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'))
  return new Worker(`import(${loader}).then(({ tsImport }) => tsImport(${source}, ${source}))`, {
    ...options,
    eval: true,
  })
}

function cut(ids: Int32Array, lengths: Int32Array): Int32Array[] {
  const result: Int32Array[] = []
  let at = 0
  for (const length of lengths) result.push(ids.slice(at, (at += length)))
  return result
}
