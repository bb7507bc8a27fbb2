/** The best k candidates for pieces out of a stream of any length. */
import { larger } from './larger-array.ts'

/**
 * Keeps the `limit` texts with the highest scores; of equal scores, those offered first. Memory is bounded by `limit`,
 * not by the number offered.
 */
export class Candidates {
  /** Number of candidates offered. */
  offered = 0
  size = 0
  codes = new Int32Array(1 << 12)
  starts = new Int32Array(1 << 10)
  scores = new Float64Array(1 << 10)
  private readonly limit: number
  /** Candidates must score above this. */
  private least = Number.NEGATIVE_INFINITY

  constructor(limit: number) {
    this.limit = limit
  }

  offer(codes: Int32Array, at: number, length: number, score: number): void {
    this.offered++
    if (score <= this.least || this.limit === 0) return
    // Selecting costs a sort, so it runs only when twice the limit has been collected.
    if (this.size === 2 * this.limit) {
      this.choose()
      if (score <= this.least) return
    }
    const start = this.starts[this.size]
    if (start + length > this.codes.length)
      this.codes = larger(this.codes, Math.max(start + length, this.codes.length * 2))
    if (this.size + 2 > this.starts.length) {
      this.starts = larger(this.starts, Math.max(this.size + 2, this.starts.length * 2))
      this.scores = larger(this.scores, Math.max(this.size + 2, this.scores.length * 2))
    }
    for (let i = 0; i < length; i++) this.codes[start + i] = codes[at + i]
    this.scores[this.size++] = score
    this.starts[this.size] = start + length
  }

  /** Indices of the candidates, best first; of equal scores, those offered first. */
  ranked(): number[] {
    const order = Array.from({ length: this.size }, (_, k) => k)
    return order.sort((a, b) => this.scores[b] - this.scores[a] || a - b).slice(0, this.limit)
  }

  private choose(): void {
    const sorted = this.scores.slice(0, this.size).sort()
    const least = sorted[this.size - this.limit]
    let above = 0
    for (let k = this.size - 1; k >= 0 && sorted[k] > least; k--) above++
    // Of the candidates that tie at the lowest kept score, the first ones are kept.
    let atLeast = this.limit - above
    let to = 0
    let end = 0
    for (let k = 0; k < this.size; k++) {
      const start = this.starts[k]
      const next = this.starts[k + 1]
      if (this.scores[k] < least || (this.scores[k] === least && atLeast-- <= 0)) continue
      this.codes.copyWithin(end, start, next)
      end += next - start
      this.scores[to++] = this.scores[k]
      // In place: starts[to] is never past the entry that is read next.
      this.starts[to] = end
    }
    this.size = to
    this.least = least
  }
}
