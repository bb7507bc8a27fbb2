/** Segmentations of short strings that were found before. */

/** Words of the records at first and at most (4 bytes each). */
const FIRST_WORDS = 2 ** 12
const MOST_WORDS = 2 ** 20
/** Words of records per slot of the index. */
const WORDS_PER_SLOT = 4
/** Words of a record before its codes and pieces. */
const HEADER = 3
/** Longest string that is kept, in codes. */
export const LONGEST_KEPT = 64

/**
 * A table of records by string, a string being codes of 16 bits. It grows to 6 MB, and is emptied when that is full.
 * The index has two places per hash; a third string replaces the older one.
 *
 * The record at `at`: `words[at]` is the number of codes, plus 256 times the number of pieces, plus 2 ** 16 if one is
 * unknown; then `floats[at + 1]` and `floats[at + 2]`, numbers of the caller; the codes, two in a word; and a word for
 * each piece: its id times 256, plus its end in the string.
 */
export class SegmentationCache {
  words = new Int32Array(FIRST_WORDS)
  floats = new Float32Array(this.words.buffer)
  /** Pairs: the hash, and the record's place. */
  private index = new Int32Array((2 * FIRST_WORDS) / WORDS_PER_SLOT)
  private shift = 32 - Math.log2(FIRST_WORDS / WORDS_PER_SLOT)
  /** Place of the next record. No codes are at 0, where empty slots lead. */
  private next = 1

  /** The place of the record of `codes[start .. start + length)`, or 0. */
  find(hash: number, codes: Int32Array, start: number, length: number): number {
    const index = this.index
    let slot = (hash >>> this.shift) * 2
    if (index[slot] !== hash) {
      slot ^= 2
      if (index[slot] !== hash) return 0
    }
    const at = index[slot + 1]
    const words = this.words
    if ((words[at] & 0xff) !== length) return 0
    let word = at + HEADER
    let i = start
    for (const last = start + length - 1; i < last; i += 2)
      if (words[word++] !== (codes[i] | (codes[i + 1] << 16))) return 0
    return (length & 1) === 0 || words[word] === codes[i] ? at : 0
  }

  /** Makes a record of `codes[start .. start + length)`. @returns its place; the caller fills in floats and pieces */
  add(hash: number, codes: Int32Array, start: number, length: number, pieces: number): number {
    const size = HEADER + ((length + 1) >> 1) + pieces
    if (this.next + size > this.words.length) this.makeRoom()
    const at = this.next
    this.next += size
    const { index, words } = this
    const slot = (hash >>> this.shift) * 2
    if (index[slot] !== hash) {
      index[slot ^ 2] = index[slot]
      index[(slot ^ 2) + 1] = index[slot + 1]
    }
    index[slot] = hash
    index[slot + 1] = at
    words[at] = length | (pieces << 8)
    let word = at + HEADER
    for (let i = 0; i < length; i += 2)
      words[word++] = codes[start + i] | (i + 1 < length ? codes[start + i + 1] << 16 : 0)
    return at
  }

  private makeRoom(): void {
    const { index, words } = this
    if (words.length === MOST_WORDS) {
      index.fill(0)
      this.next = 1
      return
    }
    this.words = new Int32Array(words.length * 4)
    this.words.set(words)
    this.floats = new Float32Array(this.words.buffer)
    this.index = new Int32Array(index.length * 4)
    this.shift -= 2
    for (let old = 0; old < index.length; old += 2) {
      if (index[old + 1] === 0) continue
      const slot = (index[old] >>> this.shift) * 2
      const free = this.index[slot + 1] === 0 ? slot : slot ^ 2
      this.index[free] = index[old]
      this.index[free + 1] = index[old + 1]
    }
  }
}

/** Words of a record with that many codes before its pieces. */
export function piecesAt(length: number): number {
  return HEADER + ((length + 1) >> 1)
}
