/** Segmentation by a SentencePiece BPE model. */
import { PieceType } from './model-file.ts'
import { KEPT_UNITS } from './normalizer.ts'
import { buildPieceTrie, longestPrefix, type PieceTrie } from './piece-trie.ts'
import type { Segmenter, Segments } from './segments.ts'
import type { Vocabulary } from './vocabulary.ts'
import { characterLength, textOf } from './word-segmenter.ts'

/**
 * Byte-pair encoding: of all adjacent symbols whose joined text is a piece, the pair of highest score (the leftmost of
 * equals) is merged, until no pair is left. The pairs are in a heap, so time is O(n log n).
 * A symbol is identified by its start; its trie node lets a pair be looked up by walking only the right symbol.
 * @see Sennrich et al. 2016, arXiv:1508.07909
 */
export class BpeSegmenter implements Segmenter {
  private readonly vocabulary: Vocabulary
  private readonly trie: PieceTrie
  private readonly symbols: PieceTrie | undefined
  /** By id of a piece in the trie: the id to emit for its text, -1 where the piece must be split (unused pieces). */
  private readonly final: Int32Array
  private capacity = 0
  /**
   * By start of a symbol: its end (0: merged away), its neighbours' starts, its trie node (-1: not a prefix of a
   * piece).
   */
  private end = new Int32Array(0)
  private previous = new Int32Array(0)
  private following = new Int32Array(0)
  private node = new Int32Array(0)
  private frozen = new Uint8Array(0)
  /** By id of an unused piece: length of the left symbol of the last pair that produced it, in UTF-16 units. */
  private readonly unusedCuts = new Map<number, number>()
  private readonly heap = new PairHeap()
  private skips: (() => boolean) | undefined

  /** @param symbols the user-defined symbols, which are cut out first and never merged */
  constructor(vocabulary: Vocabulary, symbols: PieceTrie | undefined) {
    this.vocabulary = vocabulary
    this.symbols = symbols
    const ids: number[] = []
    vocabulary.types.forEach((type, id) => {
      if (type === PieceType.normal || type === PieceType.userDefined || type === PieceType.unused) ids.push(id)
    })
    this.trie = buildPieceTrie(vocabulary.pieces, Int32Array.from(ids))
    this.final = new Int32Array(vocabulary.size).fill(-1)
    for (const id of ids) {
      const named = vocabulary.idOf(vocabulary.pieces.text(id))
      if (vocabulary.types[named] !== PieceType.unused) this.final[id] = named
    }
  }

  /**
   * Segments with BPE-dropout (arXiv:1910.13267): a merge is dropped where `skips` returns true, and as in the C++ that
   * occurrence of the pair is not tried again.
   */
  segmentAtRandom(units: Uint16Array, length: number, out: Segments, skips: () => boolean): void {
    this.skips = skips
    try {
      this.segment(units, length, out)
    } finally {
      this.skips = undefined
    }
  }

  segment(units: Uint16Array, length: number, out: Segments): void {
    this.reserve(length)
    out.clear(0)
    if (length === 0) return
    const heap = this.heap
    const end = this.end
    const previous = this.previous
    const following = this.following
    heap.size = 0
    this.unusedCuts.clear()
    this.split(units, length)
    for (let left = 0; following[left] < length; left = following[left]) this.offer(units, left, following[left])
    while (heap.size > 0) {
      heap.pop()
      const left = heap.left
      const right = heap.right
      // Stale: either symbol has been merged since.
      if (end[left] !== right || end[right] !== heap.end) continue
      if (this.skips?.()) continue
      end[left] = end[right]
      end[right] = 0
      this.node[left] = heap.node
      const after = following[right]
      following[left] = after
      if (after < length) previous[after] = left
      if (left > 0) this.offer(units, previous[left], left)
      if (after < length) this.offer(units, left, after)
    }
    for (let at = 0; at < length; at = following[at]) this.emit(units, at, end[at], out)
  }

  release(): void {
    if (this.capacity <= KEPT_UNITS) return
    this.capacity = 0
    this.reserve(256)
    this.heap.release()
  }

  private split(units: Uint16Array, length: number): void {
    const unitAt = (index: number) => units[index]
    let before = -1
    for (let at = 0; at < length; ) {
      const symbol = this.symbols ? longestPrefix(this.symbols, unitAt, at, length) : 0
      const stop = at + (symbol || characterLength(units, at))
      this.end[at] = this.following[at] = stop
      for (let i = at + 1; i < stop; i++) this.end[i] = 0
      this.previous[at] = before
      this.frozen[at] = symbol > 0 ? 1 : 0
      this.node[at] = this.walk(units, 0, at, stop)
      before = at
      at = stop
    }
  }

