/** A tokenizer made from a SentencePiece model. */
import { checkOptions } from '../check-options.ts'
import { type Encoding, type OffsetUnit, toCodePointOffsets } from '../encoding.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { MALFORMED, REPLACEMENT, readBytes } from '../utf8.ts'
import { BpeSegmenter } from './bpe-segmenter.ts'
import { createSegmenter, userDefinedTrie } from './create-segmenter.ts'
import { type DecodeRules, DecodeStream } from './decode-stream.ts'
import { type ModelType, PieceType } from './model-file.ts'
import { readModelFile } from './model-reader.ts'
import { KEPT_UNITS, type NormalizedText, Normalizer } from './normalizer.ts'
import { longestPrefix } from './piece-trie.ts'
import { segmentIds, segmentPieces } from './segment-ids.ts'
import { type Segmenter, Segments } from './segments.ts'
import type { UnigramLattice } from './unigram-lattice.ts'
import { UnigramSegmenter } from './unigram-segmenter.ts'
import { Vocabulary } from './vocabulary.ts'
import { textOf } from './word-segmenter.ts'

/** What `encode` does besides cutting the text into pieces. */
export type EncodeOptions = {
  /** Puts `bosId` in front. Default false. */
  addBos?: boolean
  /** Puts `eosId` at the end. Default false. */
  addEos?: boolean
}

/** What a piece is for: text, the unknown, control (no text becomes it), a text that is always one piece, nothing any more, or a byte. */
export type PieceKind = keyof typeof PieceType

const PIECE_KINDS = Object.keys(PieceType) as PieceKind[]

/** One of the best segmentations of a text. */
export type ScoredIds = {
  ids: Int32Array
  /** Log probability (nats, single precision). */
  score: number
}

/**
 * Loads a SentencePiece model.
 * @param model the bytes of a `.model` file; they are copied
 * @throws TokenizerError where the bytes are not a whole and consistent model
 * @example
 * const tokenizer = loadTokenizer(model) // the bytes of a .model file
 * tokenizer.decode(tokenizer.encode('木を組む')) // '木を組む'
 */
export function loadTokenizer(model: Uint8Array): Tokenizer {
  return new Tokenizer(model)
}

/**
 * A SentencePiece tokenizer: text to ids and back, with the same ids as the C++ `spm_encode`.
 * A tokenizer keeps its working memory between calls; one instance serves one thread.
 */
export class Tokenizer {
  /** Number of pieces; ids are 0 to `vocabSize - 1`. */
  readonly vocabSize: number
  /** The id of the beginning of a text, or -1 where the model has none. `encode` never adds it. */
  readonly bosId: number
  /** The id of the end of a text, or -1. `encode` never adds it. */
  readonly eosId: number
  /** The id of what the model does not know. */
  readonly unkId: number
  /** The id of padding, or -1. */
  readonly padId: number
  readonly modelType: ModelType
  readonly #bytes: Uint8Array
  readonly #vocabulary: Vocabulary
  readonly #normalizer: Normalizer
  /** How many space marks stand before a text that is changed in no other way than its spaces; -1: more is done. */
  readonly #plainPrefix: number
  readonly #segmenter: Segmenter
  readonly #segments = new Segments()
  readonly #rules: DecodeRules
  readonly #finish: ((text: string) => string) | undefined

