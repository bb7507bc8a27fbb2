/** Seed vocabulary of unigram training: frequent substrings, found with a suffix array. */
import { buildDoubleArray, type DoubleArray } from '../sentencepiece/double-array.ts'
import { Candidates } from './candidates.ts'
import type { Corpus } from './corpus.ts'
import type { ResolvedOptions } from './options.ts'
import { type PieceTable, pieceTable } from './piece-table.ts'
import { lengthOf, sortedSuffixes, weightOf } from './suffixes.ts'

/** Pruning stops at this multiple of the vocabulary size; the final cut is by probability. */
export const SURPLUS = 1.1

/**
 * The candidates that unigram training starts from: every character of the alphabet, and the substrings that occur at
 * least twice and cannot be extended to the right without losing an occurrence, ranked by frequency times length. These
 * are the inner nodes of the suffix tree of the text, found in a suffix array sorted to the depth of the longest piece.
 * The array holds each fragment once per distinct follower, which suffices to tell the nodes apart.
 * @param capacity maximum size of a block of the suffix array, in 32-bit integers
 * @see Kudo 2018, arXiv:1804.10959, section 3.2 ("seed vocabulary"); Abouelhoda et al. 2004 for intervals of equal
 * prefix
 */
export function seedPieces(corpus: Corpus, options: ResolvedOptions, capacity: number): PieceTable {
  const characters = corpus.alphabet.length
  const kept = keptPieces(corpus)
  const limit = Math.max(0, options.seedSize - kept)
  const found = new Candidates(limit)
  // Substrings that are always followed by the same character: candidates only where there are too few others.
  const spare = new Candidates(limit)
  const fixed = fixedTrie(corpus)
  /** The score of each fixed piece as a candidate. */
  const fixedScores = new Float64Array(kept - characters).fill(1)
  const spareScores = new Float64Array(kept - characters)
  const piece = new Int32Array(options.maxPieceLength)
  offerSubstrings(corpus, options, capacity, (codes, at, length, frequency, isSpare) => {
    if (length < 2 || length > options.maxPieceLength || frequency < 2) return
    // Codes in the suffix array are larger by one.
    for (let i = 0; i < length; i++) piece[i] = codes[at + i] - 1
    if (!mayBePiece(piece, 0, length, corpus.spaceCode, options)) return
    const score = frequency * length
    const known = fixed ? pieceAt(fixed, piece, length) : -1
    if (known < 0) (isSpare ? spare : found).offer(piece, 0, length, score)
    else if (isSpare) spareScores[known] = score
    else {
      found.offered++
      fixedScores[known] = score
    }
  })
  if (found.offered + kept < options.vocabSize * SURPLUS) {
    for (let k = 0; k < spare.size; k++) {
      found.offer(spare.codes, spare.starts[k], spare.starts[k + 1] - spare.starts[k], spare.scores[k])
    }
    spareScores.forEach((score, k) => {
      if (score > 0) fixedScores[k] = score
    })
  }
  return tableOf(corpus, fixedScores, found)
}

type Offer = (codes: Int32Array, at: number, length: number, frequency: number, isSpare: boolean) => void

