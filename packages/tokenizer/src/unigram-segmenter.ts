import { PieceType } from './model-file.ts'
import { KEPT_UNITS } from './normalizer.ts'
import { buildPieceTrie, type PieceTrie } from './piece-trie.ts'
import type { Segmenter, Segments } from './segments.ts'
import { UnigramLattice } from './unigram-lattice.ts'
import { byteLengthOf } from './utf8.ts'
import type { Vocabulary } from './vocabulary.ts'

/** How much worse an unknown character is than the worst piece (nats). */
const UNKNOWN_PENALTY = 10
/** Marks the id of a user-defined symbol in the trie. */
const USER_DEFINED = 2 ** 30

/**
 * The segmentation of highest probability (Viterbi), with ties decided as the C++ decides them: a candidate is computed in
 * double precision and kept in single precision, and only a strictly better one replaces what is there.
 * Time is proportional to the length of the text times the longest match.
 * @see Kudo 2018, arXiv:1804.10959
 */
export class UnigramSegmenter implements Segmenter {
  readonly #trie: PieceTrie
  /** The trie again, a node's words side by side: base, check, value (an id, marked where it is user-defined), score as float32. */
  readonly #nodes: Int32Array
  readonly #nodeScores: Float32Array
  readonly #unkId: number
  readonly #unkScore: number
  readonly #vocabulary: Vocabulary
  readonly #largest: number
  readonly #codeOf: Int32Array
  /** Length of each piece in UTF-16 units. */
  readonly #lengths: Int32Array
  #codes = new Int32Array(256)
  #best = new Float32Array(257)
  #piece = new Int32Array(257)

  constructor(vocabulary: Vocabulary) {
    const { pieces, types, scores, size } = vocabulary
    const ids: number[] = []
    let smallest = Number.POSITIVE_INFINITY
    let largest = Number.NEGATIVE_INFINITY
    for (let id = 0; id < size; id++) {
      if (types[id] === PieceType.normal) {
        smallest = Math.min(smallest, scores[id])
        largest = Math.max(largest, scores[id])
      }
      if (types[id] === PieceType.normal || types[id] === PieceType.userDefined) ids.push(id)
    }
    if (smallest > largest) smallest = largest = 0
    this.#vocabulary = vocabulary
    this.#largest = largest
    this.#unkId = vocabulary.unkId
    this.#unkScore = Math.fround(smallest - UNKNOWN_PENALTY)
    this.#lengths = Int32Array.from(pieces, (piece) => piece.length)
    this.#trie = buildPieceTrie(pieces, Int32Array.from(ids))
    const { base, check, value } = this.#trie
    this.#nodes = new Int32Array(4 * base.length)
    this.#nodeScores = new Float32Array(this.#nodes.buffer)
    for (let node = 0; node < base.length; node++) {
      const id = value[node]
      // A word of a node is found by its own index, so children are placed by four.
      this.#nodes[4 * node] = 4 * base[node]
      this.#nodes[4 * node + 1] = check[node] < 0 ? -1 : 4 * check[node]
      this.#nodes[4 * node + 2] = id
      if (id < 0) continue
      if (types[id] === PieceType.userDefined) {
        // A user-defined symbol beats whatever else covers its text: its length in bytes times the best score, less 0.1.
        this.#nodes[4 * node + 2] = id | USER_DEFINED
        this.#nodeScores[4 * node + 3] = utf8Length(pieces[id]) * largest
      } else this.#nodeScores[4 * node + 3] = scores[id]
    }
    // Codes too are multiplied once.
    this.#codeOf = Int32Array.from(this.#trie.codeOf, (code) => 4 * code)
  }

  segment(units: Uint16Array, length: number, out: Segments): void {
    this.#reserve(length)
    const nodes = this.#nodes
    const nodeScores = this.#nodeScores
    const codeOf = this.#codeOf
    const codes = this.#codes
    const best = this.#best
    const piece = this.#piece
    const unkId = this.#unkId
    const unkScore = this.#unkScore
    const root = nodes[0]
    for (let i = 0; i < length; i++) codes[i] = codeOf[units[i]]
    // A code that leads nowhere, so that no walk has to look where the text ends.
    codes[length] = 0
    best.fill(Number.NEGATIVE_INFINITY, 1, length + 1)
    best[0] = 0

    let next = 0
    for (let start = 0; start < length; start = next) {
      const unit = units[start]
      next = start + (unit >= 0xd800 && unit < 0xdc00 ? 2 : 1)
      const here = best[start]
      let single = false
      let node = 0
      let child = root + codes[start]
      let end = start
      while (nodes[child + 1] === node) {
        node = child
        end++
        child = nodes[node] + codes[end]
        let id = nodes[node + 2]
        if (id < 0) continue
        let gain = nodeScores[node + 3]
        if (id >= USER_DEFINED) {
          id -= USER_DEFINED
          gain -= 0.1
        }
        const candidate = gain + here
        if (candidate > best[end]) {
          best[end] = candidate
          piece[end] = id
        }
        if (end === next) single = true
      }
      if (!single) {
        const candidate = Math.fround(unkScore + here)
        if (candidate > best[next]) {
          best[next] = candidate
          piece[next] = unkId
        }
      }
    }

    const lengths = this.#lengths
    const lengthAt = (end: number) => {
      const id = piece[end]
      if (id !== unkId) return lengths[id]
      return end > 1 && units[end - 1] >= 0xdc00 && units[end - 1] <= 0xdfff ? 2 : 1
    }
    let count = 0
    for (let end = length; end > 0; end -= lengthAt(end)) count++
    out.clear(count)
    out.count = count
    const { ids, ends } = out
    for (let end = length; end > 0; end -= lengthAt(end)) {
      count--
      ids[count] = piece[end]
      ends[count] = end
    }
  }

  /** Every way to cut the text. */
  lattice(units: Uint16Array, length: number): UnigramLattice {
    const { types, scores } = this.#vocabulary
    return new UnigramLattice(units, length, {
      trie: this.#trie,
      unkId: this.#unkId,
      unkScore: this.#unkScore,
      scoreOf: (id, characters) =>
        types[id] === PieceType.userDefined ? Math.fround(Math.fround(characters * this.#largest) - 0.1) : scores[id],
    })
  }

  release(): void {
    if (this.#codes.length <= KEPT_UNITS) return
    this.#codes = new Int32Array(0)
    this.#reserve(256)
  }

  #reserve(length: number): void {
    if (this.#codes.length > length) return
    const capacity = Math.max(length + 1, this.#codes.length * 2)
    this.#codes = new Int32Array(capacity)
    this.#best = new Float32Array(capacity + 1)
    this.#piece = new Int32Array(capacity + 1)
  }
}

function utf8Length(text: string): number {
  let bytes = 0
  for (const character of text) bytes += byteLengthOf(character.codePointAt(0)!)
  return bytes
}
