/** A priority queue of pairs of adjacent symbols by count. */
import { larger } from './larger-array.ts'

/** Tie-breakers between pairs with equal counts: the text of a symbol, and its length in characters. */
export type PairOrder = { lengthOf(symbol: number): number; textOf(symbol: number): string }

/**
 * A binary heap of pairs with their counts at the time of the push, most frequent first; ties go to the shorter text,
 * then the smaller text, then the shorter left symbol.
 */
export class PairQueue {
  size = 0
  left: Int32Array
  right: Int32Array
  count: Float64Array
  private readonly order: PairOrder

  constructor(order: PairOrder, capacity: number) {
    this.order = order
    this.left = new Int32Array(Math.max(8, capacity))
    this.right = new Int32Array(this.left.length)
    this.count = new Float64Array(this.left.length)
  }

  /** Bytes per pair of capacity. */
  static readonly BYTES = 16

  /** Number of pairs that fit without growing. */
  get capacity(): number {
    return this.left.length
  }

  push(left: number, right: number, count: number): void {
    if (this.size === this.left.length) this.grow()
    let at = this.size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.isBefore(left, right, count, parent)) break
      this.move(parent, at)
      at = parent
    }
    this.set(at, left, right, count)
  }

  /** Removes the first pair. */
  pop(): void {
    const last = --this.size
    if (last === 0) return
    const left = this.left[last]
    const right = this.right[last]
    const count = this.count[last]
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= last) break
      if (
        child + 1 < last &&
        this.isBefore(this.left[child + 1], this.right[child + 1], this.count[child + 1], child)
      ) {
        child++
      }
      if (this.isBefore(left, right, count, child)) break
      this.move(child, at)
      at = child
    }
    this.set(at, left, right, count)
  }

  private set(at: number, left: number, right: number, count: number): void {
    this.left[at] = left
    this.right[at] = right
    this.count[at] = count
  }

  private move(from: number, to: number): void {
    this.set(to, this.left[from], this.right[from], this.count[from])
  }

  /** Whether a pair comes before the one at a position of the heap. */
  private isBefore(left: number, right: number, count: number, at: number): boolean {
    if (count !== this.count[at]) return count > this.count[at]
    const { lengthOf, textOf } = this.order
    const length = lengthOf(left) + lengthOf(right)
    const otherLength = lengthOf(this.left[at]) + lengthOf(this.right[at])
    if (length !== otherLength) return length < otherLength
    const text = textOf(left) + textOf(right)
    const other = textOf(this.left[at]) + textOf(this.right[at])
    if (text !== other) return text < other
    return lengthOf(left) < lengthOf(this.left[at])
  }

  private grow(): void {
    this.left = larger(this.left)
    this.right = larger(this.right)
    this.count = larger(this.count)
  }
}
