/** The pieces of a unigram model as a trie for Viterbi segmentation, and which units can be adjacent inside a piece. */
import { byteLengthOf } from '../utf8.ts'
import { PieceType } from './model-file.ts'
import { SPACE } from './normalizer.ts'
import { buildPieceTrie, type PieceTrie } from './piece-trie.ts'
import type { Vocabulary } from './vocabulary.ts'

/**
 * Smallest and largest positive normal float32: the C++ starts its search for the highest and lowest score from them.
 */
const FLOAT32_MIN = 2 ** -126
const FLOAT32_MAX = (2 - 2 ** -23) * 2 ** 127
/** Score of an unknown character below the lowest piece score (nats). */
const UNKNOWN_PENALTY = 10
/** Units of the shortest run that is in `runs`. */
export const SHORTEST_RUN = 6

/** The nodes and scores of 1, 2, ... of one unit. */
export type RunOfOne = { readonly nodes: Int32Array; readonly gains: Float64Array }

/** Bits of a node that say which children it lacks, and the number of slots up to which there is room for them. */
const FILTER_BITS = 8
const FILTERED_SLOTS = 2 ** (32 - FILTER_BITS)

/**
 * A trie over the codes of UTF-16 units. The node at slot s is interleaved for locality, in 16 bytes from
 * `nodes[4 * s]` and `gains[2 * s]`:
 * - `nodes[4 * s]`: its base, shifted left by `shift`, and below it the bits of a filter: where `missing << (code & 7)`
 *   is set, it has no child by `code`, which spares a read of memory that is rarely in a cache;
 * - `nodes[4 * s + 1]`: the slot of its parent; -1 where the slot is free;
 * - `gains[2 * s + 1]`: the score of the piece that ends there; NaN where none does.
 */
export class UnigramTrie {
  readonly nodes: Int32Array
  readonly gains: Float64Array
  readonly shift: number
  /** 1, or 0 where slots are too many for a filter. */
  readonly missing: number
  /** The id of the piece that ends at a node; at the root, that of the unknown piece. */
  readonly idOfNode: Int32Array
  /** Score of an unknown character. */
  readonly unkScore: number
  /** The code of each unit: 0 where no piece has it, but `maxCode` for such low surrogates. */
  readonly codeOf: Int32Array
  /**
   * The same for text before normalisation: a space has the code of the space mark, surrogates have -1 (checked apart).
   */
  readonly textCodeOf: Int32Array
  readonly maxCode: number
  /** By code, whether its unit is a low surrogate. A code of those always ends a pair: lone ones became U+FFFD. */
  readonly isLow: Uint8Array
  /** The trie of which this is made, for the lattice. */
  readonly pieces: PieceTrie
  /** By code, its run, where pieces are runs of at least `SHORTEST_RUN` (spaces, rules of dashes). */
  readonly runs: ReadonlyMap<number, RunOfOne>
  private readonly vocabulary: Vocabulary
  private readonly largest: number

  /** @param space the character for a space in pieces */
  constructor(vocabulary: Vocabulary, space: number) {
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
    this.vocabulary = vocabulary
    this.largest = largest
    this.unkScore = Math.fround(smallest - UNKNOWN_PENALTY)
    const trie = buildPieceTrie(pieces, Int32Array.from(ids))
    this.pieces = trie
    // Building the trie finds duplicates without a map of all pieces; unused pieces are not in it.
    if (trie.repeats || types.includes(PieceType.unused)) vocabulary.checkRepeats()
    const { base, check, value } = trie
    const hasFilter = base.length < FILTERED_SLOTS
    this.shift = hasFilter ? FILTER_BITS : 0
    this.missing = hasFilter ? 1 : 0
    const nodes = new Int32Array(base.length * 4)
    const gains = new Float64Array(nodes.buffer)
    const unfiltered = hasFilter ? 2 ** FILTER_BITS - 1 : 0
    for (let node = 0; node < base.length; node++) {
      nodes[node * 4] = (base[node] << this.shift) | unfiltered
      nodes[node * 4 + 1] = check[node]
      const id = value[node]
      gains[node * 2 + 1] = id < 0 ? Number.NaN : this.scoreOf(id)
    }
    if (hasFilter) {
      for (let node = 1; node < base.length; node++) {
        const parent = check[node]
        if (parent >= 0) nodes[parent * 4] &= ~(1 << ((node - base[parent]) & (FILTER_BITS - 1)))
      }
    }
    this.nodes = nodes
    this.gains = gains
    this.idOfNode = value.slice()
    this.idOfNode[0] = vocabulary.unkId
    // No node has a child by the code above the largest, and all of them have a slot there.
    this.maxCode = trie.maxCode + 1
    this.codeOf = new Int32Array(trie.codeOf)
    this.isLow = new Uint8Array(this.maxCode + 1)
    for (let unit = 0xdc00; unit < 0xe000; unit++) {
      this.codeOf[unit] ||= this.maxCode
      this.isLow[this.codeOf[unit]] = 1
    }
    this.textCodeOf = this.codeOf.slice().fill(-1, 0xd800, 0xe000)
    this.textCodeOf[SPACE] = this.codeOf[space]
    const runs = new Map<number, RunOfOne>()
    for (let code = 1; code < this.maxCode; code++) {
      const run: number[] = []
      for (let node = 0; check[base[node] + code] === node; ) {
        node = base[node] + code
        run.push(node)
      }
      if (run.length >= SHORTEST_RUN)
        runs.set(code, { nodes: Int32Array.from(run), gains: Float64Array.from(run, (node) => gains[node * 2 + 1]) })
    }
    this.runs = runs
  }

  /**
   * The score of a piece that is matched, or of the unknown one. As in the C++, a user-defined symbol scores its length
   * in bytes times the highest score (nearly 0 for log probabilities), which beats nearly every other segmentation of
   * its text.
   */
  scoreOf(id: number): number {
    const { types, scores, pieces, unkId } = this.vocabulary
    if (id === unkId) return this.unkScore
    return types[id] === PieceType.userDefined
      ? Math.fround(utf8Length(pieces.text(id)) * this.largest) - 0.1
      : scores[id]
  }

  /** The score of a piece that covers `characters` characters in the lattice, which counts them instead of bytes. */
  latticeScoreOf(id: number, characters: number): number {
    const { types, scores } = this.vocabulary
    return types[id] === PieceType.userDefined ? Math.fround(Math.fround(characters * this.largest) - 0.1) : scores[id]
  }
}

function utf8Length(text: string): number {
  let bytes = 0
  for (const character of text) bytes += byteLengthOf(character.codePointAt(0)!)
  return bytes
}
