/** A hash table of pairs of adjacent symbols with their counts and positions. */
import { larger } from './larger-array.ts'

/** Maximum load factor. */
const LOAD = 0.7

/** Pairs by their symbols, in open addressing. Ids of removed pairs are reused. */
export class PairTable {
  /** Number of pairs. */
  size = 0
  left: Int32Array
  right: Int32Array
  count: Float64Array
  /** First position of the pair plus 1; 0: none. Of a free id: the next free id plus 1. */
  head: Int32Array
  private free = 0
  private used = 0
  private slots: Int32Array

  constructor(capacity: number) {
    let slots = 16
    while (slots * LOAD < capacity) slots *= 2
    const pairs = Math.max(8, Math.ceil(capacity))
    this.left = new Int32Array(pairs)
    this.right = new Int32Array(pairs)
    this.count = new Float64Array(pairs)
    this.head = new Int32Array(pairs)
    this.slots = new Int32Array(slots)
  }

  /** Bytes per pair of capacity. */
  static readonly BYTES = 20 + (4 * 2) / LOAD

  /** @returns the id of the pair, or -1 */
  find(left: number, right: number): number {
    const slots = this.slots
    const mask = slots.length - 1
    for (let slot = hashOf(left, right) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const id = slots[slot] - 1
      if (this.left[id] === left && this.right[id] === right) return id
    }
    return -1
  }

  /** Adds a pair that is not in the table. @returns its id */
  add(left: number, right: number): number {
    if (this.free === 0 && this.used === this.left.length) this.grow()
    let id = this.used
    if (this.free > 0) {
      id = this.free - 1
      this.free = this.head[id]
    } else this.used++
    this.left[id] = left
    this.right[id] = right
    this.count[id] = 0
    this.head[id] = 0
    this.put(id)
    this.size++
    return id
  }

  remove(id: number): void {
    const slots = this.slots
    const mask = slots.length - 1
    let hole = hashOf(this.left[id], this.right[id]) & mask
    while (slots[hole] !== id + 1) hole = (hole + 1) & mask
    // Deletion by backward shift: entries of the same probe sequence move into the hole.
    for (let at = (hole + 1) & mask; slots[at] !== 0; at = (at + 1) & mask) {
      const other = slots[at] - 1
      const home = hashOf(this.left[other], this.right[other]) & mask
      if (((at - home) & mask) < ((at - hole) & mask)) continue
      slots[hole] = slots[at]
      hole = at
    }
    slots[hole] = 0
    this.left[id] = 0
    this.count[id] = 0
    this.head[id] = this.free
    this.free = id + 1
    this.size--
  }

  /** Calls `use` with the id of each pair. */
  each(use: (id: number) => void): void {
    for (let id = 0; id < this.used; id++) if (this.left[id] !== 0) use(id)
  }

  private put(id: number): void {
    const slots = this.slots
    const mask = slots.length - 1
    let slot = hashOf(this.left[id], this.right[id]) & mask
    while (slots[slot] !== 0) slot = (slot + 1) & mask
    slots[slot] = id + 1
  }

  private grow(): void {
    this.left = larger(this.left)
    this.right = larger(this.right)
    this.count = larger(this.count)
    this.head = larger(this.head)
    this.slots = new Int32Array(this.slots.length * 2)
    this.each((id) => this.put(id))
  }
}

export function hashOf(left: number, right: number): number {
  let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)
  hash ^= hash >>> 15
  hash = Math.imul(hash, 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) >>> 0
}
