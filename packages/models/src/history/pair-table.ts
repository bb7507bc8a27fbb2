/** A map from pairs of 31-bit integers to small consecutive numbers: open addressing in typed arrays. */

const empty = -1

/** Numbers pairs (a, b) 0, 1, 2, ... in the order they are first seen. About 20 bytes a pair, no objects. */
export class PairTable {
  private slots: Int32Array<ArrayBuffer>
  private firsts: Int32Array<ArrayBuffer>
  private seconds: Int32Array<ArrayBuffer>
  private count = 0

  constructor() {
    this.slots = new Int32Array(1024).fill(empty)
    this.firsts = new Int32Array(512)
    this.seconds = new Int32Array(512)
  }

  /** Number of distinct pairs. */
  get size(): number {
    return this.count
  }

  /** First member of pair number `index`. */
  first(index: number): number {
    return this.firsts[index]
  }

  /** Second member of pair number `index`. */
  second(index: number): number {
    return this.seconds[index]
  }

  /** The number of (a, b), or -1 if it was never added. */
  find(a: number, b: number): number {
    return this.slots[this.probe(a, b)]
  }

  /** The number of (a, b); a new pair is added and gets the old `size`. */
  add(a: number, b: number): number {
    const slot = this.probe(a, b)
    const known = this.slots[slot]
    if (known !== empty) return known
    const index = this.count++
    if (index === this.firsts.length) {
      this.firsts = grow(this.firsts)
      this.seconds = grow(this.seconds)
    }
    this.firsts[index] = a
    this.seconds[index] = b
    this.slots[slot] = index
    if (this.count * 2 > this.slots.length) this.rehash()
    return index
  }

  private probe(a: number, b: number): number {
    const mask = this.slots.length - 1
    let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    let slot = (hash ^ (hash >>> 13)) & mask
    for (;;) {
      const index = this.slots[slot]
      if (index === empty || (this.firsts[index] === a && this.seconds[index] === b)) return slot
      slot = (slot + 1) & mask
    }
  }

  private rehash(): void {
    this.slots = new Int32Array(this.slots.length * 2).fill(empty)
    for (let index = 0; index < this.count; index++) {
      this.slots[this.probe(this.firsts[index], this.seconds[index])] = index
    }
  }
}

/** A copy of twice the length. */
export function grow(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2)
  larger.set(array)
  return larger
}
