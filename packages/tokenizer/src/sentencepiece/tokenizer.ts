/** The tokenizer of a SentencePiece model. */
import { checkOptions } from '../check-options.ts'
import { checkIds, checkUnit, type Encoding, type OffsetUnit, toCodePointOffsets } from '../encoding.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { MALFORMED, REPLACEMENT, readBytes } from '../utf8.ts'
import { BpeSegmenter } from './bpe-segmenter.ts'
import { createSegmenter, userDefinedTrie } from './create-segmenter.ts'
import { type DecodeRules, DecodeStream } from './decode-stream.ts'
import { type ModelType, PieceType } from './model-file.ts'
import { readModelFile } from './model-reader.ts'
import { KEPT_UNITS, type NormalizedText, Normalizer } from './normalizer.ts'
import { longestPrefix } from './piece-trie.ts'
import { knownPieces, segmentIds, segmentPieces } from './segment-ids.ts'
import { type Segmenter, Segments } from './segments.ts'
import type { UnigramLattice } from './unigram-lattice.ts'
import { UnigramSegmenter } from './unigram-segmenter.ts'
import { Vocabulary } from './vocabulary.ts'
import { textOf } from './word-segmenter.ts'

/** Special tokens that `encode` adds. */
export type EncodeOptions = {
  /** Prepends `bosId`. Default false. */
  addBos?: boolean
  /** Appends `eosId`. Default false. */
  addEos?: boolean
}

/**
 * The type of a piece: `normal` text, the `unknown` piece, `control` (never matched in text), `userDefined` (always one
 * piece), `unused`, or a `byte` of byte fallback.
 */
export type PieceKind = keyof typeof PieceType

/** A text made of many short ones. They are joined some at a time: a list of all would be larger than the caches. */
class JoinedText {
  private text = ''
  private parts: string[] = []

  push(part: string): void {
    if (this.parts.push(part) === 4096) this.join()
  }

  end(): string {
    this.join()
    return this.text
  }

