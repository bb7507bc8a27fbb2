/** Candidates for pieces: substrings that are frequent, by a suffix array. */
import { buildDoubleArray, type DoubleArray } from '../sentencepiece/double-array.ts'
import type { Corpus, FollowedFragments } from './corpus.ts'
import type { ResolvedOptions } from './options.ts'
import { type PieceTable, pieceTable } from './piece-table.ts'

/** How many more pieces than wanted pruning stops at; the last cut is by probability. */
export const SURPLUS = 1.1

/** Pieces by where they are in the codes of the corpus. */
type Candidates = { start: number[]; length: number[]; score: number[] }

/**
 * The candidates that unigram training starts from: every character of the alphabet, and the substrings that occur twice
 * and cannot be made longer to the right in the running text without losing an occurrence, by frequency times length.
 * They are the inner nodes of the suffix tree of the text, found in a suffix array sorted as deep as pieces are long. What
 * is sorted is each fragment once for each character that follows it, which is all of the text that tells nodes apart.
 * @see Kudo 2018, arXiv:1804.10959, section 3.2 ("seed vocabulary"); Abouelhoda et al. 2004 for intervals of equal prefix
 */
export function seedPieces(corpus: Corpus, followed: FollowedFragments, options: ResolvedOptions): PieceTable {
  const { codes, origins, starts, counts } = followed
  const n = codes.length
  const longest = options.maxPieceLength
  const order = sortSuffixes(codes, followed.maxCode, longest + 1)
  // Of the character that follows a fragment and of its end, neither begins a piece.
  const toEnd = new Int32Array(n)
  const weight = new Int32Array(n)
  for (let f = 0; f + 1 < starts.length; f++) {
    const end = starts[f + 1] - 2
    for (let i = starts[f]; i < end; i++) {
      toEnd[i] = end - i
      weight[i] = counts[f]
    }
  }
  const found: Candidates = { start: [], length: [], score: [] }
  // Strings that are always followed by the same: no candidates, unless there are too few.
  const spare: Candidates = { start: [], length: [], score: [] }
  const offer = (at: number, depth: number, frequency: number) => {
    const list = depth > toEnd[at] ? spare : found
    const length = Math.min(depth, toEnd[at])
    if (length < 2 || length > longest || frequency < 2) return
    const start = origins[at]
    if (!mayBePiece(corpus, options, start, length)) return
    list.start.push(start)
    list.length.push(length)
    list.score.push(frequency * length)
  }

  // Suffixes that begin with the end of a fragment come first and are passed over.
  let first = 0
  while (first < n && codes[order[first]] === 0) first++
  const depths: number[] = []
  const lefts: number[] = []
  const weightBefore = new Float64Array(n + 1)
  let before = 0
  for (let i = first; i < n; i++) {
    const at = order[i]
    weightBefore[i + 1] = weightBefore[i] + weight[at]
    // The character that follows a fragment is shared, too; the end behind it tells nothing.
    const shared =
      i + 1 < n
        ? commonPrefix(codes, at, order[i + 1], Math.min(longest + 1, toEnd[at] + 1, toEnd[order[i + 1]] + 1))
        : 0
    if (shared <= toEnd[at] && before <= toEnd[at]) offer(at, toEnd[at] + 1, weight[at])
    let left = i
    while (depths.length > 0 && depths[depths.length - 1] > shared) {
      const depth = depths.pop()!
      left = lefts.pop()!
      offer(order[left], depth, weightBefore[i + 1] - weightBefore[left])
    }
    if (shared > 0 && (depths.length === 0 || depths[depths.length - 1] < shared)) {
      depths.push(shared)
      lefts.push(left)
    }
    before = shared
  }
  if (found.score.length + keptPieces(corpus) < options.vocabSize * SURPLUS) {
    for (let k = 0; k < spare.score.length; k++) {
      found.start.push(spare.start[k])
      found.length.push(spare.length[k])
      found.score.push(spare.score[k])
    }
  }

  const characters = corpus.alphabet.length
  const fixed = fixedTrie(corpus)
  const kept = keptPieces(corpus)
  /** Of each fixed piece, what it would score as a candidate. */
  const fixedScores = new Float64Array(kept - characters).fill(1)
  const ranked: number[] = []
  for (let k = 0; k < found.score.length; k++) {
    const known = fixed ? pieceAt(fixed, corpus.codes, found.start[k], found.length[k]) : -1
    if (known < 0) ranked.push(k)
    else fixedScores[known] = found.score[k]
  }
  ranked.sort((a, b) => found.score[b] - found.score[a] || a - b)
  ranked.length = Math.min(ranked.length, Math.max(0, options.seedSize - kept))
  const firstAt = new Int32Array(characters + 1).fill(-1)
  for (let i = corpus.codes.length - 1; i >= 0; i--) firstAt[corpus.codes[i]] = i
  const table = pieceTable(kept + ranked.length)
  let total = 0
  const put = (id: number, start: number, length: number, score: number) => {
    table.start[id] = start
    table.length[id] = length
    total += table.score[id] = score
  }
  for (let c = 0; c < characters; c++) put(c, firstAt[c + 1], 1, Math.max(1, corpus.characterCounts[c]))
  for (let k = 0; k < kept - characters; k++) {
    put(characters + k, corpus.fixed[k], corpus.fixed[k + 1] - corpus.fixed[k], fixedScores[k])
  }
  for (let k = 0; k < ranked.length; k++) {
    put(kept + k, found.start[ranked[k]], found.length[ranked[k]], found.score[ranked[k]])
  }
  for (let id = 0; id < table.score.length; id++) table.score[id] = Math.log(table.score[id] / total)
  return table
}

