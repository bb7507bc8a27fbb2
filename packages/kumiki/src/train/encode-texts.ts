/** The texts of a run as documents of token ids. */
import type { StopSignals } from '@kumiki/train/node'
import type { TextTokenizer } from '../models/text-tokenizer.ts'

/** Texts as ids. Signals are heard meanwhile. @throws what the signal gives as its reason */
export async function encodeTexts(
  tokenizer: TextTokenizer,
  texts: readonly string[],
  stop: StopSignals,
): Promise<Int32Array[]> {
  const documents: Int32Array[] = []
  let heard = performance.now()
  for (const text of texts) {
    documents.push(tokenizer.encode(text))
    if (performance.now() - heard < 100) continue
    await stop.listen()
    stop.signal.throwIfAborted()
    heard = performance.now()
  }
  return documents
}

/** Tokens of all documents. */
export const total = (documents: readonly Int32Array[]) => documents.reduce((n, d) => n + d.length, 0)
/** The same, as it is shown. */
export const count = (documents: readonly Int32Array[]) => total(documents).toLocaleString('en')