/** Calls `offer` with the text of each node of the suffix tree: a traversal by longest common prefixes with a stack. */
function offerSubstrings(corpus: Corpus, options: ResolvedOptions, capacity: number, offer: Offer): void {
  const longest = options.maxPieceLength
  // The previous suffix, copied since its block may have been overwritten.
  const text = new Int32Array(longest + 2)
  let length = 0
  let weight = 0
  let before = 0
  let total = 0
  /** For each open node: its depth, the length of its first suffix, and the total weight of the suffixes before it. */
  const depths: number[] = []
  const lengths: number[] = []
  const totals: number[] = []
  const put = (depth: number, toEnd: number, frequency: number) =>
    offer(text, 0, Math.min(depth, toEnd), frequency, depth > toEnd)
  /** @param shared length of the common prefix with the next suffix */
  const leave = (shared: number) => {
    if (shared <= length && before <= length) put(length + 1, length, weight)
    let firstLength = length
    let firstTotal = total
    total += weight
    while (depths.length > 0 && depths[depths.length - 1] > shared) {
      const depth = depths.pop()!
      firstLength = lengths.pop()!
      firstTotal = totals.pop()!
      put(depth, firstLength, total - firstTotal)
    }
    if (shared > 0 && (depths.length === 0 || depths[depths.length - 1] < shared)) {
      depths.push(shared)
      lengths.push(firstLength)
      totals.push(firstTotal)
    }
    before = shared
  }
  const maxCode = corpus.alphabet.length + 2
  let done = 0
  for (const block of sortedSuffixes(corpus.followed!, maxCode, longest, capacity)) {
    const { codes, order, size } = block
    // Every suffix begins at a code of its own.
    options.onProgress({ phase: 'seed', done: (done += size), total: corpus.followed!.codes })
    for (let k = 0; k < size; k++) {
      const at = order[k]
      const own = lengthOf(block, at)
      if (length > 0) {
        // The follower of a fragment counts towards the common prefix; the end marker after it does not.
        const limit = Math.min(longest + 1, length + 1, own + 1)
        let shared = 0
        while (shared < limit && text[shared] === codes[at + shared]) shared++
        leave(shared)
      }
      length = own
      weight = weightOf(block, at)
      const held = Math.min(own + 2, longest + 2)
      for (let i = 0; i < held; i++) text[i] = codes[at + i]
    }
  }
  if (length > 0) leave(0)
}

/** The initial pieces: characters, fixed pieces, then candidates from the best on; scores are log relative weights. */
function tableOf(corpus: Corpus, fixedScores: Float64Array, found: Candidates): PieceTable {
  const { alphabet, fixed, characterCounts } = corpus
  const ranked = found.ranked()
  const lengths = ranked.map((k) => found.starts[k + 1] - found.starts[k])
  const size = alphabet.length + fixed.codes.length + lengths.reduce((sum, length) => sum + length, 0)
  const table = pieceTable(keptPieces(corpus) + ranked.length, new Int32Array(size))
  let id = 0
  let at = 0
  let total = 0
  const put = (codes: Int32Array, score: number) => {
    table.codes.set(codes, at)
    table.start[id] = at
    table.length[id] = codes.length
    at += codes.length
    total += table.score[id++] = score
  }
  for (let c = 0; c < alphabet.length; c++) put(Int32Array.of(c + 1), Math.max(1, characterCounts[c]))
  for (let k = 0; k < fixedScores.length; k++) {
    put(fixed.codes.subarray(fixed.starts[k], fixed.starts[k + 1]), fixedScores[k])
  }
  for (const k of ranked) put(found.codes.subarray(found.starts[k], found.starts[k + 1]), found.scores[k])
  for (let k = 0; k < id; k++) table.score[k] = Math.log(table.score[k] / total)
  return table
}

/** Number of pieces at the start of a table that are never removed: the characters and the fixed pieces. */
export function keptPieces(corpus: Corpus): number {
  return corpus.alphabet.length + corpus.fixed.starts.length - 1
}

function fixedTrie({ fixed, alphabet }: Corpus): DoubleArray | undefined {
  return fixed.starts.length === 1 ? undefined : buildDoubleArray(fixed.codes, fixed.starts, alphabet.length)
}

/** The index of the key that equals the first `length` codes, or -1. */
function pieceAt({ base, check, value }: DoubleArray, codes: Int32Array, length: number): number {
  let node = 0
  for (let i = 0; i < length; i++) {
    const next = base[node] + codes[i]
    if (check[next] !== node) return -1
    node = next
  }
  return value[node]
}

/**
 * Whether the options allow the spaces of a piece: none or one at its start with `splitByWhitespace`, else anywhere but
 * at its end (start and end swap with `treatWhitespaceAsSuffix`); or nothing but spaces.
 */
export function mayBePiece(
  codes: ArrayLike<number>,
  at: number,
  length: number,
  spaceCode: number,
  options: ResolvedOptions,
): boolean {
  if (spaceCode === 0) return true
  let spaces = 0
  for (let i = 0; i < length; i++) if (codes[at + i] === spaceCode) spaces++
  if (spaces === length) return length === 1 || options.allowWhitespaceOnlyPieces
  const last = at + length - 1
  const [own, other] = options.treatWhitespaceAsSuffix ? [last, at] : [at, last]
  if (options.splitByWhitespace) return spaces === 0 || (spaces === 1 && codes[own] === spaceCode)
  return codes[other] !== spaceCode
}
