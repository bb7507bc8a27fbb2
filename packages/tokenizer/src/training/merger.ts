/** Byte-pair merging of a text in memory: repeatedly merges the most frequent pair. */
import type { ResolvedOptions } from './options.ts'
import { PairQueue } from './pair-queue.ts'
import { PairTable } from './pair-table.ts'
import { mayBePiece } from './seeds.ts'
import type { Sequences } from './sequences.ts'
import type { Symbols } from './symbols.ts'

/**
 * Sequences of symbols with an index of the occurrences of each pair of adjacent symbols. A merged symbol keeps the
 * positions of its parts: its number is at the first, minus the number of positions at the second and the last.
 */
export class Merger {
  private readonly symbols: Symbols
  private readonly options: ResolvedOptions
  private readonly spaceCode: number
  private readonly least: number
  private readonly at: Int32Array
  private readonly sequence: Int32Array
  private readonly counts: Float64Array
  /** Doubly linked lists of the positions of each pair, stored plus 1; 0: none. */
  private readonly next: Int32Array
  private readonly previous: Int32Array
  private readonly pairs: PairTable
  private readonly queue: PairQueue
  private readonly mostPairs: number
  private readonly touched = new Set<number>()
  private readonly joined: Int32Array
  private places = new Int32Array(64)

  /** Bytes per symbol of the sequences, without those of the sequences themselves and of the pairs. */
  static readonly BYTES = 12

  /**
   * @param sequences consumed: their arrays are modified in place
   * @param least lowest count of a pair to merge
   * @param mostPairs limit of the number of pairs; past it, {@link isFull} is true and merging must stop
   */
  constructor(
    sequences: Sequences,
    symbols: Symbols,
    spaceCode: number,
    options: ResolvedOptions,
    least: number,
    mostPairs: number,
  ) {
    this.symbols = symbols
    this.options = options
    this.spaceCode = spaceCode
    this.least = least
    this.mostPairs = mostPairs
    this.joined = new Int32Array(options.maxPieceLength)
    const n = sequences.length
    this.at = sequences.symbols
    this.counts = sequences.counts
    this.sequence = new Int32Array(n)
    for (let k = 0; k < sequences.size; k++) this.sequence.fill(k, sequences.starts[k], sequences.starts[k + 1])
    this.next = new Int32Array(n)
    this.previous = new Int32Array(n)
    const pairs = Number.isFinite(mostPairs) ? mostPairs : 1 << 12
    this.pairs = new PairTable(pairs)
    const { texts, codes } = symbols
    this.queue = new PairQueue({ textOf: (k) => texts[k], lengthOf: (k) => codes[k].length }, pairs)
    for (let i = 0; i + 1 < n && !this.isFull; i++) this.add(i, i + 1)
    this.flush()
  }

  /** Whether there are more pairs than `mostPairs`. */
  get isFull(): boolean {
    return this.pairs.size > this.mostPairs
  }

  /**
   * Merges the most frequent pair.
   * @returns the merged symbol, or -1 where no pair is frequent enough
   */
  merge(): number {
    for (;;) {
      if (this.queue.size === 0) return -1
      const left = this.queue.left[0]
      const right = this.queue.right[0]
      const seen = this.queue.count[0]
      this.queue.pop()
      const id = this.pairs.find(left, right)
      if (id < 0) continue
      const count = this.pairs.count[id]
      if (count === seen) return this.mergeAll(id)
      // Lazy update: a pair whose count has dropped is pushed again; one whose count has risen was pushed then.
      if (count >= this.least && count < seen) this.queue.push(left, right, count)
    }
  }

  private mergeAll(id: number): number {
    const left = this.pairs.left[id]
    const right = this.pairs.right[id]
    const merged = this.symbols.merge(left, right)
    let size = 0
    for (let place = this.pairs.head[id]; place !== 0; place = this.next[place - 1]) {
      if (size === this.places.length) {
        const larger = new Int32Array(size * 2)
        larger.set(this.places)
        this.places = larger
      }
      this.places[size++] = place - 1
    }
    this.pairs.remove(id)
    // From left to right, so that of overlapping occurrences (aaa) the first is merged, as in encoding.
    const places = this.places.subarray(0, size).sort()
    const symbol = this.at
    for (let k = 0; k < size; k++) {
      const at = places[k]
      if (symbol[at] !== left) continue
      const following = this.after(at)
      if (symbol[following] !== right) continue
      const before = at === 0 || symbol[at - 1] === 0 ? -1 : symbol[at - 1] < 0 ? at + symbol[at - 1] : at - 1
      const after = this.after(following)
      if (before >= 0) this.take(before, at)
      this.take(following, after)
      symbol[at] = merged
      symbol[following] = 0
      symbol[at + 1] = at - after
      symbol[after - 1] = at - after
      if (before >= 0) this.add(before, at)
      this.add(at, after)
    }
    this.flush()
    return merged
  }

  /** Position of the symbol after the one at a position. */
  private after(at: number): number {
    const next = this.at[at + 1]
    return next < 0 ? at - next : at + 1
  }

  private add(at: number, following: number): void {
    const left = this.at[at]
    const right = this.at[following]
    if (left === 0 || right === 0) return
    const pairs = this.pairs
    let id = pairs.find(left, right)
    if (id < 0) {
      if (!this.mayJoin(left, right)) return
      id = pairs.add(left, right)
    }
    pairs.count[id] += this.counts[this.sequence[at]]
    const head = pairs.head[id]
    this.next[at] = head
    this.previous[at] = 0
    if (head !== 0) this.previous[head - 1] = at + 1
    pairs.head[id] = at + 1
    this.touched.add(id)
  }

  private take(at: number, following: number): void {
    const pairs = this.pairs
    const left = this.at[at]
    const right = this.at[following]
    if (left === 0 || right === 0) return
    const id = pairs.find(left, right)
    if (id < 0) return
    pairs.count[id] -= this.counts[this.sequence[at]]
    const next = this.next[at]
    const previous = this.previous[at]
    if (previous === 0) pairs.head[id] = next
    else this.next[previous - 1] = next
    if (next !== 0) this.previous[next - 1] = previous
    if (pairs.head[id] === 0) pairs.remove(id)
  }

  private mayJoin(left: number, right: number): boolean {
    const one = this.symbols.codes[left]
    const other = this.symbols.codes[right]
    const length = one.length + other.length
    if (length > this.options.maxPieceLength) return false
    this.joined.set(one)
    this.joined.set(other, one.length)
    return mayBePiece(this.joined, 0, length, this.spaceCode, this.options)
  }

  /** Pushes the pairs whose count has risen. */
  private flush(): void {
    const { left, right, count } = this.pairs
    for (const id of this.touched) {
      if (left[id] === 0 || count[id] < this.least) continue
      if (this.queue.size === this.queue.capacity) this.refill()
      this.queue.push(left[id], right[id], count[id])
    }
    this.touched.clear()
  }

  /** Rebuilds the queue without stale entries, where these are many. */
  private refill(): void {
    const { left, right, count } = this.pairs
    let live = 0
    this.pairs.each((id) => {
      if (count[id] >= this.least) live++
    })
    if (live > 0.7 * this.queue.size) return
    this.queue.size = 0
    this.pairs.each((id) => {
      if (count[id] >= this.least) this.queue.push(left[id], right[id], count[id])
    })
  }
}
