/** The best path of a unigram model through a text: by sums rounded as in the C++, or by exact ones. */
import type { Segments } from './segments.ts'
import { type RunOfOne, SHORTEST_RUN, type UnigramTrie } from './unigram-trie.ts'

/** Viterbi over `codes` (those of {@link UnigramTrie}), whose buffers are reused between texts. */
export class UnigramViterbi {
  codes = new Int32Array(256)
  /** Of what `findExact` searched: the sum of magnitudes of the best path's scores, and a bound of any sum. */
  weight = 0
  largest = 0
  private readonly trie: UnigramTrie
  /**
   * By position: the score of the best path to it (a float32 value where they are rounded), the start of its last
   * piece, and the trie node of that piece.
   */
  private best = new Float64Array(257)
  private from = new Int32Array(257)
  private through = new Int32Array(257)
  /** By position: the score of the second best way to end a piece there. */
  private second = new Float64Array(257)

  constructor(trie: UnigramTrie) {
    this.trie = trie
  }

  reserve(length: number): void {
    if (this.codes.length < length) this.allocate(Math.max(length, this.codes.length * 2))
  }

  /** Frees large buffers. */
  release(kept: number): void {
    if (this.codes.length > kept) this.allocate(256)
  }

  /**
   * Finds the best path from `begin` to `end`, with ties resolved as in the C++: a candidate is computed in double
   * precision and stored in single precision, and only a strictly better one replaces it.
   * @param score of the path before `begin`
   * @returns the score at `end`
   */
  findRounded(begin: number, end: number, score: number): number {
    const { nodes, gains, shift, missing, runs } = this.trie
    const { codes, best, from, through } = this
    best[begin] = score
    best.fill(Number.NEGATIVE_INFINITY, begin + 1, end + 1)
    let runEnd = begin
    let run: RunOfOne | undefined
    for (let start = begin; start < end; start++) {
      const here = best[start]
      let known = false
      // The root's base is 0, so its children are at their codes.
      const first = codes[start]
      if (nodes[first * 4 + 1] === 0) {
        let candidate = gains[first * 2 + 1] + here
        // NaN: no piece ends here.
        known = !Number.isNaN(candidate)
        let to = start + 1
        if (candidate > best[to]) {
          best[to] = Math.fround(candidate)
          from[to] = start
          through[to] = first
        }
        let node = first
        if (start >= runEnd) {
          runEnd = start + 1
          while (runEnd < end && codes[runEnd] === first) runEnd++
          run = runEnd - start >= SHORTEST_RUN ? runs.get(first) : undefined
        }
        if (run) {
          const count = Math.min(runEnd - start, run.gains.length)
          const runGains = run.gains
          for (let k = 1; k < count; k++) {
            candidate = runGains[k] + here
            to++
            if (candidate > best[to]) {
              best[to] = Math.fround(candidate)
              from[to] = start
              through[to] = run.nodes[k]
            }
          }
          node = run.nodes[count - 1]
        }
        while (to < end) {
          const code = codes[to]
          const base = nodes[node * 4]
          if ((base & (missing << (code & 7))) !== 0) break
          const child = (base >>> shift) + code
          if (nodes[child * 4 + 1] !== node) break
          node = child
          to++
          candidate = gains[child * 2 + 1] + here
          if (candidate > best[to]) {
            best[to] = Math.fround(candidate)
            from[to] = start
            through[to] = child
          }
        }
      }
      if (known) continue
      const last = this.characterEnd(start, end)
      if (last < 0) {
        start++
        continue
      }
      const candidate = Math.fround(this.trie.unkScore + here)
      if (candidate > best[last]) {
        best[last] = candidate
        from[last] = start
        through[last] = 0
      }
      start = last - 1
    }
    return best[end]
  }

  /**
   * Finds the best path from `begin` to `end` in double precision, whose rounding is negligible.
   * @returns by how much it leads every other path (nats, 0 or more)
   */
  findExact(begin: number, end: number): number {
    const { nodes, gains, shift, missing, unkScore } = this.trie
    const { codes, best, second, from, through } = this
    best[begin] = 0
    for (let i = begin + 1; i <= end; i++) best[i] = second[i] = Number.NEGATIVE_INFINITY
    for (let start = begin; start < end; start++) {
      const here = best[start]
      let known = false
      const first = codes[start]
      if (nodes[first * 4 + 1] === 0) {
        let candidate = gains[first * 2 + 1] + here
        known = !Number.isNaN(candidate)
        let to = start + 1
        if (candidate > best[to]) {
          second[to] = best[to]
          best[to] = candidate
          from[to] = start
          through[to] = first
        } else if (candidate > second[to]) second[to] = candidate
        for (let node = first; to < end; ) {
          const code = codes[to]
          const base = nodes[node * 4]
          if ((base & (missing << (code & 7))) !== 0) break
          const child = (base >>> shift) + code
          if (nodes[child * 4 + 1] !== node) break
          node = child
          to++
          candidate = gains[child * 2 + 1] + here
          if (candidate > best[to]) {
            second[to] = best[to]
            best[to] = candidate
            from[to] = start
            through[to] = child
          } else if (candidate > second[to]) second[to] = candidate
        }
      }
      if (known) continue
      const last = this.characterEnd(start, end)
      if (last < 0) {
        start++
        continue
      }
      const candidate = unkScore + here
      if (candidate > best[last]) {
        second[last] = best[last]
        best[last] = candidate
        from[last] = start
        through[last] = 0
      } else if (candidate > second[last]) second[last] = candidate
      start = last - 1
    }
    // Another path has a last piece that differs; what follows it is on the best path.
    let lead = Number.POSITIVE_INFINITY
    let weight = 0
    for (let at = end; at > begin; at = from[at]) {
      lead = Math.min(lead, best[at] - second[at])
      weight += Math.abs(best[at] - best[from[at]])
    }
    let largest = 0
    for (let i = begin + 1; i <= end; i++)
      if (best[i] !== Number.NEGATIVE_INFINITY) largest = Math.max(largest, Math.abs(best[i]))
    this.weight = weight
    this.largest = largest + Math.abs(unkScore)
    return lead
  }

  /** Appends the pieces of the path that was found last. */
  write(begin: number, end: number, out: Segments): void {
    const { from, through } = this
    const { idOfNode } = this.trie
    let count = out.count
    for (let at = end; at > begin; at = from[at]) count++
    out.count = count
    const { ids, ends } = out
    for (let at = end; at > begin; at = from[at]) {
      count--
      const node = through[at]
      if (node === 0) out.unknown = true
      ids[count] = idOfNode[node]
      ends[count] = at
    }
  }

  /**
   * The end of the character at `start`, where no piece is the unit there alone; -1 where a piece is the surrogate pair
   * there.
   */
  private characterEnd(start: number, end: number): number {
    const { codes } = this
    const { nodes, shift, isLow, idOfNode } = this.trie
    if (start + 1 === end || isLow[codes[start + 1]] === 0) return start + 1
    const first = codes[start]
    const second = (nodes[first * 4] >>> shift) + codes[start + 1]
    const isPiece = nodes[first * 4 + 1] === 0 && nodes[second * 4 + 1] === first && idOfNode[second] >= 0
    return isPiece ? -1 : start + 2
  }

  private allocate(capacity: number): void {
    this.codes = new Int32Array(capacity)
    this.best = new Float64Array(capacity + 1)
    this.from = new Int32Array(capacity + 1)
    this.through = new Int32Array(capacity + 1)
    this.second = new Float64Array(capacity + 1)
  }
}
