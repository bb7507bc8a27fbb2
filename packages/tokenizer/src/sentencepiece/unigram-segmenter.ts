/** Viterbi segmentation by a unigram model, with ties resolved as in the C++. */
import { byteLengthOf, REPLACEMENT } from '../utf8.ts'
import { PieceType } from './model-file.ts'
import { KEPT_UNITS, SPACE, SPACE_MARK } from './normalizer.ts'
import { buildPieceTrie, type PieceTrie } from './piece-trie.ts'
import type { Segmenter, Segments } from './segments.ts'
import { UnigramLattice } from './unigram-lattice.ts'
import type { Vocabulary } from './vocabulary.ts'

/**
 * Smallest and largest positive normal float32: the C++ starts its search for the highest and lowest score from them.
 */
const FLOAT32_MIN = 2 ** -126
const FLOAT32_MAX = (2 - 2 ** -23) * 2 ** 127
/** Score of an unknown character below the lowest piece score (nats). */
const UNKNOWN_PENALTY = 10

/**
 * The segmentation of highest probability (Viterbi), with ties resolved as in the C++: a candidate is computed in
 * double precision and stored in single precision, and only a strictly better one replaces it. Time is proportional to
 * the length of the text times the longest match.
 * @see Kudo 2018, arXiv:1804.10959
 */
export class UnigramSegmenter implements Segmenter {
  private readonly trie: PieceTrie
  private readonly unkId: number
  private readonly unkScore: number
  /**
   * The trie interleaved for locality: for each node, `base` and `check` (nodes and codes scaled by 4) and, as a
   * float64, the score of the piece that ends there (NaN: none does).
   */
  private readonly nodes: Int32Array
  private readonly gains: Float64Array
  /** The id of the piece that ends at a node; at the root, that of the unknown piece. */
  private readonly idOfNode: Int32Array
  private readonly codeOf: Int32Array
  /**
   * The same for text before normalisation: a space has the code of the space mark, surrogates have -1 (checked apart).
   */
  private readonly rawCodeOf: Int32Array
  private readonly vocabulary: Vocabulary
  private readonly largest: number
  /** Whether the text has a surrogate pair at a position. */
  private isPair: (index: number) => boolean = () => false
  private codes = new Int32Array(256)
  /**
   * By position: the score of the best path to it (a float32 value, in a float64 array to save conversions), the start
   * of its last piece, and the trie node of that piece.
   */
  private best = new Float64Array(257)
  private from = new Int32Array(257)
  private through = new Int32Array(257)

  /**
   * @param space the character for a space in pieces: the space mark, or a space where the model does not escape them
   */
  constructor(vocabulary: Vocabulary, space: number = SPACE_MARK) {
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
    this.unkId = vocabulary.unkId
    this.unkScore = Math.fround(smallest - UNKNOWN_PENALTY)
    this.trie = buildPieceTrie(pieces, Int32Array.from(ids))
    // Building the trie finds duplicates without a map of all pieces; unused pieces are not in it.
    if (this.trie.repeats || types.includes(PieceType.unused)) vocabulary.checkRepeats()
    const { base, check, value } = this.trie
    const nodes = new Int32Array(base.length * 4)
    const gains = new Float64Array(nodes.buffer)
    for (let node = 0; node < base.length; node++) {
      nodes[node * 4] = base[node] * 4
      nodes[node * 4 + 1] = check[node] < 0 ? -1 : check[node] * 4
      const id = value[node]
      if (id < 0) gains[node * 2 + 1] = Number.NaN
      else if (types[id] === PieceType.normal) gains[node * 2 + 1] = scores[id]
      // As in the C++, a user-defined symbol scores its length in bytes times the highest score (nearly 0 for log
      // probabilities), which beats nearly every other segmentation of its text.
      else gains[node * 2 + 1] = Math.fround(utf8Length(pieces[id]) * largest) - 0.1
    }
    this.nodes = nodes
    this.gains = gains
    this.idOfNode = value.slice()
    this.idOfNode[0] = vocabulary.unkId
    this.codeOf = new Int32Array(this.trie.codeOf.length)
    for (let unit = 0; unit < this.codeOf.length; unit++) this.codeOf[unit] = this.trie.codeOf[unit] * 4
    this.rawCodeOf = this.codeOf.slice().fill(-1, 0xd800, 0xe000)
    this.rawCodeOf[SPACE] = this.codeOf[space]
  }

  segment(units: Uint16Array, length: number, out: Segments): void {
    this.reserve(length)
    const codes = this.codes
    const best = this.best
    const codeOf = this.codeOf
    best[0] = 0
    for (let i = 0; i < length; i++) {
      codes[i] = codeOf[units[i]]
      best[i + 1] = Number.NEGATIVE_INFINITY
    }
    this.isPair = (index) => units[index] >= 0xd800 && units[index] < 0xdc00 && index + 1 < length
    this.findBest(length)
    this.writePath(length, out)
  }

