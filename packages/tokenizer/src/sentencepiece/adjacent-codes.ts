/** Which two units are adjacent inside some piece: between others, every segmentation has a boundary. */
import type { UnigramTrie } from './unigram-trie.ts'

/** Bits per pair; a pair that is no pair is taken for one at a rate of about its inverse. */
const BITS_PER_PAIR = 16

/**
 * The pairs of codes that are adjacent inside a piece or a surrogate pair, as a set of bits by hash. It may contain
 * others, so that a boundary is missed, but no boundary is wrong.
 */
export class AdjacentCodes {
  readonly bits: Int32Array
  readonly shift: number

  constructor({ codeOf, pieces: { ids }, maxCode }: UnigramTrie, pieces: readonly string[]) {
    let pairs = 0
    for (const id of ids) pairs += pieces[id].length - 1
    // At least as many bits as codes, to which the hash of the first is added.
    let size = Math.max(10, 32 - Math.clz32(maxCode))
    // Most pairs are in several pieces.
    while (size < 20 && 2 ** size < (pairs * BITS_PER_PAIR) / 4) size++
    this.shift = 32 - size
    this.bits = new Int32Array(2 ** (size - 5))
    for (const id of ids) {
      const piece = pieces[id]
      for (let k = 1; k < piece.length; k++) this.add(codeOf[piece.charCodeAt(k - 1)], codeOf[piece.charCodeAt(k)])
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
