import { PieceType } from './model-file.ts'
import { KEPT_UNITS } from './normalizer.ts'
import { buildPieceTrie, type PieceTrie } from './piece-trie.ts'
import type { Segmenter, Segments } from './segments.ts'
import { UnigramLattice } from './unigram-lattice.ts'
import { byteLengthOf } from './utf8.ts'
import type { Vocabulary } from './vocabulary.ts'

/** The least and the largest normal float32: where the C++ begins to look for the best and the worst score. */
const FLOAT32_MIN = 2 ** -126
const FLOAT32_MAX = (2 - 2 ** -23) * 2 ** 127
/** How much worse an unknown character is than the worst piece (nats). */
const UNKNOWN_PENALTY = 10

/**
 * The segmentation of highest probability (Viterbi), with ties decided as the C++ decides them: a candidate is computed in
 * double precision and kept in single precision, and only a strictly better one replaces what is there.
 * Time is proportional to the length of the text times the longest match.
 * @see Kudo 2018, arXiv:1804.10959
 */
export class UnigramSegmenter implements Segmenter {
  readonly #trie: PieceTrie
  readonly #unkId: number
  readonly #unkScore: number
  /** What a piece adds to the score of a path; -Infinity where the piece is never used. */
  readonly #gains: Float64Array
  readonly #vocabulary: Vocabulary
  readonly #largest: number
  #codes = new Uint16Array(256)
  #best = new Float32Array(257)
  #from = new Int32Array(257)
  #piece = new Int32Array(257)

  constructor(vocabulary: Vocabulary) {
    const { pieces, types, scores, size } = vocabulary
    const ids: number[] = []
    let smallest = FLOAT32_MAX
    let largest = FLOAT32_MIN
    for (let id = 0; id < size; id++) {
      if (types[id] === PieceType.normal) {
        smallest = Math.min(smallest, scores[id])
        largest = Math.max(largest, scores[id])
      }
      if (types[id] === PieceType.normal || types[id] === PieceType.userDefined) ids.push(id)
    }
    this.#vocabulary = vocabulary
    this.#largest = largest
    this.#unkId = vocabulary.unkId
    this.#unkScore = Math.fround(smallest - UNKNOWN_PENALTY)
    this.#gains = new Float64Array(size)
    for (const id of ids) {
      // A user-defined symbol beats nearly all else that covers its text: its length in bytes times the best score there is
      // (which for log probabilities is nearly 0).
      this.#gains[id] =
        types[id] === PieceType.userDefined ? Math.fround(utf8Length(pieces[id]) * largest) - 0.1 : scores[id]
    }
    this.#trie = buildPieceTrie(pieces, Int32Array.from(ids))
  }

  segment(units: Uint16Array, length: number, out: Segments): void {
    this.#reserve(length)
    const { base, check, value, codeOf } = this.#trie
    const gains = this.#gains
    const codes = this.#codes
    const best = this.#best
    const from = this.#from
    const piece = this.#piece
    const unkId = this.#unkId
    const unkScore = this.#unkScore
    for (let i = 0; i < length; i++) {
      codes[i] = codeOf[units[i]]
      best[i + 1] = Number.NEGATIVE_INFINITY
    }
    best[0] = 0

    let next = 0
    for (let start = 0; start < length; start = next) {
      const unit = units[start]
      next = start + (unit >= 0xd800 && unit < 0xdc00 ? 2 : 1)
      const here = best[start]
      let single = false
      let node = 0
      for (let end = start; end < length; ) {
        const child = base[node] + codes[end]
        if (check[child] !== node) break
        node = child
        end++
        const id = value[node]
        if (id < 0) continue
        const candidate = gains[id] + here
        if (candidate > best[end]) {
          best[end] = candidate
          from[end] = start
          piece[end] = id
        }
        if (end === next) single = true
      }
      if (!single) {
        const candidate = Math.fround(unkScore + here)
        if (candidate > best[next]) {
          best[next] = candidate
          from[next] = start
          piece[next] = unkId
        }
      }
    }

    let count = 0
    for (let end = length; end > 0; end = from[end]) count++
    out.clear(count)
    out.count = count
    for (let end = length; end > 0; end = from[end]) {
      count--
      out.ids[count] = piece[end]
      out.ends[count] = end
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
    this.#codes = new Uint16Array(0)
    this.#reserve(256)
  }

  #reserve(length: number): void {
    if (this.#codes.length >= length) return
    const capacity = Math.max(length, this.#codes.length * 2)
    this.#codes = new Uint16Array(capacity)
    this.#best = new Float32Array(capacity + 1)
    this.#from = new Int32Array(capacity + 1)
    this.#piece = new Int32Array(capacity + 1)
  }
}

function utf8Length(text: string): number {
  let bytes = 0
  for (const character of text) bytes += byteLengthOf(character.codePointAt(0)!)
  return bytes
}