  private walk(units: Uint16Array, node: number, from: number, to: number): number {
    const { base, check, codeOf } = this.trie
    for (let i = from; i < to && node >= 0; i++) {
      const next = base[node] + codeOf[units[i]]
      node = check[next] === node ? next : -1
    }
    return node
  }

  private offer(units: Uint16Array, left: number, right: number): void {
    if (this.frozen[left] || this.frozen[right]) return
    const from = this.node[left]
    if (from < 0) return
    const node = this.walk(units, from, right, this.end[right])
    if (node < 0) return
    const id = this.trie.value[node]
    if (id < 0) return
    if (this.vocabulary.types[id] === PieceType.unused) this.unusedCuts.set(id, right - left)
    this.heap.push(this.vocabulary.scores[id], left, right, this.end[right], node)
  }

  private emit(units: Uint16Array, start: number, end: number, out: Segments): void {
    const { types, unkId } = this.vocabulary
    const node = this.node[start]
    const found = node < 0 ? -1 : this.trie.value[node]
    if (found >= 0 && this.final[found] >= 0) {
      out.push(this.final[found], end)
      return
    }
    const text = textOf(units, start, end)
    const id = this.vocabulary.idOf(text)
    if (id >= 0 && types[id] === PieceType.unused) this.emitUnused(text, start, out)
    else out.push(id < 0 ? unkId : id, end)
  }

  /**
   * An unused piece exists only as a step to longer ones: one that remains is split into the pair it was merged from.
   */
  private emitUnused(text: string, start: number, out: Segments): void {
    const { types, unkId } = this.vocabulary
    const pending = [text]
    let at = start
    while (pending.length > 0) {
      const part = pending.pop()!
      const id = this.vocabulary.idOf(part)
      const cut = id >= 0 && types[id] === PieceType.unused ? this.unusedCuts.get(id) : undefined
      if (cut === undefined) out.push(id < 0 ? unkId : id, (at += part.length))
      else pending.push(part.slice(cut), part.slice(0, cut))
    }
  }

  private reserve(length: number): void {
    if (this.capacity >= length) return
    this.capacity = Math.max(length, this.capacity * 2, 256)
    this.end = new Int32Array(this.capacity)
    this.previous = new Int32Array(this.capacity)
    this.following = new Int32Array(this.capacity)
    this.node = new Int32Array(this.capacity)
    this.frozen = new Uint8Array(this.capacity)
  }
}

/** A binary max-heap of pairs by score, ties by the smaller start. `pop` leaves the pair in the fields. */
class PairHeap {
  size = 0
  left = 0
  right = 0
  end = 0
  node = 0
  private scores = new Float32Array(256)
  private pairs = new Int32Array(256 * 4)

  push(score: number, left: number, right: number, end: number, node: number): void {
    if (this.size === this.scores.length) this.grow()
    let at = this.size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.before(score, left, parent)) break
      this.move(parent, at)
      at = parent
    }
    this.set(at, score, left, right, end, node)
  }

  pop(): void {
    const pairs = this.pairs
    this.left = pairs[0]
    this.right = pairs[1]
    this.end = pairs[2]
    this.node = pairs[3]
    const last = --this.size
    if (last === 0) return
    const score = this.scores[last]
    const left = pairs[4 * last]
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= last) break
      if (child + 1 < last && this.before(this.scores[child + 1], pairs[4 * (child + 1)], child)) child++
      if (this.before(score, left, child)) break
      this.move(child, at)
      at = child
    }
    this.move(last, at)
  }

  release(): void {
    this.size = 0
    this.scores = new Float32Array(256)
    this.pairs = new Int32Array(256 * 4)
  }

  private before(score: number, left: number, other: number): boolean {
    const otherScore = this.scores[other]
    return score > otherScore || (score === otherScore && left < this.pairs[4 * other])
  }

  private move(from: number, to: number): void {
    this.scores[to] = this.scores[from]
    this.pairs.copyWithin(4 * to, 4 * from, 4 * from + 4)
  }

  private set(at: number, score: number, left: number, right: number, end: number, node: number): void {
    this.scores[at] = score
    const pairs = this.pairs
    pairs[4 * at] = left
    pairs[4 * at + 1] = right
    pairs[4 * at + 2] = end
    pairs[4 * at + 3] = node
  }

  private grow(): void {
    const scores = new Float32Array(this.scores.length * 2)
    scores.set(this.scores)
    this.scores = scores
    const pairs = new Int32Array(this.pairs.length * 2)
    pairs.set(this.pairs)
    this.pairs = pairs
  }
}
