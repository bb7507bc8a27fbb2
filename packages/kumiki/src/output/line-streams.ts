/** Reads lines from a byte stream and writes text, without holding the whole stream. */
import { once } from 'node:events'

/** A longer line is an error, to bound memory. */
const maxLineBytes = 2 ** 29

/**
 * Yields the lines of a stream as bytes, without the line feed. The last line needs none; carriage returns are kept.
 */
export async function* readLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let heldBytes = 0
  for await (const chunk of stream) {
    let begin = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, begin)) {
      const part = chunk.subarray(begin, end)
      yield held.length === 0 ? part : join([...held, part], heldBytes + part.length)
      held = []
      heldBytes = 0
      begin = end + 1
    }
    if (begin < chunk.length) {
      held.push(chunk.subarray(begin))
      heldBytes += chunk.length - begin
      if (heldBytes > maxLineBytes)
        throw new Error(`stdin: a line has more than ${maxLineBytes} bytes; split the text into lines`)
    }
  }
  if (held.length > 0) yield join(held, heldBytes)
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** Buffers text into large writes, with back-pressure. */
export class TextOutput {
  private readonly stream: NodeJS.WritableStream
  private parts: string[] = []
  private length = 0

  constructor(stream: NodeJS.WritableStream) {
    this.stream = stream
  }

  async write(text: string): Promise<void> {
    this.parts.push(text)
    this.length += text.length
    if (this.length >= 65_536) await this.flush()
  }

  async flush(): Promise<void> {
    if (this.length === 0) return
    const text = this.parts.join('')
    this.parts = []
    this.length = 0
    if (!this.stream.write(text)) await once(this.stream, 'drain')
  }
}
