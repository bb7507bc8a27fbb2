/** Keys of a few 32-bit words, each with the document that had it first; open addressing in typed arrays. */
export class KeyTable {
  readonly #words: number
  #keys: Uint32Array
  #values: Uint32Array
  #count = 0

  /** @param words 32-bit words of a key */
  constructor(words: number) {
    this.#words = words
    this.#keys = new Uint32Array(words * 1024)
    this.#values = new Uint32Array(1024)
  }

  /** The document that had the key first: `document` itself where none had. */
  first(key: Uint32Array, document: number): number {
    if (2 * (this.#count + 1) > this.#values.length) this.#grow()
    const slot = this.#slot(this.#keys, this.#values, key)
    if (this.#values[slot] !== 0) return this.#values[slot] - 1
    this.#keys.set(key, slot * this.#words)
    this.#values[slot] = document + 1
    this.#count++
    return document
  }

  #slot(keys: Uint32Array, values: Uint32Array, key: Uint32Array): number {
    const words = this.#words
    for (
      let slot = (key[0] ^ Math.imul(key[1], 0x9e3779b1)) & (values.length - 1);
      ;
      slot = (slot + 1) & (values.length - 1)
    ) {
      if (values[slot] === 0) return slot
      let same = true
      for (let k = 0; k < words && same; k++) same = keys[slot * words + k] === key[k]
      if (same) return slot
    }
  }

  #grow(): void {
    const keys = new Uint32Array(this.#keys.length * 2)
    const values = new Uint32Array(this.#values.length * 2)
    for (let old = 0; old < this.#values.length; old++) {
      if (this.#values[old] === 0) continue
      const key = this.#keys.subarray(old * this.#words, (old + 1) * this.#words)
      const slot = this.#slot(keys, values, key)
      keys.set(key, slot * this.#words)
      values[slot] = this.#values[old]
    }
    this.#keys = keys
    this.#values = values
  }
}