/** How many pieces, the first of a table, are never taken out: the characters and the fixed pieces. */
export function keptPieces(corpus: Corpus): number {
  return corpus.alphabet.length + corpus.fixed.length - 1
}

function fixedTrie(corpus: Corpus): DoubleArray | undefined {
  if (corpus.fixed.length === 1) return undefined
  const from = corpus.fixed[0]
  return buildDoubleArray(
    corpus.codes.subarray(from, corpus.fixed[corpus.fixed.length - 1]),
    corpus.fixed.map((at) => at - from),
    corpus.alphabet.length,
  )
}

/** The number of the key that a part of `codes` is, or -1. */
function pieceAt({ base, check, value }: DoubleArray, codes: Int32Array, at: number, length: number): number {
  let node = 0
  for (let i = at; i < at + length; i++) {
    const next = base[node] + codes[i]
    if (check[next] !== node) return -1
    node = next
  }
  return value[node]
}

/** Whether spaces stand where a piece may have them: in front (or behind), or (if allowed) nowhere else but there, or all of it. */
export function mayBePiece(corpus: Corpus, options: ResolvedOptions, at: number, length: number): boolean {
  const { codes, spaceCode } = corpus
  if (spaceCode === 0) return true
  let spaces = 0
  for (let i = 0; i < length; i++) if (codes[at + i] === spaceCode) spaces++
  if (spaces === length) return length === 1 || options.allowWhitespaceOnlyPieces
  const last = at + length - 1
  const [own, other] = options.treatWhitespaceAsSuffix ? [last, at] : [at, last]
  if (options.splitByWhitespace) return spaces === 0 || (spaces === 1 && codes[own] === spaceCode)
  return codes[other] !== spaceCode
}

function commonPrefix(codes: Int32Array, a: number, b: number, limit: number): number {
  let n = 0
  while (n < limit && codes[a + n] === codes[b + n]) n++
  return n
}

/** Positions of `codes` by the text that follows, compared to at least `depth` codes (prefix doubling, radix sorts). */
function sortSuffixes(codes: Int32Array, maxCode: number, depth: number): Int32Array {
  const n = codes.length
  let order = new Int32Array(n)
  let scratch = new Int32Array(n)
  let rank = codes.slice()
  let nextRank = new Int32Array(n)
  const bucket = new Int32Array(Math.max(n, maxCode + 1) + 1)
  const sortByRank = (input: Int32Array | undefined, ranks: number) => {
    bucket.fill(0, 0, ranks + 1)
    for (let i = 0; i < n; i++) bucket[rank[i] + 1]++
    for (let r = 0; r < ranks; r++) bucket[r + 1] += bucket[r]
    for (let i = 0; i < n; i++) {
      const at = input ? input[i] : i
      scratch[bucket[rank[at]]++] = at
    }
    ;[order, scratch] = [scratch, order]
  }
  sortByRank(undefined, maxCode + 1)
  let ranks = maxCode + 1
  const bySecond = new Int32Array(n)
  for (let width = 1; width < depth; width *= 2) {
    let k = 0
    for (let i = n - width; i < n; i++) if (i >= 0) bySecond[k++] = i
    for (let i = 0; i < n; i++) if (order[i] >= width) bySecond[k++] = order[i] - width
    sortByRank(bySecond, ranks)
    let r = 0
    for (let i = 0; i < n; i++) {
      if (i > 0) {
        const a = order[i - 1]
        const b = order[i]
        const secondA = a + width < n ? rank[a + width] : -1
        const secondB = b + width < n ? rank[b + width] : -1
        if (rank[a] !== rank[b] || secondA !== secondB) r++
      }
      nextRank[order[i]] = r
    }
    ;[rank, nextRank] = [nextRank, rank]
    ranks = r + 1
    if (ranks === n) break
  }
  return order
}
