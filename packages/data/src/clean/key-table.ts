/** A hash table from keys of a few 32-bit words to the first document with the key; open addressing in typed arrays. */
export class KeyTable {
  private readonly words: number
  private keys: Uint32Array
  private values: Uint32Array
  private count = 0

  /**
   * @param words 32-bit words of a key
   * @param expected estimated number of keys; the table grows beyond it
   */
  constructor(words: number, expected = 512) {
    this.words = words
    const slots = 2 ** Math.ceil(Math.log2(Math.max(512, expected) * 2))
    this.keys = new Uint32Array(words * slots)
    this.values = new Uint32Array(slots)
  }

  /** Removes all keys. */
  clear(): void {
    this.values.fill(0)
    this.count = 0
  }

  /** The first document with the key `from[at]`, `from[at + 1]`, ...; inserts `document` where there is none. */
  first(from: Uint32Array, at: number, document: number): number {
    if (2 * (this.count + 1) > this.values.length) this.grow()
    const slot = this.slot(this.keys, this.values, from, at)
    if (this.values[slot] !== 0) return this.values[slot] - 1
    for (let k = 0; k < this.words; k++) this.keys[slot * this.words + k] = from[at + k]
    this.values[slot] = document + 1
    this.count++
    return document
  }

  private slot(keys: Uint32Array, values: Uint32Array, from: Uint32Array, at: number): number {
    const words = this.words
    const last = values.length - 1
    for (let slot = (from[at] ^ Math.imul(from[at + 1], 0x9e3779b1)) & last; ; slot = (slot + 1) & last) {
      if (values[slot] === 0) return slot
      let same = true
      for (let k = 0; k < words && same; k++) same = keys[slot * words + k] === from[at + k]
      if (same) return slot
    }
  }

  private grow(): void {
    const words = this.words
    const keys = new Uint32Array(this.keys.length * 2)
    const values = new Uint32Array(this.values.length * 2)
    for (let old = 0; old < this.values.length; old++) {
      if (this.values[old] === 0) continue
      const slot = this.slot(keys, values, this.keys, old * words)
      for (let k = 0; k < words; k++) keys[slot * words + k] = this.keys[old * words + k]
      values[slot] = this.values[old]
    }
    this.keys = keys
    this.values = values
  }
}