  /**
   * Segments a text directly, for models whose normalisation only writes spaces as space marks and prepends `prefix` (0
   * or 1) of them. Ends include that prefix.
   */
  segmentText(text: string, prefix: number, out: Segments): void {
    const length = text.length + prefix
    this.reserve(length)
    const codes = this.codes
    const best = this.best
    const codeOf = this.rawCodeOf
    best[0] = 0
    if (prefix === 1) {
      codes[0] = codeOf[SPACE]
      best[1] = Number.NEGATIVE_INFINITY
    }
    for (let i = prefix; i < length; i++) {
      const code = codeOf[text.charCodeAt(i - prefix)]
      codes[i] = code < 0 ? this.surrogateCode(text, i - prefix) : code
      best[i + 1] = Number.NEGATIVE_INFINITY
    }
    this.isPair = (index) => index >= prefix && text.codePointAt(index - prefix)! > 0xffff
    this.findBest(length)
    this.writePath(length, out)
  }

  /** The code of a surrogate; of a lone one, that of U+FFFD. */
  private surrogateCode(text: string, at: number): number {
    const unit = text.charCodeAt(at)
    const other = unit < 0xdc00 ? text.charCodeAt(at + 1) ^ 0xdc00 : at === 0 ? -1 : text.charCodeAt(at - 1) ^ 0xd800
    return this.codeOf[(other & 0xfc00) === 0 ? unit : REPLACEMENT]
  }

  private findBest(length: number): void {
    const nodes = this.nodes
    const gains = this.gains
    const codes = this.codes
    const best = this.best
    const from = this.from
    const through = this.through
    for (let start = 0; start < length; start++) {
      const here = best[start]
      let known = false
      // The root's base is 0, so its children are at their codes.
      const first = codes[start]
      if (nodes[first + 1] === 0) {
        let candidate = gains[(first >> 1) + 1] + here
        // NaN: no piece ends here.
        known = !Number.isNaN(candidate)
        let end = start + 1
        if (candidate > best[end]) {
          best[end] = Math.fround(candidate)
          from[end] = start
          through[end] = first
        }
        for (let node = first; end < length; ) {
          const child = nodes[node] + codes[end]
          if (nodes[child + 1] !== node) break
          node = child
          end++
          candidate = gains[(child >> 1) + 1] + here
          if (candidate > best[end]) {
            best[end] = Math.fround(candidate)
            from[end] = start
            through[end] = child
          }
        }
      }
      if (!known) start = this.skipUnknown(start)
    }
  }

  /**
   * Handles a position where no piece is the single unit at `start`: an unknown character, or a surrogate pair.
   * @returns the last unit of the character
   */
  private skipUnknown(start: number): number {
    const nodes = this.nodes
    const codes = this.codes
    let last = start
    if (this.isPair(start)) {
      last++
      const first = codes[start]
      const second = nodes[first] + codes[last]
      if (nodes[first + 1] === 0 && nodes[second + 1] === first && this.idOfNode[second >> 2] >= 0) return last
    }
    const candidate = Math.fround(this.unkScore + this.best[start])
    if (candidate > this.best[last + 1]) {
      this.best[last + 1] = candidate
      this.from[last + 1] = start
      this.through[last + 1] = 0
    }
    return last
  }

  private writePath(length: number, out: Segments): void {
    const from = this.from
    const through = this.through
    const idOfNode = this.idOfNode
    let count = 0
    for (let end = length; end > 0; end = from[end]) count++
    out.clear(count)
    out.count = count
    out.unknown = false
    const { ids, ends } = out
    for (let end = length; end > 0; end = from[end]) {
      count--
      const node = through[end]
      if (node === 0) out.unknown = true
      ids[count] = idOfNode[node >> 2]
      ends[count] = end
    }
  }

  /** The lattice of all segmentations of the text. */
  lattice(units: Uint16Array, length: number): UnigramLattice {
    const { types, scores } = this.vocabulary
    return new UnigramLattice(units, length, {
      trie: this.trie,
      unkId: this.unkId,
      unkScore: this.unkScore,
      scoreOf: (id, characters) =>
        types[id] === PieceType.userDefined ? Math.fround(Math.fround(characters * this.largest) - 0.1) : scores[id],
    })
  }

  release(): void {
    this.isPair = () => false
    if (this.codes.length <= KEPT_UNITS) return
    this.codes = new Int32Array(0)
    this.reserve(256)
  }

  private reserve(length: number): void {
    if (this.codes.length >= length) return
    const capacity = Math.max(length, this.codes.length * 2)
    this.codes = new Int32Array(capacity)
    this.best = new Float64Array(capacity + 1)
    this.from = new Int32Array(capacity + 1)
    this.through = new Int32Array(capacity + 1)
  }
}

function utf8Length(text: string): number {
  let bytes = 0
  for (const character of text) bytes += byteLengthOf(character.codePointAt(0)!)
  return bytes
}
