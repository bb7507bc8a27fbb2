// Entry point of EncodePool's worker threads: loads the tokenizer once, then encodes the batches it receives.
import { parentPort, workerData } from 'node:worker_threads'
import type { EncodeReply, EncodeRequest } from './encode-pool.ts'
import { idLines } from './id-lines.ts'
import { linesOf } from './line-blocks.ts'
import { tokenizerFromBytes } from './tokenizer-from-bytes.ts'

const port = parentPort!
const tokenizer = tokenizerFromBytes(workerData as Uint8Array)

port.on('message', ({ batch, lines, options, asText }: EncodeRequest) => {
  try {
    const encoded: Int32Array[] = []
    for (const line of lines instanceof Uint8Array ? linesOf(lines) : lines)
      encoded.push(tokenizer.encode(line, options))
    const lengths = Int32Array.from(encoded, (ids) => ids.length)
    const ids = new Int32Array(lengths.reduce((sum, length) => sum + length, 0))
    let at = 0
    for (const part of encoded) {
      ids.set(part, at)
      at += part.length
    }
    if (asText) {
      const text = idLines(ids, lengths)
      port.postMessage({ batch, text } satisfies EncodeReply, [text.buffer as ArrayBuffer])
      return
    }
    port.postMessage({ batch, ids, lengths } satisfies EncodeReply, [ids.buffer, lengths.buffer])
  } catch (error) {
    port.postMessage({ batch, error: (error as Error).message } satisfies EncodeReply)
  }
})
