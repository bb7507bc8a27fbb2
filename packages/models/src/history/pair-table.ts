/** A map from pairs of 31-bit integers to small consecutive numbers: open addressing in typed arrays. */

const empty = -1

/** Numbers pairs (a, b) 0, 1, 2, ... in the order they are first seen. About 20 bytes a pair, no objects. */
export class PairTable {
  #slots: Int32Array<ArrayBuffer>
  #first: Int32Array<ArrayBuffer>
  #second: Int32Array<ArrayBuffer>
  #size = 0

  constructor() {
    this.#slots = new Int32Array(1024).fill(empty)
    this.#first = new Int32Array(512)
    this.#second = new Int32Array(512)
  }

  /** Number of distinct pairs. */
  get size(): number {
    return this.#size
  }

  /** First member of pair number `index`. */
  first(index: number): number {
    return this.#first[index]
  }

  /** Second member of pair number `index`. */
  second(index: number): number {
    return this.#second[index]
  }

  /** The number of (a, b), or -1 if it was never added. */
  find(a: number, b: number): number {
    return this.#slots[this.#probe(a, b)]
  }

  /** The number of (a, b), which is added if new (its number is then the old `size`). */
  add(a: number, b: number): number {
    const slot = this.#probe(a, b)
    const known = this.#slots[slot]
    if (known !== empty) return known
    const index = this.#size++
    if (index === this.#first.length) {
      this.#first = grow(this.#first)
      this.#second = grow(this.#second)
    }
    this.#first[index] = a
    this.#second[index] = b
    this.#slots[slot] = index
    if (this.#size * 2 > this.#slots.length) this.#rehash()
    return index
  }

  #probe(a: number, b: number): number {
    const mask = this.#slots.length - 1
    let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    let slot = (hash ^ (hash >>> 13)) & mask
    for (;;) {
      const index = this.#slots[slot]
      if (index === empty || (this.#first[index] === a && this.#second[index] === b)) return slot
      slot = (slot + 1) & mask
    }
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(empty)
    for (let index = 0; index < this.#size; index++) {
      this.#slots[this.#probe(this.#first[index], this.#second[index])] = index
    }
  }
}

/** The array with twice the room. */
export function grow(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2)
  larger.set(array)
  return larger
}
