/** Segmentation by a unigram model, with ties resolved as in the C++. */
import { REPLACEMENT } from '../utf8.ts'
import { AdjacentCodes } from './adjacent-codes.ts'
import { KEPT_UNITS, SPACE, SPACE_MARK } from './normalizer.ts'
import { hashOf, LONGEST_KEPT, piecesAt, SegmentationCache } from './segmentation-cache.ts'
import type { Segmenter, Segments } from './segments.ts'
import { UnigramLattice } from './unigram-lattice.ts'
import { UnigramTrie } from './unigram-trie.ts'
import { UnigramViterbi } from './unigram-viterbi.ts'
import type { Vocabulary } from './vocabulary.ts'

/** Above this many ids or codes, records of the cache have no room for them. */
const MOST_IDS = 2 ** 23
const MOST_CODES = 2 ** 16

/**
 * The segmentation of highest probability (Viterbi). Time is proportional to the length of the text times the longest
 * match.
 *
 * A text is cut where no piece spans: between two units that are not adjacent in any piece. The best path of a section
 * does not depend on what precedes it, but for rounding: the C++ adds up single-precision scores from the beginning of
 * the text. The section's path in exact arithmetic is the C++'s wherever it leads all others by more than rounding can
 * add up to; it is then kept, since most sections of a text were seen before. Elsewhere the C++'s sums are repeated.
 * @see Kudo 2018, arXiv:1804.10959
 */
export class UnigramSegmenter implements Segmenter {
  private readonly trie: UnigramTrie
  private readonly viterbi: UnigramViterbi
  private readonly vocabulary: Vocabulary
  /** Made for the first text, since models are also loaded to decode. */
  private adjacent: AdjacentCodes | undefined
  private readonly cache: SegmentationCache | undefined
  /** The C++'s score of the first `roundedCount` pieces of this text. */
  private rounded = 0
  private roundedCount = 0
  /** A bound of the magnitude of the score so far. */
  private weight = 0

  /**
   * @param space the character for a space in pieces: the space mark, or a space where the model does not escape them
   */
  constructor(vocabulary: Vocabulary, space: number = SPACE_MARK) {
    this.trie = new UnigramTrie(vocabulary, space)
    this.viterbi = new UnigramViterbi(this.trie)
    this.vocabulary = vocabulary
    if (vocabulary.size < MOST_IDS && this.trie.maxCode < MOST_CODES) this.cache = new SegmentationCache()
  }

  segment(units: Uint16Array, length: number, out: Segments): void {
    this.viterbi.reserve(length)
    const { codes } = this.viterbi
    const { codeOf } = this.trie
    for (let i = 0; i < length; i++) codes[i] = codeOf[units[i]]
    this.segmentCodes(length, out)
  }

  /**
   * Segments a text directly, for models whose normalisation only writes spaces as space marks and prepends `prefix` (0
   * or 1) of them. Ends include that prefix.
   */
  segmentText(text: string, prefix: number, out: Segments): void {
    const length = text.length + prefix
    this.viterbi.reserve(length)
    const { codes } = this.viterbi
    const codeOf = this.trie.textCodeOf
    if (prefix === 1) codes[0] = codeOf[SPACE]
    for (let i = prefix; i < length; i++) {
      const code = codeOf[text.charCodeAt(i - prefix)]
      codes[i] = code < 0 ? this.surrogateCode(text, i - prefix) : code
    }
    this.segmentCodes(length, out)
  }

  /** The code of a surrogate; of a lone one, that of U+FFFD. */
  private surrogateCode(text: string, at: number): number {
    const unit = text.charCodeAt(at)
    const other = unit < 0xdc00 ? text.charCodeAt(at + 1) ^ 0xdc00 : at === 0 ? -1 : text.charCodeAt(at - 1) ^ 0xd800
    return this.trie.codeOf[(other & 0xfc00) === 0 ? unit : REPLACEMENT]
  }