  constructor(model: Uint8Array) {
    const file = readModelFile(model)
    this.#bytes = model.slice()
    const vocabulary = new Vocabulary(file)
    if (file.trainer.modelType !== 'unigram') vocabulary.checkRepeats()
    const { trainer, normalizer } = file
    this.#vocabulary = vocabulary
    this.vocabSize = vocabulary.size
    this.modelType = trainer.modelType
    this.unkId = vocabulary.unkId
    this.bosId = vocabulary.controlId(trainer.bosPiece)
    this.eosId = vocabulary.controlId(trainer.eosPiece)
    this.padId = vocabulary.controlId(trainer.padPiece)
    const symbols = userDefinedTrie(vocabulary)
    // The charsmap view must outlive the caller's bytes, so it is taken from the copy.
    const owned = normalizer.precompiledCharsmap.slice()
    this.#normalizer = new Normalizer(
      { ...normalizer, precompiledCharsmap: owned },
      trainer.treatWhitespaceAsSuffix,
      symbols && ((text, at) => longestPrefix(symbols, (index) => text.charCodeAt(index), at, text.length)),
    )
    this.#plainPrefix = this.#normalizer.plainPrefix
    this.#segmenter = createSegmenter(file, vocabulary, symbols)
    this.#rules = {
      unkSurface: trainer.unkSurface,
      stripLeading: normalizer.removeExtraWhitespaces ? 'all' : normalizer.addDummyPrefix ? 'one' : 'none',
    }
    const denormalizer = file.denormalizer
    if (denormalizer && denormalizer.precompiledCharsmap.length > 0) {
      const rewrite = new Normalizer(
        { ...denormalizer, precompiledCharsmap: denormalizer.precompiledCharsmap.slice() },
        false,
      )
      this.#finish = (text) => {
        const { units, length } = rewrite.normalize(text, false)
        return textOf(units, 0, length)
      }
    }
  }

  /**
   * The ids of the pieces of a text, without those of its beginning and end unless they are asked for.
   * @param text a string (a lone surrogate is U+FFFD), or UTF-8 bytes (each byte outside a character is U+FFFD)
   * @throws TokenizerError where a beginning or end is asked for that the model does not have
   */
  encode(text: string | Uint8Array, options?: EncodeOptions): Int32Array {
    const ids = (typeof text === 'string' && this.#encodePlain(text)) || this.#encodeNormalized(text)
    return options ? this.#surround(ids, options) : ids
  }

  /** Text of which only the spaces change is cut where it stands; undefined where that is not so. */
  #encodePlain(text: string): Int32Array | undefined {
    const prefix = this.#plainPrefix
    const segmenter = this.#segmenter
    if (prefix < 0 || text === '' || !(segmenter instanceof UnigramSegmenter)) return undefined
    const segments = this.#segments
    segmenter.segmentText(text, prefix, segments)
    const ids = segments.unknown
      ? segmentIds(this.#vocabulary, this.#normalizer.normalize(text, false).units, segments)
      : segments.ids.slice(0, segments.count)
    this.#release(text.length)
    return ids
  }

  #encodeNormalized(text: string | Uint8Array): Int32Array {
    const { units, length } = this.#normalize('encode', text, false)
    const segments = this.#segments
    this.#segmenter.segment(units, length, segments)
    const ids = segmentIds(this.#vocabulary, units, segments)
    this.#release(length)
    return ids
  }

  /**
   * The best segmentations of a text, best first; some may have the same ids, as SentencePiece gives them.
   * @param count how many are wanted, 1 to 1024; there may be fewer
   * @throws TokenizerError where the model is not unigram
   */
  encodeNBest(text: string | Uint8Array, count: number): ScoredIds[] {
    if (!(Number.isInteger(count) && count >= 1 && count <= 1024)) {
      throw new TokenizerError(`encodeNBest: count is ${count}; an integer from 1 to 1024 is needed`)
    }
    return this.#withLattice('encodeNBest', text, (lattice, write) =>
      lattice.nBest(count).map(({ nodes, score }) => ({ ids: write(nodes), score })),
    )
  }

  /**
   * A segmentation at random (subword regularisation). Unigram: each with a probability in proportion to its own to the power `alpha`.
   * BPE: merges are left out with probability `alpha` (BPE-dropout).
   * @param options `alpha`: of a unigram model, 0 makes all equally likely, large values leave the best; of a BPE model, 0 to 1. Default 0.1.
   * `nBestSize`: unigram, only so many of the best are chosen from (2 to 1024); default: from all. `random`: uniform numbers from 0 to under 1
   * @throws TokenizerError where the model is neither, or an option is out of range
   * @see Kudo 2018, arXiv:1804.10959; Provilkov et al. 2020, arXiv:1910.13267
   */
  sampleEncode(
    text: string | Uint8Array,
    options: { alpha?: number; nBestSize?: number; random?: () => number } = {},
  ): Int32Array {
    checkOptions('sampleEncode', options, ['alpha', 'nBestSize', 'random'])
    const { alpha = 0.1, nBestSize, random = Math.random } = options
    if (!(alpha >= 0 && alpha < Number.POSITIVE_INFINITY)) {
      throw new TokenizerError(`sampleEncode: alpha is ${alpha}; a number of at least 0 is needed`)
    }
    const segmenter = this.#segmenter
    if (segmenter instanceof BpeSegmenter) {
      if (alpha > 1) throw new TokenizerError(`sampleEncode: alpha is ${alpha}; of a bpe model, 0 to 1 is needed`)
      if (nBestSize !== undefined) throw new TokenizerError('sampleEncode: nBestSize is for unigram models')
      const { units, length } = this.#normalize('sampleEncode', text, false)
      segmenter.segmentAtRandom(units, length, this.#segments, () => random() < alpha)
      const ids = segmentIds(this.#vocabulary, units, this.#segments)
      this.#release(length)
      return ids
    }
    if (nBestSize === undefined) {
      return this.#withLattice('sampleEncode', text, (lattice, write) => write(lattice.sample(alpha, random)))
    }
    if (!(Number.isInteger(nBestSize) && nBestSize >= 2 && nBestSize <= 1024)) {
      throw new TokenizerError(`sampleEncode: nBestSize is ${nBestSize}; an integer from 2 to 1024 is needed`)
    }
    const best = this.encodeNBest(text, nBestSize)
    const weights = best.map(({ score }) => Math.exp(alpha * (score - best[0].score)))
    let left = random() * weights.reduce((sum, weight) => sum + weight, 0)
    const chosen = weights.findIndex((weight) => (left -= weight) < 0)
    return best[chosen < 0 ? best.length - 1 : chosen].ids
  }

  /**
   * The ids of a text with the piece and the part of the text for each.
   * @param text as for `encode`; for bytes, offsets are those in `textFromBytes(text)`
   * @param options `unit`: what offsets count, UTF-16 units (the default) or code points, as SentencePiece gives them
   */
  encodeWithOffsets(text: string | Uint8Array, options: { unit?: OffsetUnit } = {}): Encoding {
    const { units, length, origins } = this.#normalize('encodeWithOffsets', text, true)
    const segments = this.#segments
    this.#segmenter.segment(units, length, segments)
    const encoding = segmentPieces(this.#vocabulary, units, origins, segments)
    this.#release(length)
    if (options.unit === 'codePoint') {
      toCodePointOffsets(typeof text === 'string' ? text : readBytes(text, REPLACEMENT), encoding.offsets)
    }
    return encoding
  }

  /**
   * The text of ids. The unknown piece is written as the model says (` ⁇ ` if it says nothing), control pieces as nothing,
   * bytes that are not UTF-8 as one U+FFFD each.
   * @throws TokenizerError where an id is not in the vocabulary
   */
  decode(ids: ArrayLike<number>): string {
    const stream = this.decodeStream()
    const parts: string[] = []
    for (let i = 0; i < ids.length; i++) parts.push(stream.push(ids[i]))
    parts.push(stream.end())
    return parts.join('')
  }

  /** The text of pieces, as `decode` of their ids gives it; one that the vocabulary does not have is written as it is. */
  decodePieces(pieces: Iterable<string>): string {
    const stream = this.decodeStream()
    const parts: string[] = []
    for (const piece of pieces) {
      const id = this.#vocabulary.idOf(piece)
      parts.push(id < 0 ? stream.pushText(piece) : stream.push(id))
    }
    parts.push(stream.end())
    return parts.join('')
  }

  /** The text that the pieces are found in: by the model's rules, with its space marks. */
  normalize(text: string | Uint8Array): string {
    const { units, length } = this.#normalize('normalize', text, false)
    const result = textOf(units, 0, length)
    this.#release(length)
    return result
  }

  /** A decoder for ids that come one at a time; it never shows half a character. */
  decodeStream(): DecodeStream {
    return new DecodeStream(this.#vocabulary, this.#rules, this.#finish)
  }

  /** @throws TokenizerError where the id is not in the vocabulary */
  idToPiece(id: number): string {
    const piece = this.#vocabulary.pieces[id]
    if (piece === undefined) {
      throw new TokenizerError(`idToPiece: id ${id} is not in the vocabulary; 0 to ${this.vocabSize - 1} are`)
    }
    return piece
  }

  /**
   * The score of a piece: its log probability (nats), or of a BPE model minus the rank of the merge that makes it.
   * @throws TokenizerError where the id is not in the vocabulary
   */
  pieceScore(id: number): number {
    this.idToPiece(id)
    return this.#vocabulary.scores[id]
  }

  /**
   * What a piece is for.
   * @throws TokenizerError where the id is not in the vocabulary
   */
  pieceType(id: number): PieceKind {
    this.idToPiece(id)
    return PIECE_KINDS.find((kind) => PieceType[kind] === this.#vocabulary.types[id])!
  }

  /** The id of a piece, or `unkId` where there is none. */
  pieceToId(piece: string): number {
    const id = this.#vocabulary.idOf(piece)
    return id < 0 ? this.unkId : id
  }

  /** The file the tokenizer was loaded from (a copy). */
  modelBytes(): Uint8Array {
    return this.#bytes.slice()
  }

  #withLattice<T>(
    name: string,
    text: string | Uint8Array,
    use: (lattice: UnigramLattice, write: (nodes: number[]) => Int32Array) => T,
  ): T {
    const segmenter = this.#segmenter
    if (!(segmenter instanceof UnigramSegmenter)) {
      throw new TokenizerError(`${name}: the model is ${this.modelType}; a unigram model is needed`)
    }
    const { units, length } = this.#normalize(name, text, false)
    const lattice = segmenter.lattice(units, length)
    const result = use(lattice, (nodes) => {
      lattice.write(nodes, this.#segments)
      return segmentIds(this.#vocabulary, units, this.#segments)
    })
    this.#release(length)
    return result
  }

  #surround(ids: Int32Array, { addBos, addEos }: EncodeOptions): Int32Array {
    if (!addBos && !addEos) return ids
    if ((addBos && this.bosId < 0) || (addEos && this.eosId < 0)) {
      throw new TokenizerError(
        `encode: the model has no piece for the ${addBos && this.bosId < 0 ? 'beginning' : 'end'}`,
      )
    }
    return Int32Array.from([...(addBos ? [this.bosId] : []), ...ids, ...(addEos ? [this.eosId] : [])])
  }

  #normalize(name: string, text: string | Uint8Array, track: boolean): NormalizedText {
    if (typeof text === 'string') return this.#normalizer.normalize(text, track)
    if (text instanceof Uint8Array) return this.#normalizer.normalize(readBytes(text, MALFORMED), track, true)
    throw new TokenizerError(`${name}: a string or UTF-8 bytes are needed, got ${typeof text}`)
  }

  #release(length: number): void {
    if (length < KEPT_UNITS) return
    this.#normalizer.release()
    this.#segmenter.release()
    this.#segments.release(KEPT_UNITS)
  }
}
