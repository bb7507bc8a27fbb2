/** A trie of pieces over UTF-16 units. */
import { buildDoubleArray, type DoubleArray } from './double-array.ts'
import type { JoinedTexts } from './piece-list.ts'

/** A trie of pieces over UTF-16 units, which are mapped to dense codes (small ones for frequent units). */
export type PieceTrie = DoubleArray & {
  /** The code of each UTF-16 unit; 0 where no piece contains it. */
  codeOf: Uint16Array
  /** The ids of the pieces in the trie. */
  ids: Int32Array
}

/** Builds the trie of the texts of `ids`; its values are the ids. */
export function buildPieceTrie({ joined, starts: from }: JoinedTexts, ids: Int32Array): PieceTrie {
  const counts = new Uint32Array(0x10000)
  let total = 0
  for (const id of ids) {
    total += from[id + 1] - from[id]
    for (let i = from[id]; i < from[id + 1]; i++) counts[joined.charCodeAt(i)]++
  }
  const present: number[] = []
  for (let unit = 0; unit < counts.length; unit++) if (counts[unit] > 0) present.push(unit)
  present.sort((a, b) => counts[b] - counts[a] || a - b)
  // Codes have 16 bits: a vocabulary that contained all 65,536 units would lose the rarest.
  const codeOf = new Uint16Array(0x10000)
  present.slice(0, 0xffff).forEach((unit, rank) => {
    codeOf[unit] = rank + 1
  })
  const codes = new Uint16Array(total)
  const starts = new Int32Array(ids.length + 1)
  let at = 0
  for (let k = 0; k < ids.length; k++) {
    for (let i = from[ids[k]]; i < from[ids[k] + 1]; i++) codes[at++] = codeOf[joined.charCodeAt(i)]
    starts[k + 1] = at
  }
  const trie = buildDoubleArray(codes, starts, Math.max(1, Math.min(present.length, 0xffff)))
  const value = trie.value
  for (let i = 0; i < value.length; i++) if (value[i] >= 0) value[i] = ids[value[i]]
  return { ...trie, codeOf, ids }
}

/** Length in UTF-16 units of the longest piece of the trie that starts at `at` of the text, 0 for none. */
export function longestPrefix(trie: PieceTrie, unitAt: (index: number) => number, at: number, end: number): number {
  let node = 0
  let longest = 0
  for (let i = at; i < end; i++) {
    const next = trie.base[node] + trie.codeOf[unitAt(i)]
    if (trie.check[next] !== node) break
    node = next
    if (trie.value[node] >= 0) longest = i + 1 - at
  }
  return longest
}
