/**
 * zstd archives, frame by frame and block by block. The decoder takes memory for what a header claims, so every header is read here first: no frame, wherever it
 * stands, gets more than the limit.
 * @see RFC 8878, section 3.1
 */

/** The decoder keeps one window; zstd's own command line refuses larger ones too unless told. */
const mostWindow = 128 * 2 ** 20
/** Of a block, by the format. */
const mostBlock = 128 * 2 ** 10

/** Bytes of a stream in pieces of a wanted size. */
class ByteQueue {
  readonly #source: AsyncIterator<Uint8Array>
  #held: Uint8Array = new Uint8Array(0)
  #ended = false

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** Whether so many are there. */
  async has(count: number): Promise<boolean> {
    while (this.#held.length < count && !this.#ended) {
      const { done, value } = await this.#source.next()
      if (done) this.#ended = true
      else if (this.#held.length === 0) this.#held = value
      else {
        const joined = new Uint8Array(this.#held.length + value.length)
        joined.set(this.#held)
        joined.set(value, this.#held.length)
        this.#held = joined
      }
    }
    return this.#held.length >= count
  }

  /** Takes them. @throws Error where the archive ends before */
  async take(count: number): Promise<Uint8Array> {
    if (!(await this.has(count))) throw new Error('the zstd archive is corrupt (it ends early)')
    // A copy of its own: pieces of a stream may share one buffer.
    const taken = new Uint8Array(this.#held.subarray(0, count))
    this.#held = this.#held.subarray(count)
    return taken
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      if (!(await this.has(1))) throw new Error('the zstd archive is corrupt (it ends early)')
      const part = Math.min(left, this.#held.length)
      this.#held = this.#held.subarray(part)
      left -= part
    }
  }
}

/** @throws Error for what is no zstd archive, is broken, or wants too much memory */
export async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { Decompress } = await import('fzstd')
  const queue = new ByteQueue(source)
  let ready: Uint8Array[] = []
  const attempt = (work: () => void): void => {
    try {
      work()
    } catch (error) {
      throw new Error(`the zstd archive is corrupt (${(error as Error).message})`, { cause: error })
    }
  }
  if (!(await queue.has(1))) throw new Error('the zstd archive is corrupt (it is empty)')
  while (await queue.has(1)) {
    if (!(await queue.has(5))) throw new Error('it is no zstd archive')
    const start = await queue.take(5)
    const magic = new DataView(start.buffer).getUint32(0, true)
    if (magic >>> 4 === 0x184d2a5) {
      const rest = await queue.take(3)
      await queue.skip(start[4] + rest[0] * 2 ** 8 + rest[1] * 2 ** 16 + rest[2] * 2 ** 24)
      continue
    }
    if (magic !== 0xfd2fb528) throw new Error('it is no zstd archive')
    const { bytes, window } = await frameHeader(start, queue)
    if (window > mostWindow)
      throw new Error(`the zstd archive wants ${window} bytes of memory, at most ${mostWindow} are given`)
    const decoder = new Decompress((chunk) => {
      if (chunk.length > 0) ready.push(chunk)
    })
    attempt(() => decoder.push(bytes, false))
    for (let last = false; !last; ) {
      const header = await queue.take(3)
      const word = header[0] | (header[1] << 8) | (header[2] << 16)
      const [type, size] = [(word >>> 1) & 3, word >>> 3]
      if (type === 3 || size > mostBlock)
        throw new Error(`the zstd archive is corrupt (a block of type ${type} and ${size} bytes)`)
      last = (word & 1) === 1
      const body = await queue.take(type === 1 ? 1 : size)
      attempt(() => {
        decoder.push(header, false)
        decoder.push(body, false)
      })
      yield* ready.splice(0)
    }
    if (start[4] & 4) {
      const checksum = await queue.take(4)
      attempt(() => decoder.push(checksum, false))
    }
    attempt(() => decoder.push(new Uint8Array(0), true))
    yield* ready
    ready = []
  }
}

/** The header of a frame whose first five bytes are read, and the memory it asks for: of a single segment that is its whole content. */
async function frameHeader(start: Uint8Array, queue: ByteQueue): Promise<{ bytes: Uint8Array; window: number }> {
  const descriptor = start[4]
  const single = (descriptor >> 5) & 1
  const dictionary = [0, 1, 2, 4][descriptor & 3]
  const sizeFlag = descriptor >> 6
  const contentBytes = sizeFlag === 0 ? single : 1 << sizeFlag
  const rest = await queue.take(1 - single + dictionary + contentBytes)
  const bytes = new Uint8Array(start.length + rest.length)
  bytes.set(start)
  bytes.set(rest, start.length)
  if (!single) {
    const base = 2 ** (10 + (rest[0] >>> 3))
    return { bytes, window: base + (base / 8) * (rest[0] & 7) }
  }
  let content = sizeFlag === 1 ? 256 : 0
  for (let i = 0; i < contentBytes; i++) content += rest[dictionary + i] * 256 ** i
  return { bytes, window: content }
}
