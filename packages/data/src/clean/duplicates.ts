/**
 * Which of many documents repeat earlier ones, from their keys on disk: a pass over the keys for every band and every part of the keys that
 * fits into memory. Kept throughout: 4 bytes a document.
 */
import { KeyTable } from './key-table.ts'
import { minhashBands } from './minhash.ts'

/** Words of 32 bits before the bands: SHA-256's first 128 bits. */
export const exactWords = 4

/**
 * Calls back with the keys of every document in order, which begin at `at` of `from`: `exactWords` words, then two for each band where
 * there are bands.
 */
export type EachKey = (visit: (from: Uint32Array, at: number, document: number) => void) => void

/** Bytes of a table for one document: keys and value in slots that are at most half full, and as many again where it grows. */
const bytesOf = (words: number) => (words + 1) * 4 * 6

/**
 * @param near whether documents that share a band count as repeats too
 * @param memory bytes that a table may take; default 1 GiB
 * @param onShare called after each pass over the keys with the fraction done
 * @returns for each document 0 (kept), 1 (the same text) or 2 (near another); the first of each group is kept
 */
export function findDuplicates(
  documents: number,
  each: EachKey,
  near: boolean,
  memory: number = 2 ** 30,
  onShare?: (share: number) => void,
): Uint8Array {
  const verdicts = new Uint8Array(documents)
  const passes = (words: number) => Math.max(1, Math.ceil((documents * bytesOf(words)) / memory))
  const exactPasses = passes(exactWords)
  const allPasses = exactPasses + (near ? minhashBands * passes(2) : 0)
  let done = 0
  const passDone = () => onShare?.(++done / allPasses)
  markSame(verdicts, each, exactPasses, passDone)
  if (!near) return verdicts
  const parents = Uint32Array.from({ length: documents }, (_, i) => i)
  const rootOf = (document: number): number => {
    let at = document
    while (parents[at] !== at) {
      parents[at] = parents[parents[at]]
      at = parents[at]
    }
    return at
  }
  const bandPasses = passes(2)
  const table = new KeyTable(2, documents / bandPasses)
  for (let band = 0; band < minhashBands; band++)
    for (let pass = 0; pass < bandPasses; pass++) {
      table.clear()
      each((from, begin, document) => {
        const at = begin + exactWords + 2 * band
        if (verdicts[document] === 1 || from[at + 1] % bandPasses !== pass) return
        const first = table.first(from, at, document)
        if (first === document) return
        const [a, b] = [rootOf(first), rootOf(document)]
        if (a < b) parents[b] = a
        else parents[a] = b
      })
      passDone()
    }
  for (let document = 0; document < documents; document++)
    if (verdicts[document] === 0 && rootOf(document) !== document) verdicts[document] = 2
  return verdicts
}

/** Marks documents that repeat an earlier one exactly; its table is gone when the bands have theirs. */
function markSame(verdicts: Uint8Array, each: EachKey, passes: number, passDone: () => void): void {
  const table = new KeyTable(exactWords, verdicts.length / passes)
  for (let pass = 0; pass < passes; pass++) {
    table.clear()
    each((from, at, document) => {
      if (from[at + 2] % passes === pass && table.first(from, at, document) !== document) verdicts[document] = 1
    })
    passDone()
  }
}
