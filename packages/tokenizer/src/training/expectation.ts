/** The expectation step of unigram training: the forward-backward algorithm over all segmentations. */
import type { DoubleArray } from '../sentencepiece/double-array.ts'
import type { Blocks } from './blocks.ts'
import type { PieceTable } from './piece-table.ts'

/** Range of the scaled products of probabilities; outside it the fragment is recomputed in log space. */
const TINY = 1e-250
const HUGE = 1e250

/** Result of an expectation step. */
export type Expectation = {
  /** Expected number of occurrences of each piece over all segmentations of the corpus. */
  counts: Float64Array
  /** Log likelihood of the corpus (nats). */
  logLikelihood: number
}

/**
 * The expectation step: forward and backward sums over all segmentations of each fragment.
 * Works on probabilities, not on their logarithms, which saves an exp and a log per edge: each is scaled by
 * `exp(scale * length)`, a factor that is the same for every segmentation of a text and keeps the sums near 1. Where
 * they still leave the range of doubles, the fragment is recomputed in log space.
 */
export class ExpectationStep {
  /** Negative log likelihood per character (nats) in the last step; the scale of the next. */
  scale = 4
  private readonly fragments: Blocks
  private readonly alpha: Float64Array
  private readonly beta: Float64Array
  private edges = 0
  private from = new Int32Array(1024)
  private to = new Int32Array(1024)
  private piece = new Int32Array(1024)

  constructor(fragments: Blocks) {
    this.fragments = fragments
    this.alpha = new Float64Array(fragments.longest + 1)
    this.beta = new Float64Array(fragments.longest + 1)
  }

  run(table: PieceTable, trie: DoubleArray): Expectation {
    const { scale } = this
    const size = table.score.length
    const factor = new Float64Array(size)
    for (let k = 0; k < size; k++) factor[k] = Math.exp(table.score[k] + scale * table.length[k])
    const counts = new Float64Array(size)
    let logLikelihood = 0
    let characters = 0
    for (const { codes, starts, counts: weights, size: fragments } of this.fragments) {
      for (let f = 0; f < fragments; f++) {
        const from = starts[f]
        const length = starts[f + 1] - 1 - from
        const weight = weights[f]
        characters += weight * length
        if (length === 1) {
          const piece = codes[from] - 1
          counts[piece] += weight
          logLikelihood += weight * table.score[piece]
          continue
        }
        this.collectEdges(trie, codes, from, length)
        const sum = this.inProducts(factor, counts, weight, length)
        logLikelihood +=
          weight *
          (Number.isNaN(sum) ? this.inLogarithms(table.score, counts, weight, length) : Math.log(sum) - scale * length)
      }
    }
    if (characters > 0) this.scale = Math.min(50, Math.max(0, -logLikelihood / characters))
    return { counts, logLikelihood }
  }

  /** Collects the pieces that occur in a fragment, ordered by start. */
  private collectEdges({ base, check, value }: DoubleArray, codes: Int32Array, at: number, length: number): void {
    let edges = 0
    for (let i = 0; i < length; i++) {
      // A fragment has at most maxPieceLength pieces from one start.
      if (edges + 1024 > this.from.length) this.growEdges()
      const from = this.from
      const to = this.to
      const piece = this.piece
      let node = 0
      for (let j = i; j < length; j++) {
        const next = base[node] + codes[at + j]
        if (check[next] !== node) break
        node = next
        if (value[node] < 0) continue
        from[edges] = i
        to[edges] = j + 1
        piece[edges++] = value[node]
      }
    }
    this.edges = edges
  }

  private growEdges(): void {
    const larger = (from: Int32Array) => {
      const to = new Int32Array(from.length * 2)
      to.set(from)
      return to
    }
    this.from = larger(this.from)
    this.to = larger(this.to)
    this.piece = larger(this.piece)
  }

  /** @returns the scaled sum over all segmentations, or NaN (and nothing counted) where it is out of range */
  private inProducts(factor: Float64Array, counts: Float64Array, weight: number, length: number): number {
    const alpha = this.alpha
    const beta = this.beta
    const from = this.from
    const to = this.to
    const piece = this.piece
    const edges = this.edges
    alpha.fill(0, 0, length + 1)
    beta.fill(0, 0, length + 1)
    alpha[0] = 1
    let range = 1
    let at = 0
    for (let e = 0; e < edges; e++) {
      if (from[e] !== at) {
        at = from[e]
        if (!(alpha[at] > TINY && alpha[at] < HUGE)) range = Number.NaN
      }
      alpha[to[e]] += alpha[from[e]] * factor[piece[e]]
    }
    const sum = alpha[length] * range
    if (!(sum > TINY && sum < HUGE)) return Number.NaN
    beta[length] = weight / sum
    for (let e = edges - 1; e >= 0; e--) {
      const share = factor[piece[e]] * beta[to[e]]
      beta[from[e]] += share
      counts[piece[e]] += alpha[from[e]] * share
    }
    return sum
  }

  private inLogarithms(score: Float64Array, counts: Float64Array, weight: number, length: number): number {
    const alpha = this.alpha
    const beta = this.beta
    alpha.fill(Number.NEGATIVE_INFINITY, 0, length + 1)
    beta.fill(Number.NEGATIVE_INFINITY, 0, length + 1)
    alpha[0] = 0
    beta[length] = 0
    for (let e = 0; e < this.edges; e++) {
      alpha[this.to[e]] = logAdd(alpha[this.to[e]], alpha[this.from[e]] + score[this.piece[e]])
    }
    const sum = alpha[length]
    for (let e = this.edges - 1; e >= 0; e--) {
      const from = this.from[e]
      const piece = this.piece[e]
      const share = score[piece] + beta[this.to[e]]
      beta[from] = logAdd(beta[from], share)
      counts[piece] += weight * Math.exp(alpha[from] + share - sum)
    }
    return sum
  }
}

function logAdd(a: number, b: number): number {
  if (a < b) return b + Math.log1p(Math.exp(a - b))
  return a === Number.NEGATIVE_INFINITY ? a : a + Math.log1p(Math.exp(b - a))
}
