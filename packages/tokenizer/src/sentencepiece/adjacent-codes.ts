/** Which two units are adjacent inside some piece: between others, every segmentation has a boundary. */
import type { UnigramTrie } from './unigram-trie.ts'

/** Bits of the set: about so many per edge of the trie, and 2 to the power of MOST_BITS (128 KiB) at most. */
const BITS_PER_EDGE = 8
const MOST_BITS = 20

/**
 * The pairs of codes that are adjacent inside a piece or a surrogate pair, as a set of bits by hash. It may contain
 * others, so that a boundary is missed, but no boundary is wrong.
 */
export class AdjacentCodes {
  readonly bits: Int32Array
  readonly shift: number

  constructor({ codeOf, pieces: { base, check }, maxCode }: UnigramTrie) {
    // Each edge below the root's children is a pair; most pairs are several edges.
    let edges = 0
    for (let node = 1; node < check.length; node++) if (check[node] > 0) edges++
    // At least as many bits as codes, to which the hash of the first is added.
    let size = Math.max(10, 32 - Math.clz32(maxCode))
    while (size < MOST_BITS && 2 ** size < edges * BITS_PER_EDGE) size++
    this.shift = 32 - size
    this.bits = new Int32Array(2 ** (size - 5))
    for (let node = 1; node < check.length; node++) {
      const parent = check[node]
      if (parent > 0) this.add(parent - base[check[parent]], node - base[parent])
    }
    const highs = new Set([0, ...codeOf.subarray(0xd800, 0xdc00)])
    const lows = new Set(codeOf.subarray(0xdc00, 0xe000))
    for (const high of highs) for (const low of lows) this.add(high, low)
  }

  has(before: number, after: number): boolean {
    const bit = (Math.imul(before, 0x9e3779b1) >>> this.shift) ^ after
    return (this.bits[bit >>> 5] & (1 << bit)) !== 0
  }

  private add(before: number, after: number): void {
    const bit = (Math.imul(before, 0x9e3779b1) >>> this.shift) ^ after
    this.bits[bit >>> 5] |= 1 << bit
  }
}
