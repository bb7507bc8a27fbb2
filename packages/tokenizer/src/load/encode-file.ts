/** Encoding of files larger than memory, line by line. */
import type { ReadStream } from 'node:fs'
import { createReadStream } from 'node:fs'
import { TokenizerError } from '../tokenizer-error.ts'

export type EncodeFileOptions = {
  /** Bytes read at a time. Default 1 MiB. */
  chunkSize?: number
}

/** Anything that encodes a line given as UTF-8 bytes. */
type LineEncoder = { encode(line: Uint8Array): Int32Array }

/**
 * Encodes a text file line by line while it is read, in memory for the longest line, not the file.
 * Lines end with a line feed, which is no part of them; the last may lack it. The ids are those of encoding each line.
 * @param source a path, or chunks of UTF-8 bytes (a character may be cut between two)
 * @throws TokenizerError where the file cannot be read
 */
export async function* encodeFile(
  tokenizer: LineEncoder,
  source: string | URL | AsyncIterable<Uint8Array>,
  options: EncodeFileOptions = {},
): AsyncGenerator<Int32Array> {
  const chunks: AsyncIterable<Uint8Array> =
    typeof source === 'string' || source instanceof URL ? readChunks(source, options) : source
  let held: Uint8Array[] = []
  for await (const chunk of chunks) {
    let from = 0
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
      const rest = chunk.subarray(from, end)
      yield tokenizer.encode(held.length > 0 ? joined(held, rest) : rest)
      held = []
      from = end + 1
    }
    // A copy: whoever gives the chunks may use their memory again.
    if (from < chunk.length) held.push(chunk.slice(from))
  }
  if (held.length > 0) yield tokenizer.encode(joined(held, new Uint8Array(0)))
}

async function* readChunks(path: string | URL, options: EncodeFileOptions): AsyncGenerator<Uint8Array> {
  const stream: ReadStream = createReadStream(path, { highWaterMark: options.chunkSize ?? 1 << 20 })
  try {
    for await (const chunk of stream) yield chunk as Buffer
  } catch (error) {
    throw new TokenizerError(`encodeFile: ${String(path)} cannot be read: ${(error as Error).message}`)
  }
}

function joined(parts: Uint8Array[], last: Uint8Array): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, last.length))
  let at = 0
  for (const part of [...parts, last]) {
    result.set(part, at)
    at += part.length
  }
  return result
}
