/** A pair of neighbouring symbols and how often it occurs. */
export type Pair = {
  left: number
  right: number
  count: number
  /** Positions in the corpus where the pair has been seen; some may be stale. */
  places: number[]
  /** The text of both, and its number of characters: decide between equal counts. */
  text: string
  length: number
}

/** A heap of pairs, most frequent first; among equals the shorter, then the one whose text comes first. */
export class PairQueue {
  readonly #pairs: Pair[] = []
  readonly #counts: number[] = []

  push(pair: Pair): void {
    const pairs = this.#pairs
    const counts = this.#counts
    let at = pairs.length
    pairs.push(pair)
    counts.push(pair.count)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(pair, pair.count, pairs[parent], counts[parent])) break
      pairs[at] = pairs[parent]
      counts[at] = counts[parent]
      at = parent
    }
    pairs[at] = pair
    counts[at] = pair.count
  }

  /** The most frequent pair, or undefined. Counts that have fallen since they were put in are put right first. */
  pop(): Pair | undefined {
    for (;;) {
      const pair = this.#pairs[0]
      if (pair === undefined) return undefined
      const seen = this.#counts[0]
      this.#removeFirst()
      if (pair.count === seen) return pair
      // A pair whose count has risen was put in again with the higher one.
      if (pair.count > 0 && pair.count < seen) this.push(pair)
    }
  }

  #removeFirst(): void {
    const pairs = this.#pairs
    const counts = this.#counts
    const last = pairs.pop()!
    const lastCount = counts.pop()!
    const size = pairs.length
    if (size === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && before(pairs[child + 1], counts[child + 1], pairs[child], counts[child])) child++
      if (!before(pairs[child], counts[child], last, lastCount)) break
      pairs[at] = pairs[child]
      counts[at] = counts[child]
      at = child
    }
    pairs[at] = last
    counts[at] = lastCount
  }
}

function before(a: Pair, aCount: number, b: Pair, bCount: number): boolean {
  if (aCount !== bCount) return aCount > bCount
  if (a.length !== b.length) return a.length < b.length
  return a.text < b.text
}