  private segmentCodes(length: number, out: Segments): void {
    out.clear(length)
    out.unknown = false
    this.rounded = 0
    this.roundedCount = 0
    this.weight = 0
    if (length === 0) return
    const { cache } = this
    if (!cache || length > KEPT_UNITS) {
      this.segmentRounded(0, length, out)
      return
    }
    const adjacent = (this.adjacent ??= new AdjacentCodes(this.trie))
    const { codes } = this.viterbi
    const { nodes, gains, idOfNode, unkScore } = this.trie
    let begin = 0
    let hash = 0
    let code = codes[0]
    for (let end = 1; end <= length; end++) {
      hash = hashOf(hash, code)
      if (end < length) {
        const next = codes[end]
        const before = code
        code = next
        if (adjacent.has(before, next)) continue
      }
      // One unit has one segmentation.
      if (begin + 1 === end) {
        const only = codes[begin]
        const score = gains[only * 2 + 1]
        const isKnown = nodes[only * 4 + 1] === 0 && !Number.isNaN(score)
        out.ids[out.count] = idOfNode[isKnown ? only : 0]
        out.ends[out.count++] = end
        this.weight += Math.abs(isKnown ? score : unkScore)
        if (!isKnown) out.unknown = true
        begin = end
        hash = 0
        continue
      }
      const at = cache.find(hash, codes, begin, end - begin)
      if (at > 0 && this.weight < cache.floats[at + 1]) {
        const { words } = cache
        const { ids, ends } = out
        const head = words[at]
        let count = out.count
        let word = at + piecesAt(end - begin)
        for (const last = count + ((head >> 8) & 0xff); count < last; count++) {
          const piece = words[word++]
          ids[count] = piece >> 8
          ends[count] = begin + (piece & 0xff)
        }
        out.count = count
        if (head > 0xffff) out.unknown = true
        this.weight += cache.floats[at + 2]
      } else this.segmentNew(begin, end, hash, at > 0, out)
      begin = end
      hash = 0
    }
  }

  /** Segments a section with the C++'s rounding. */
  private segmentRounded(begin: number, end: number, out: Segments): void {
    let score = this.rounded
    for (let k = this.roundedCount; k < out.count; k++) score = Math.fround(this.trie.scoreOf(out.ids[k]) + score)
    this.rounded = this.viterbi.findRounded(begin, end, score)
    this.viterbi.write(begin, end, out)
    this.roundedCount = out.count
    this.weight = Math.abs(this.rounded)
  }

  /** Segments a section that is not in the cache, or whose record does not hold after a text of such a score. */
  private segmentNew(begin: number, end: number, hash: number, isKept: boolean, out: Segments): void {
    const length = end - begin
    if (isKept || length > LONGEST_KEPT) {
      this.segmentRounded(begin, end, out)
      return
    }
    const { viterbi } = this
    const lead = viterbi.findExact(begin, end)
    const { weight, largest } = viterbi
    const limit = Math.fround(weightUpTo(lead, length, largest))
    const before = out.count
    const wasUnknown = out.unknown
    out.unknown = false
    viterbi.write(begin, end, out)
    const cache = this.cache!
    const at = cache.add(hash, viterbi.codes, begin, length, out.count - before)
    const { words, floats } = cache
    if (out.unknown) words[at] += 0x10000
    floats[at + 1] = limit
    floats[at + 2] = weight
    let word = at + piecesAt(length)
    for (let k = before; k < out.count; k++) words[word++] = out.ids[k] * 256 + out.ends[k] - begin
    out.unknown ||= wasUnknown
    if (this.weight < limit) {
      this.weight += weight
      return
    }
    // The record is kept all the same: where two paths are equal, it spares the exact search of the next such section.
    out.count = before
    this.segmentRounded(begin, end, out)
  }

  /** The lattice of all segmentations of the text. */
  lattice(units: Uint16Array, length: number): UnigramLattice {
    const { trie } = this
    return new UnigramLattice(units, length, {
      trie: trie.pieces,
      unkId: this.vocabulary.unkId,
      unkScore: trie.unkScore,
      scoreOf: (id, characters) => trie.latticeScoreOf(id, characters),
    })
  }

  release(): void {
    this.viterbi.release(KEPT_UNITS)
  }
}

/**
 * The largest magnitude of the score before a section with which the C++ finds the same path as exact arithmetic.
 *
 * Let u be the spacing of float32 at the largest magnitude x in the section. Each stored score differs from its
 * candidate by at most u / 2, and is at least every other candidate minus u / 2; by induction it differs by at most
 * m u / 2 from the exact best score after m pieces. A worse candidate can only win where it is less than (m + 1) u
 * behind. With m at most the length and u at most x / 2 ** 23, this solves (length + 1) u < lead for what precedes the
 * section. The factor leaves room for sums of up to 2 ** 20 rounded scores, which exceed exact ones by at most 7 %.
 */
function weightUpTo(lead: number, length: number, largest: number): number {
  return Math.min(2 ** 100, (0.9 * lead * 2 ** 23) / (length + 2)) - largest - 1
}