  private join(): void {
    this.text += this.parts.join('')
    this.parts = []
  }
}

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
  /** The id of the beginning-of-sequence piece, or -1. `encode` adds it only with `addBos`. */
  readonly bosId: number
  /** The id of the end-of-sequence piece, or -1. `encode` adds it only with `addEos`. */
  readonly eosId: number
  /** The id of the unknown piece. */
  readonly unkId: number
  /** The id of the padding piece, or -1. */
  readonly padId: number
  readonly modelType: ModelType
  private readonly bytes: Uint8Array
  private readonly vocabulary: Vocabulary
  private readonly normalizer: Normalizer
  /** {@link Normalizer.plainPrefix} of the model. */
  private readonly plainPrefix: number
  private readonly hasSymbols: boolean
  private readonly segmenter: Segmenter
  private readonly segments = new Segments()
  private readonly rules: DecodeRules
  private readonly finish: ((text: string) => string) | undefined

  constructor(model: Uint8Array) {
    const file = readModelFile(model)
    this.bytes = model.slice()
    const vocabulary = new Vocabulary(file)
    if (file.trainer.modelType !== 'unigram') vocabulary.checkRepeats()
    const { trainer, normalizer } = file
    this.vocabulary = vocabulary
    this.vocabSize = vocabulary.size
    this.modelType = trainer.modelType
    this.unkId = vocabulary.unkId
    this.bosId = vocabulary.controlId(trainer.bosPiece)
    this.eosId = vocabulary.controlId(trainer.eosPiece)
    this.padId = vocabulary.controlId(trainer.padPiece)
    const symbols = userDefinedTrie(vocabulary)
    // The charsmap view must outlive the caller's bytes, so it is taken from the copy.
    const owned = normalizer.precompiledCharsmap.slice()
    this.normalizer = new Normalizer(
      { ...normalizer, precompiledCharsmap: owned },
      trainer.treatWhitespaceAsSuffix,
      symbols && ((text, at) => longestPrefix(symbols, (index) => text.charCodeAt(index), at, text.length)),
    )
    this.hasSymbols = symbols !== undefined
    this.plainPrefix = this.normalizer.plainPrefix
    this.segmenter = createSegmenter(file, vocabulary, symbols)
    this.rules = {
      unkSurface: trainer.unkSurface,
      stripLeading: normalizer.removeExtraWhitespaces ? 'all' : normalizer.addDummyPrefix ? 'one' : 'none',
    }
    const denormalizer = file.denormalizer
    if (denormalizer && denormalizer.precompiledCharsmap.length > 0) {
      const rewrite = new Normalizer(
        { ...denormalizer, precompiledCharsmap: denormalizer.precompiledCharsmap.slice() },
        false,
      )
      this.finish = (text) => {
        const { units, length } = rewrite.normalize(text, false)
        return textOf(units, 0, length)
      }
    }
  }

  /**
   * Encodes a text to ids, without bos and eos unless `options` adds them.
   * @param text a string (a lone surrogate is U+FFFD), or UTF-8 bytes (each malformed byte is U+FFFD)
   * @throws TokenizerError where `addBos` or `addEos` is set and the model has no such piece
   */
  encode(text: string | Uint8Array, options?: EncodeOptions): Int32Array {
    const ids = (typeof text === 'string' && this.encodePlain(text)) || this.encodeNormalized(text)
    return options ? this.surround(ids, options) : ids
  }

  /** Segments the string without normalising it first; returns false where the model does not allow that. */
  private segmentPlain(text: string): boolean {
    const { plainPrefix: prefix, segmenter } = this
    if (prefix < 0 || text === '' || !(segmenter instanceof UnigramSegmenter)) return false
    segmenter.segmentText(text, prefix, this.segments)
    return true
  }

  private encodePlain(text: string): Int32Array | undefined {
    if (!this.segmentPlain(text)) return undefined
    const { segments } = this
    const ids = segments.unknown
      ? segmentIds(this.vocabulary, this.normalizer.normalize(text, false).units, segments)
      : segments.ids.slice(0, segments.count)
    this.release(text.length)
    return ids
  }

  private encodeNormalized(text: string | Uint8Array): Int32Array {
    const { units, length } = this.normalizedUnits('encode', text, false)
    const segments = this.segments
    this.segmenter.segment(units, length, segments)
    const ids = segmentIds(this.vocabulary, units, segments)
    this.release(length)
    return ids
  }

  /**
   * The n best segmentations of a text, best first; as in SentencePiece, some may have the same ids.
   * @param count number of segmentations, 1 to 1024; there may be fewer
   * @throws TokenizerError where the model is not unigram
   */
  encodeNBest(text: string | Uint8Array, count: number): ScoredIds[] {
    if (!(Number.isInteger(count) && count >= 1 && count <= 1024)) {
      throw new TokenizerError(`encodeNBest: count is ${count}; an integer from 1 to 1024 is needed`)
    }
    return this.withLattice('encodeNBest', text, (lattice, write) =>
      lattice.nBest(count).map(({ nodes, score }) => ({ ids: write(nodes), score })),
    )
  }

  /**
   * Samples a segmentation (subword regularisation). Unigram: a segmentation of probability p is drawn in proportion to
   * p to the power `alpha`. BPE: each merge is dropped with probability `alpha` (BPE-dropout).
   * @param options `alpha`, default 0.1: unigram, 0 is uniform and large values approach the best; BPE, 0 to 1.
   *   `nBestSize`, unigram only: samples from that many of the best (2 to 1024), default from all. `random`: uniform
   *   numbers in [0, 1)
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
    const segmenter = this.segmenter
    if (segmenter instanceof BpeSegmenter) {
      if (alpha > 1) throw new TokenizerError(`sampleEncode: alpha is ${alpha}; of a bpe model, 0 to 1 is needed`)
      if (nBestSize !== undefined) throw new TokenizerError('sampleEncode: nBestSize is for unigram models')
      const { units, length } = this.normalizedUnits('sampleEncode', text, false)
      segmenter.segmentAtRandom(units, length, this.segments, () => random() < alpha)
      const ids = segmentIds(this.vocabulary, units, this.segments)
      this.release(length)
      return ids
    }
    if (nBestSize === undefined) {
      return this.withLattice('sampleEncode', text, (lattice, write) => write(lattice.sample(alpha, random)))
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
   * Encodes a text to ids with their pieces and offsets in the text.
   * @param text as for `encode`; for bytes, offsets refer to `textFromBytes(text)`
   * @param options `unit` of the offsets: UTF-16 units (the default), or code points as in SentencePiece
   */
  encodeWithOffsets(text: string | Uint8Array, options: { unit?: OffsetUnit } = {}): Encoding {
    const encoding = (typeof text === 'string' && this.piecesOfPlain(text)) || this.piecesOfNormalized(text)
    checkUnit(options.unit)
    if (options.unit === 'codePoint') {
      toCodePointOffsets(typeof text === 'string' ? text : readBytes(text, REPLACEMENT), encoding.offsets)
    }
    return encoding
  }

  private piecesOfPlain(text: string): Encoding | undefined {
    // The origins of a user-defined symbol's units are all its start.
    if (this.hasSymbols || !this.segmentPlain(text)) return undefined
    const { segments, vocabulary } = this
    let encoding: Encoding
    if (segments.unknown) {
      const { units, origins } = this.normalizer.normalize(text, true)
      encoding = segmentPieces(vocabulary, units, origins, segments)
    } else encoding = knownPieces(vocabulary, this.plainPrefix, segments)
    this.release(text.length)
    return encoding
  }

  private piecesOfNormalized(text: string | Uint8Array): Encoding {
    const { units, length, origins } = this.normalizedUnits('encodeWithOffsets', text, true)
    const { segments } = this
    this.segmenter.segment(units, length, segments)
    const encoding = segmentPieces(this.vocabulary, units, origins, segments)
    this.release(length)
    return encoding
  }

  /**
   * Decodes ids to text. The unknown piece becomes the model's `unk_surface` (default ` ⁇ `), control pieces become
   * nothing, malformed bytes one U+FFFD each.
   * @throws TokenizerError where an id is not in the vocabulary
   */
  decode(ids: ArrayLike<number>): string {
    checkIds(ids)
    const stream = this.decodeStream()
    const text = new JoinedText()
    for (let i = 0; i < ids.length; i++) text.push(stream.push(ids[i]))
    text.push(stream.end())
    return text.end()
  }

  /** Decodes pieces to text, like `decode` of their ids; pieces outside the vocabulary are written unchanged. */
  decodePieces(pieces: Iterable<string>): string {
    const stream = this.decodeStream()
    const text = new JoinedText()
    for (const piece of pieces) {
      const id = this.vocabulary.idOf(piece)
      text.push(id < 0 ? stream.pushText(piece) : stream.push(id))
    }
    text.push(stream.end())
    return text.end()
  }

  /** Normalises a text as `encode` does before segmentation, with space marks. */
  normalize(text: string | Uint8Array): string {
    const { units, length } = this.normalizedUnits('normalize', text, false)
    const result = textOf(units, 0, length)
    this.release(length)
    return result
  }

  /** A streaming decoder, which never returns part of a character. */
  decodeStream(): DecodeStream {
    return new DecodeStream(this.vocabulary, this.rules, this.finish)
  }

  /** @throws TokenizerError where the id is not in the vocabulary */
  idToPiece(id: number): string {
    if (!(Number.isInteger(id) && id >= 0 && id < this.vocabSize)) {
      throw new TokenizerError(`idToPiece: id ${id} is not in the vocabulary; 0 to ${this.vocabSize - 1} are`)
    }
    return this.vocabulary.pieces.text(id)
  }

  /**
   * The score of a piece: its log probability (nats), or for a BPE model minus the rank of its merge.
   * @throws TokenizerError where the id is not in the vocabulary
   */
  pieceScore(id: number): number {
    this.idToPiece(id)
    return this.vocabulary.scores[id]
  }

  /**
   * The type of a piece.
   * @throws TokenizerError where the id is not in the vocabulary
   */
  pieceType(id: number): PieceKind {
    this.idToPiece(id)
    return PIECE_KINDS.find((kind) => PieceType[kind] === this.vocabulary.types[id])!
  }

  /** The id of a piece, or `unkId` where it is not in the vocabulary. */
  pieceToId(piece: string): number {
    const id = this.vocabulary.idOf(piece)
    return id < 0 ? this.unkId : id
  }

  /** The file the tokenizer was loaded from (a copy). */
  modelBytes(): Uint8Array {
    return this.bytes.slice()
  }

  private withLattice<T>(
    name: string,
    text: string | Uint8Array,
    use: (lattice: UnigramLattice, write: (nodes: number[]) => Int32Array) => T,
  ): T {
    const segmenter = this.segmenter
    if (!(segmenter instanceof UnigramSegmenter)) {
      throw new TokenizerError(`${name}: the model is ${this.modelType}; a unigram model is needed`)
    }
    const { units, length } = this.normalizedUnits(name, text, false)
    const lattice = segmenter.lattice(units, length)
    const result = use(lattice, (nodes) => {
      lattice.write(nodes, this.segments)
      return segmentIds(this.vocabulary, units, this.segments)
    })
    this.release(length)
    return result
  }

  private surround(ids: Int32Array, { addBos, addEos }: EncodeOptions): Int32Array {
    if (!addBos && !addEos) return ids
    if ((addBos && this.bosId < 0) || (addEos && this.eosId < 0)) {
      throw new TokenizerError(
        addBos && this.bosId < 0
          ? 'encode: addBos is set, but the model has no bos piece'
          : 'encode: addEos is set, but the model has no eos piece',
      )
    }
    return Int32Array.from([...(addBos ? [this.bosId] : []), ...ids, ...(addEos ? [this.eosId] : [])])
  }

  private normalizedUnits(name: string, text: string | Uint8Array, track: boolean): NormalizedText {
    if (typeof text === 'string') return this.normalizer.normalize(text, track)
    if (text instanceof Uint8Array) {
      if (!track && this.normalizer.copies) return this.normalizer.copyBytes(text)
      return this.normalizer.normalize(readBytes(text, MALFORMED), track, true)
    }
    throw new TokenizerError(`${name}: a string or UTF-8 bytes are needed, got ${typeof text}`)
  }

  private release(length: number): void {
    if (length < KEPT_UNITS) return
    this.normalizer.release()
    this.segmenter.release()
    this.segments.release(KEPT_UNITS)
  }
}
