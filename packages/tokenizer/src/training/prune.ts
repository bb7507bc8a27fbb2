/** Pruning of a unigram vocabulary by the estimated loss of removing each piece. */
import type { DoubleArray } from '../sentencepiece/double-array.ts'
import type { Corpus } from './corpus.ts'
import { type PieceTable, selectPieces } from './piece-table.ts'
import { keptPieces } from './seeds.ts'

/**
 * Penalty for each additional token (nats), on top of the loss in likelihood. By likelihood alone, pairs of rare
 * characters rank above frequent words, since each rare character has a low probability; but characters are never
 * pruned, and the aim is a short encoding. At 10 a held-out text has 1 to 2 percent fewer tokens than at 0, and its
 * likelihood under the frequencies of the pieces is within 1 percent.
 */
const TOKEN_NATS = 10

/**
 * Removes the pieces with the lowest loss until `target` are left.
 * The loss of a piece is estimated by replacing it, wherever the best segmentation of the corpus uses it, by its own
 * best segmentation into other pieces: the likelihood lost plus a penalty for the tokens added. Pieces that the best
 * segmentation never uses, or that score lower than their own segmentation, are removed first.
 * @see Kudo 2018, arXiv:1804.10959, section 3.2 (step 2, "compute the loss")
 */
export function prune(table: PieceTable, trie: DoubleArray, corpus: Corpus, target: number): PieceTable {
  const always = keptPieces(corpus)
  const size = table.score.length
  const best = new BestPath(table, trie)
  const frequency = new Float64Array(size)
  let fragments = 0
  for (const { codes, starts, counts, size: sequences } of corpus.fragments) {
    for (let f = 0; f < sequences; f++) {
      const weight = counts[f]
      fragments += weight
      const path = best.find(codes, starts[f], starts[f + 1] - 1 - starts[f], false)
      for (let k = 0; k < path; k++) frequency[best.pieces[k]] += weight
    }
  }
  let sum = 0
  for (let k = 0; k < size; k++) sum += frequency[k]
  const logSum = Math.log(sum)

  const kept: number[] = []
  for (let k = 0; k < always; k++) kept.push(k)
  const candidates: number[] = []
  const loss = new Float64Array(size)
  for (let k = always; k < size; k++) {
    if (frequency[k] === 0) continue
    const path = best.find(table.codes, table.start[k], table.length[k], true)
    if (best.score > table.score[k]) continue
    const without = Math.log(sum + frequency[k] * (path - 1))
    let alternative = 0
    for (let i = 0; i < path; i++) alternative += Math.log(frequency[best.pieces[i]] + frequency[k]) - without
    loss[k] = (frequency[k] / fragments) * (Math.log(frequency[k]) - logSum - alternative + TOKEN_NATS * (path - 1))
    candidates.push(k)
  }
  candidates.sort((a, b) => loss[b] - loss[a] || a - b)
  candidates.length = Math.min(candidates.length, Math.max(0, target - kept.length))
  // Back to the order of the table: later prunings break ties by it.
  candidates.sort((a, b) => a - b)
  return selectPieces(table, [...kept, ...candidates])
}

/** The best segmentation of a text (Viterbi). */
export class BestPath {
  /** Pieces of the last path found, in reverse order. */
  pieces = new Int32Array(64)
  /** Log probability (nats) of the last path found. */
  score = 0
  private readonly table: PieceTable
  private readonly trie: DoubleArray
  private best = new Float64Array(65)
  private piece = new Int32Array(65)

  constructor(table: PieceTable, trie: DoubleArray) {
    this.table = table
    this.trie = trie
  }

  /**
   * @param split excludes the piece that is the whole text
   * @returns number of pieces
   */
  find(codes: Int32Array, at: number, length: number, split: boolean): number {
    if (length > this.pieces.length) {
      const capacity = Math.max(length, this.pieces.length * 2)
      this.pieces = new Int32Array(capacity)
      this.best = new Float64Array(capacity + 1)
      this.piece = new Int32Array(capacity + 1)
    }
    const { base, check, value } = this.trie
    const score = this.table.score
    const best = this.best
    const piece = this.piece
    best.fill(Number.NEGATIVE_INFINITY, 1, length + 1)
    best[0] = 0
    for (let i = 0; i < length; i++) {
      const here = best[i]
      const stop = split && i === 0 ? length - 1 : length
      let node = 0
      for (let j = i; j < stop; j++) {
        const next = base[node] + codes[at + j]
        if (check[next] !== node) break
        node = next
        const id = value[node]
        if (id < 0) continue
        const candidate = here + score[id]
        if (candidate > best[j + 1]) {
          best[j + 1] = candidate
          piece[j + 1] = id
        }
      }
    }
    this.score = best[length]
    let count = 0
    for (let end = length; end > 0; end -= this.table.length[piece[end]]) this.pieces[count++] = piece[end]
    return count
  }
}
