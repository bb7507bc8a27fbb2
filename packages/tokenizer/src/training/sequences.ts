/** A hash table of distinct sequences of symbols with their counts. */

/** Maximum load factor. */
const LOAD = 0.75

export class Sequences {
  size = 0
  /** The concatenated sequences, each terminated by a 0. */
  symbols: Int32Array
  /** Sequence k begins at `starts[k]`. */
  starts: Int32Array
  counts: Float64Array
  private readonly mayGrow: boolean
  private slots: Int32Array

  /** @param capacity limit of symbols, and a third as many sequences; undefined: the arrays grow */
  constructor(capacity?: number) {
    this.mayGrow = capacity === undefined
    const symbols = Math.max(64, capacity ?? 1 << 14)
    const sequences = Math.ceil(symbols / 3)
    let slots = 64
    while (slots * LOAD < sequences) slots *= 2
    this.symbols = new Int32Array(symbols)
    this.starts = new Int32Array(sequences + 1)
    this.counts = new Float64Array(sequences)
    this.slots = new Int32Array(slots)
  }

  /** Total number of symbols, with the terminating zeros. */
  get length(): number {
    return this.starts[this.size]
  }

  /** Adds `count` to a sequence. @returns false where the table is full */
  add(from: Int32Array, at: number, length: number, count: number): boolean {
    let hash = length
    for (let i = at; i < at + length; i++) hash = Math.imul(hash ^ from[i], 0x85ebca6b) ^ (hash >>> 13)
    hash ^= hash >>> 16
    const { symbols, starts } = this
    const mask = this.slots.length - 1
    let slot = hash & mask
    for (; this.slots[slot] !== 0; slot = (slot + 1) & mask) {
      const k = this.slots[slot] - 1
      const start = starts[k]
      if (starts[k + 1] - start !== length + 1) continue
      let i = 0
      while (i < length && symbols[start + i] === from[at + i]) i++
      if (i < length) continue
      this.counts[k] += count
      return true
    }
    const start = starts[this.size]
    if (start + length + 1 > symbols.length || this.size === this.counts.length) {
      if (!this.mayGrow) return false
      this.grow(length + 1)
      return this.add(from, at, length, count)
    }
    symbols.set(from.subarray(at, at + length), start)
    symbols[start + length] = 0
    this.counts[this.size] = count
    this.slots[slot] = ++this.size
    starts[this.size] = start + length + 1
    return true
  }

  /** Frees the hash slots; `add` may not be called afterwards. */
  close(): void {
    this.slots = new Int32Array(0)
  }

  private grow(more: number): void {
    const larger = new Sequences(Math.max(this.symbols.length * 2, this.length + more))
    for (let k = 0; k < this.size; k++) {
      larger.add(this.symbols, this.starts[k], this.starts[k + 1] - 1 - this.starts[k], this.counts[k])
    }
    this.symbols = larger.symbols
    this.starts = larger.starts
    this.counts = larger.counts
    this.slots = larger.slots
  }
}
