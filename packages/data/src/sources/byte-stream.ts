/** Streaming reader of files with decompression of gzip and Zstandard. Node only. */
import { unzstd } from './zstd-frames.ts'

/** Limit of the expansion ratio of an archive, beyond the first 64 MiB of output. */
const mostExpansion = 1000
const freeBytes = 64 * 2 ** 20
/** Uncompressed files below this size in bytes are read at once. */
const smallFile = 2 ** 16

/**
 * Streams a file; `.gz` and `.zst` are decompressed.
 * @param options.range range of an uncompressed file, in bytes; default all of it
 * @param options.onBytes called with the number of bytes read from the file
 * @throws Error that names the file: it cannot be read, is corrupt, or expands more than a thousandfold
 */
export async function* byteStream(
  path: string,
  options: {
    readonly range?: { readonly begin: number; readonly end?: number }
    readonly onBytes?: (bytes: number) => void
  } = {},
): AsyncGenerator<Uint8Array> {
  const { createReadStream, readFileSync, statSync } = await import('node:fs')
  const { range, onBytes } = options
  const extension = /\.(gz|zst)$/i.exec(path)?.[1].toLowerCase()
  if (!extension && !range && (statSync(path, { throwIfNoEntry: false })?.size ?? smallFile) < smallFile) {
    // For a small file, creating a stream costs many times more than reading it.
    let bytes: Uint8Array
    try {
      bytes = readFileSync(path)
    } catch (error) {
      throw new Error(`${path}: ${(error as Error).message}`, { cause: error })
    }
    onBytes?.(bytes.length)
    if (bytes.length > 0) yield bytes
    return
  }
  const raw = createReadStream(path, {
    highWaterMark: 2 ** 18,
    ...(range && { start: range.begin, ...(range.end !== undefined && { end: range.end - 1 }) }),
  })
  let read = 0
  let given = 0
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of raw) {
      read += chunk.length
      onBytes?.(chunk.length)
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
          `${read} bytes of it decompress to more than ${given}, over ${mostExpansion} times as many; decompress it yourself if that is right`,
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
    throw new Error(`the gzip archive is corrupt (${(error as Error).message})`, { cause: error })
  } finally {
    input.destroy()
    output.destroy()
  }
}
