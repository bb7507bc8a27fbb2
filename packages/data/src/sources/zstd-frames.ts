/**
 * Decompression of Zstandard archives, frame by frame and block by block. The decoder allocates as much memory as a
 * header claims, so every frame header is checked against a limit first.
 * @see RFC 8878, section 3.1
 */

/** Limit of the window size in bytes, the same as the default limit of the zstd command line. */
const mostWindow = 128 * 2 ** 20
/** Maximum size of a block in bytes, by the format. */
const mostBlock = 128 * 2 ** 10

/** A queue that reads a stream in pieces of requested sizes. */
class ByteQueue {
  private readonly source: AsyncIterator<Uint8Array>
  private held: Uint8Array = new Uint8Array(0)
  private ended = false

  constructor(source: AsyncIterable<Uint8Array>) {
    this.source = source[Symbol.asyncIterator]()
  }

  /** Whether `count` more bytes are available; reads as needed. */
  async has(count: number): Promise<boolean> {
    while (this.held.length < count && !this.ended) {
      const { done, value } = await this.source.next()
      if (done) this.ended = true
      else if (this.held.length === 0) this.held = value
      else {
        const joined = new Uint8Array(this.held.length + value.length)
        joined.set(this.held)
        joined.set(value, this.held.length)
        this.held = joined
      }
    }
    return this.held.length >= count
  }

  /** Removes and returns `count` bytes. @throws Error where the archive ends before */
  async take(count: number): Promise<Uint8Array> {
    if (!(await this.has(count))) throw new Error('the zstd archive is corrupt (it ends early)')
    // A copy, since chunks of a stream may share one buffer.
    const taken = new Uint8Array(this.held.subarray(0, count))
    this.held = this.held.subarray(count)
    return taken
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      if (!(await this.has(1))) throw new Error('the zstd archive is corrupt (it ends early)')
      const part = Math.min(left, this.held.length)
      this.held = this.held.subarray(part)
      left -= part
    }
  }
}

/** Decompresses a Zstandard stream. @throws Error where it is not Zstandard, is corrupt, or needs too much memory */
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
      throw new Error(`the zstd archive needs a window of ${window} bytes; at most ${mostWindow} are supported`)
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

/**
 * Reads the rest of a frame header after its first five bytes, and the window size (for a single segment, the content
 * size).
 */
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
