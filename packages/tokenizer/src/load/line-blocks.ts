/** Reads a file in blocks of whole lines. */
import { createReadStream } from 'node:fs'
import { TokenizerError } from '../tokenizer-error.ts'

export type EncodeFileOptions = {
  /** Bytes read at a time. Default 1 MiB; 256 KiB for `EncodePool`. */
  chunkSize?: number
}

export type ByteChunks = AsyncIterable<Uint8Array>

/**
 * Blocks of whole lines, one for each chunk with a line feed. Lines keep their line feeds; the last may lack it. Each
 * block has its own buffer, so that it can be transferred to a thread.
 * @throws TokenizerError where the file cannot be read
 */
export async function* lineBlocks(
  source: string | URL | ByteChunks,
  options: EncodeFileOptions,
): AsyncGenerator<Uint8Array> {
  const chunks = typeof source === 'string' || source instanceof URL ? readChunks(source, options) : source
  let held: Uint8Array[] = []
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(0x0a) + 1
    if (end > 0) {
      yield joined(held, chunk.subarray(0, end))
      held = []
    }
    // A copy, since the source may reuse the memory of its chunks.
    if (end < chunk.length) held.push(chunk.slice(end))
  }
  if (held.length > 0) yield joined(held, new Uint8Array(0))
}

async function* readChunks(path: string | URL, options: EncodeFileOptions): AsyncGenerator<Uint8Array> {
  const stream = createReadStream(path, { highWaterMark: options.chunkSize ?? 1 << 20 })
  try {
    for await (const chunk of stream) yield chunk as Buffer
  } catch (error) {
    throw new TokenizerError(`encodeFile: ${String(path)} cannot be read: ${(error as Error).message}`)
  }
}

function joined(parts: readonly Uint8Array[], last: Uint8Array): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, last.length))
  let at = 0
  for (const part of [...parts, last]) {
    result.set(part, at)
    at += part.length
  }
  return result
}

/** The lines of a block, without their line feeds. */
export function* linesOf(block: Uint8Array): Generator<Uint8Array> {
  let from = 0
  for (let end = block.indexOf(0x0a); end >= 0; end = block.indexOf(0x0a, from)) {
    yield block.subarray(from, end)
    from = end + 1
  }
  if (from < block.length) yield block.subarray(from)
}
