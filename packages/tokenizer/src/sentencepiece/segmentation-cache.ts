/** Segmentations of short strings that were found before. */

/** Words of the records at first and at most (4 bytes each). */
const FIRST_WORDS = 2 ** 12
const MOST_WORDS = 2 ** 20
/** Words of records per slot of the index; an average record has about 9. */
const WORDS_PER_SLOT = 4
/** Slots of the index that a string can be in: a quarter of a cache line. */
const PLACES = 4
/** Bits of a slot that are the place of a record; the others are bits of the hash. */
const PLACE_BITS = 20
/** Words of a record before its codes and pieces. */
const HEADER = 3
/** Longest string that is kept, in codes. */
export const LONGEST_KEPT = 64

/** The hash of a string by those of its codes before the last; that of no code is 0. */
export function hashOf(before: number, code: number): number {
  return Math.imul(before ^ code, 0x9e3779b1)
}

/**
 * A table of records by string, a string being codes of 16 bits. It grows to 5 MB, and is emptied when that is full.
 * The index has four places per hash; a fifth string replaces one of the others.
 *
 * The record at `at`: `words[at]` is the number of codes, plus 256 times the number of pieces, plus 2 ** 16 if one is
 * unknown; then `floats[at + 1]` and `floats[at + 2]`, numbers of the caller; the codes, two in a word; and a word for
 * each piece: its id times 256, plus its end in the string.
 */
export class SegmentationCache {
  words = new Int32Array(FIRST_WORDS)
  floats = new Float32Array(this.words.buffer)
  /** The lowest bits of the hash, and the record's place; 0 where it is free. Its highest bits choose the places. */
  private index = new Int32Array(FIRST_WORDS / WORDS_PER_SLOT)
  private shift = 32 - Math.log2(FIRST_WORDS / WORDS_PER_SLOT / PLACES)
  /** Place of the next record. No codes are at 0, where free slots lead. */
  private next = 1

  /** The place of the record of `codes[start .. start + length)`, or 0. */
  find(hash: number, codes: Int32Array, start: number, length: number): number {
    const { index, words } = this
    const tag = hash << PLACE_BITS
    let slot = (hash >>> this.shift) * PLACES
    search: for (const last = slot + PLACES; slot < last; slot++) {
      const entry = index[slot]
      if ((entry ^ tag) >>> PLACE_BITS !== 0) continue
      const at = entry & (MOST_WORDS - 1)
      if ((words[at] & 0xff) !== length) continue
      let word = at + HEADER
      let i = start
      for (const end = start + length - 1; i < end; i += 2)
        if (words[word++] !== (codes[i] | (codes[i + 1] << 16))) continue search
      if ((length & 1) === 0 || words[word] === codes[i]) return at
    }
    return 0
  }

  /** Makes a record of `codes[start .. start + length)`. @returns its place; the caller fills in floats and pieces */
  add(hash: number, codes: Int32Array, start: number, length: number, pieces: number): number {
    const size = piecesAt(length) + pieces
    if (this.next + size > this.words.length) this.makeRoom()
    const at = this.next
    this.next += size
    const { words } = this
    words[at] = length | (pieces << 8)
    let word = at + HEADER
    for (let i = 0; i < length; i += 2)
      words[word++] = codes[start + i] | (i + 1 < length ? codes[start + i + 1] << 16 : 0)
    this.enter(hash, at)
    return at
  }

  private enter(hash: number, at: number): void {
    const { index } = this
    const first = (hash >>> this.shift) * PLACES
    let slot = first
    while (slot < first + PLACES && index[slot] !== 0) slot++
    // Bits that strings with the same places do not share choose the one to be replaced.
    if (slot === first + PLACES) slot = first + ((hash >>> 5) & (PLACES - 1))
    index[slot] = (hash << PLACE_BITS) | at
  }

  private makeRoom(): void {
    const { index, words, next } = this
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
    for (let at = 1; at < next; ) {
      const length = words[at] & 0xff
      let hash = 0
      for (let i = 0; i < length; i++) hash = hashOf(hash, (words[at + HEADER + (i >> 1)] >>> ((i & 1) * 16)) & 0xffff)
      this.enter(hash, at)
      at += piecesAt(length) + ((words[at] >> 8) & 0xff)
    }
  }
}

/** Words of a record with that many codes before its pieces. */
export function piecesAt(length: number): number {
  return HEADER + ((length + 1) >> 1)
}
