/** Encodes the texts of a run as token ids. */
import type { StopSignals } from '@kumiki/train/node'
import type { TextTokenizer } from '../models/text-tokenizer.ts'

/** Encodes texts, and handles signals meanwhile. @throws the reason of the stop signal */
export async function encodeTexts(
  tokenizer: TextTokenizer,
  texts: readonly string[],
  stop: StopSignals,
): Promise<Int32Array[]> {
  const documents: Int32Array[] = []
  let listened = performance.now()
  for (const text of texts) {
    documents.push(tokenizer.encode(text))
    if (performance.now() - listened < 100) continue
    await stop.listen()
    stop.signal.throwIfAborted()
    listened = performance.now()
  }
  return documents
}

/** The number of tokens of all documents. */
export const total = (documents: readonly Int32Array[]) => documents.reduce((n, d) => n + d.length, 0)
/** The number of tokens of all documents, as text. */
export const count = (documents: readonly Int32Array[]) => total(documents).toLocaleString('en')
