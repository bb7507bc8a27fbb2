/** Bytes of a file, gunzipped or unzstded on the way, never whole in memory. Node only. */

/** An archive may not give more than this many times its size, past the first 64 MiB. */
const mostExpansion = 1000
const freeBytes = 64 * 2 ** 20
/** The decoder keeps one window; zstd's own command line refuses larger ones too unless told. */
const mostWindow = 128 * 2 ** 20

/**
 * Streams a file; `.gz` and `.zst` are unpacked.
 * @param range part of a plain file, in bytes; default all of it
 * @throws Error naming the file: it cannot be read, is broken, or expands more than a thousandfold
 */
export async function* byteStream(
  path: string,
  range?: { readonly begin: number; readonly end?: number },
): AsyncGenerator<Uint8Array> {
  const { createReadStream } = await import('node:fs')
  const extension = /\.(gz|zst)$/i.exec(path)?.[1].toLowerCase()
  const raw = createReadStream(path, {
    highWaterMark: 2 ** 18,
    ...(range && { start: range.begin, ...(range.end !== undefined && { end: range.end - 1 }) }),
  })
  let read = 0
  let given = 0
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of raw) {
      read += chunk.length
      yield chunk
    }
  }
  const source =
    extension === 'gz'
      ? gunzip(counted())
      : extension === 'zst'
        ? unzstd(counted())
        : (counted() as AsyncIterable<Uint8Array>)
  try {
    for await (const chunk of source) {
      given += chunk.length
      if (extension && given > freeBytes && given > mostExpansion * read)
        throw new Error(
          `${read} bytes of it give more than ${given}, ${mostExpansion} times as many; unpack it yourself if that is right`,
        )
      yield chunk
    }
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error })
  } finally {
    raw.destroy()
  }
}

async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { createGunzip } = await import('node:zlib')
  const { Readable } = await import('node:stream')
  const input = Readable.from(source)
  const output = createGunzip()
  input.on('error', (error) => output.destroy(error))
  input.pipe(output)
  try {
    for await (const chunk of output) yield chunk
  } catch (error) {
    throw new Error(`the gzip archive is broken (${(error as Error).message})`, { cause: error })
  } finally {
    input.destroy()
    output.destroy()
  }
}

async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { Decompress } = await import('fzstd')
  let ready: Uint8Array[] = []
  let ended = false
  const decoder = new Decompress((chunk, last) => {
    if (chunk.length > 0) ready.push(chunk)
    if (last) ended = true
  })
  let head: Uint8Array = new Uint8Array(0)
  const push = (bytes: Uint8Array, last: boolean) => {
    try {
      decoder.push(bytes, last)
    } catch (error) {
      throw new Error(`the zstd archive is broken (${(error as Error).message})`, { cause: error })
    }
  }
  let seen = 0
  for await (const chunk of source) {
    if (head.length < 14) {
      const joined = new Uint8Array(head.length + chunk.length)
      joined.set(head)
      joined.set(chunk, head.length)
      head = joined
      if (head.length < 14) continue
      checkWindow(head)
      seen = head.length
      for (let at = 0; at < head.length; at += 2 ** 16) {
        push(head.subarray(at, at + 2 ** 16), false)
        yield* ready.splice(0)
      }
      continue
    }
    seen += chunk.length
    // Small pieces: what one gives has to be held until it is taken.
    for (let at = 0; at < chunk.length; at += 2 ** 16) {
      push(chunk.subarray(at, at + 2 ** 16), false)
      yield* ready.splice(0)
    }
  }
  if (seen === 0) {
    if (head.length === 0) throw new Error('the zstd archive is broken (it is empty)')
    checkWindow(head)
    push(head, false)
  }
  push(new Uint8Array(0), true)
  yield* ready
  ready = []
  if (!ended) throw new Error('the zstd archive is broken (it ends early)')
}

/** @see RFC 8878, section 3.1.1.1 */
function checkWindow(head: Uint8Array): void {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  if (head.length < 6 || view.getUint32(0, true) !== 0xfd2fb528) throw new Error('it is no zstd archive')
  const descriptor = head[4]
  if (descriptor & 0x20) return // one segment: the window is the content, which is counted as it comes
  const exponent = head[5] >>> 3
  const base = 2 ** (10 + exponent)
  const window = base + (base / 8) * (head[5] & 7)
  if (window > mostWindow)
    throw new Error(`the zstd archive wants ${window} bytes of memory, at most ${mostWindow} are given`)
}
