/**
 * Deduplication from keys on disk: one pass over the keys for every MinHash band and every share of the keys that fits
 * in memory. Needs 4 bytes per document besides.
 */
import { KeyTable } from './key-table.ts'
import { minhashBands } from './minhash.ts'

/** 32-bit words of a key before the bands: the first 128 bits of SHA-256. */
export const exactWords = 4

/**
 * Visits the keys of every document in order, which begin at `at` in `from`: `exactWords` words, then two words per
 * band where there are bands.
 */
export type EachKey = (visit: (from: Uint32Array, at: number, document: number) => void) => void

/** Bytes of a table per document: key and value at a load factor of at most 1/2, and as many again while growing. */
const bytesOf = (words: number) => (words + 1) * 4 * 6

/**
 * Finds duplicate documents.
 * @param near whether documents that share a band are duplicates too
 * @param memory memory limit of a table in bytes; default 1 GiB
 * @param onProgress called after each pass over the keys with the share of the work that is done, 0 to 1
 * @returns for each document 0 (kept), 1 (exact duplicate) or 2 (near duplicate); the first of each group is kept
 */
export function findDuplicates(
  documents: number,
  each: EachKey,
  near: boolean,
  memory: number = 2 ** 30,
  onProgress?: (share: number) => void,
): Uint8Array {
  const verdicts = new Uint8Array(documents)
  const passes = (words: number) => Math.max(1, Math.ceil((documents * bytesOf(words)) / memory))
  const exactPasses = passes(exactWords)
  const allPasses = exactPasses + (near ? minhashBands * passes(2) : 0)
  let done = 0
  const passDone = () => onProgress?.(++done / allPasses)
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

/**
 * Marks exact duplicates; a function of its own, so that its table is freed before those of the bands are allocated.
 */
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
