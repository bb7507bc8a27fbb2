/** The tokenizer of a Hugging Face tokenizer.json. */
import { checkOptions } from '../check-options.ts'
import type { Encoding, OffsetUnit } from '../encoding.ts'
import { checkIds, checkUnit, toCodePointOffsets } from '../encoding.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { textFromBytes } from '../utf8.ts'
import {
  type AddedToken,
  AddedTokens,
  type NewToken,
  newToken,
  readAddedTokens,
  type SpecialInText,
} from './added-tokens.ts'
import { AlignedText, wellFormed } from './aligned-text.ts'
import { BpeModel } from './bpe-model.ts'
import { type Decoder, readDecoder } from './decoders.ts'
import { dropoutOf, ENCODE_OPTIONS, type FullEncodeOptions, type HuggingFaceEncodeOptions } from './encode-options.ts'
import { type FilePadding, padded, readPadding, readTruncation } from './file-lengths.ts'
import {
  assembled,
  type FullEncoding,
  type SequenceTokens,
  type TruncationOptions,
  truncated,
} from './full-encoding.ts'
import { asRecord, parseJson } from './json-value.ts'
import { readNormalizer } from './normalizers.ts'
import { PLAIN, type PostProcessor, readPostProcessor, trimOffsets } from './post-processors.ts'
import { type Cut, needsOrigins, readPreTokenizer } from './pre-tokenizers.ts'
import type { Rewrite } from './rewrite.ts'
import { TextDecodeStream } from './text-decode-stream.ts'
import { type HuggingFaceModelType, readTokenModel } from './token-models.ts'
import { type TokenModel, TokenRun } from './token-run.ts'

/**
 * Loads a Hugging Face `tokenizer.json`: a Unigram, BPE, WordPiece or WordLevel model with its normalizers,
 * pre-tokenizers, post-processor, decoder and added tokens. Its truncation and padding apply where `asFile` is set.
 * @param source the file as UTF-8 bytes or as a string
 * @throws TokenizerError where the file is malformed or has a component that is not supported
 * @example
 * const json = trainByteLevelBpe(['low lower lowest', 'low lower'], { vocabSize: 260 })
 * const tokenizer = loadHuggingFaceTokenizer(json) // the text of a tokenizer.json
 * tokenizer.decode(tokenizer.encode('lower')) // 'lower'
 */
export function loadHuggingFaceTokenizer(source: Uint8Array | string): HuggingFaceTokenizer {
  return new HuggingFaceTokenizer(source)
}

/**
 * The tokenizer of a `tokenizer.json`, with the same ids as Hugging Face's tokenizers. One instance serves one thread.
 */
export class HuggingFaceTokenizer {
  readonly modelType: HuggingFaceModelType
  private readonly model: TokenModel
  private added: AddedTokens
  private nextId: number
  private readonly source: Uint8Array | string
  private readonly normalize: Rewrite
  private readonly addedById = new Map<number, AddedToken>()
  private readonly addedByContent = new Map<string, AddedToken>()
  private readonly cut: Cut | undefined
  private readonly origins: boolean
  private readonly post: PostProcessor
  private readonly decoder: Decoder
  /** The file's truncation; null where it has none. */
  readonly truncation: TruncationOptions | null
  /** The file's padding; null where it has none. */
  readonly padding: FilePadding | null
  /** Ids of special tokens that are also in the model's vocabulary. */
  private readonly specialIds = new Set<number>()
  private readonly run = new TokenRun()
  /** By word of the last text: number of tokens up to its end. */
  private words: number[] = []

  constructor(source: Uint8Array | string) {
    const file = asRecord(parseJson(source), 'the file')
    const { type, model } = readTokenModel(asRecord(file.model, 'model'))
    this.modelType = type
    this.model = model
    this.source = source
    this.normalize = readNormalizer(file.normalizer, 'normalizer')
    this.cut = readPreTokenizer(file.pre_tokenizer, 'pre_tokenizer')
    this.origins = needsOrigins(file.pre_tokenizer)
    this.post = readPostProcessor(file.post_processor, 'post_processor')
    this.decoder = readDecoder(file.decoder, 'decoder')
    this.truncation = readTruncation(file.truncation)
    this.padding = readPadding(file.padding)
    const tokens = readAddedTokens(file.added_tokens, this.model.size * 8 + 0x10000)
    this.nextId = this.model.size
    for (const token of tokens) this.learn(token)
    this.added = new AddedTokens(tokens, this.normalize)
    for (const part of [...this.post.single, ...this.post.pair]) {
      if ('ids' in part) for (const id of part.ids) this.idToToken(id)
    }
  }

  /** The largest id plus 1, including added tokens. */
  get vocabSize(): number {
    return this.nextId
  }

  /**
   * Adds tokens, which are matched in text before the model runs. They get new ids from `vocabSize` on, or keep the id
   * that the model has for their text.
   * @param tokens their texts, or objects with flags (`special`: recognised in text only where `special` of `encode`
   *   allows it, and skipped by `skipSpecialTokens`; `normalized`: matched in the normalised text)
   * @returns the number of tokens that were not added tokens before
   * @throws TokenizerError where a token has no text
   */
  addTokens(tokens: readonly (string | NewToken)[]): number {
    if (!Array.isArray(tokens)) throw new TokenizerError('addTokens: a list of tokens is needed')
    const news = tokens.map((given) => newToken(given))
    let count = 0
    for (const token of news) {
      if (this.addedByContent.has(token.content)) continue
      this.learn({ ...token, id: this.model.idOf(token.content) ?? this.nextId })
      count++
    }
    if (count > 0) this.added = new AddedTokens([...this.addedByContent.values()], this.normalize)
    return count
  }

  /** The `tokenizer.json` as text, including tokens added since it was loaded. */
  toJson(): string {
    const file = asRecord(parseJson(this.source), 'the file')
    const added = [...this.addedByContent.values()].sort((a, b) => a.id - b.id)
    return JSON.stringify({
      ...file,
      added_tokens: added.map(({ id, content, singleWord, lstrip, rstrip, normalized, special }) => ({
        id,
        content,
        single_word: singleWord,
        lstrip,
        rstrip,
        normalized,
        special,
      })),
    })
  }

  private learn(token: AddedToken): void {
    this.addedById.set(token.id, token)
    this.addedByContent.set(token.content, token)
    this.nextId = Math.max(this.nextId, token.id + 1)
    const known = token.special ? this.model.idOf(token.content) : undefined
    if (known !== undefined) this.specialIds.add(known)
  }

  /**
   * Encodes a text to ids.
   * @param text a string (a lone surrogate is U+FFFD), or UTF-8 bytes (each malformed byte is U+FFFD)
   * @throws TokenizerError where an option is unknown or out of range, or the text has a character outside the
   *   vocabulary and the model has no unknown token
   */
  encode(text: string | Uint8Array, options: HuggingFaceEncodeOptions = {}): Int32Array {
    const run = this.tokenize('encode', text, options, false)
    const { before, after } = options.addSpecialTokens ? this.post : NO_SPECIALS
    const ids = new Int32Array(before.length + run.count + after.length)
    ids.set(before)
    ids.set(run.ids.subarray(0, run.count), before.length)
    ids.set(after, before.length + run.count)
    return ids
  }

  /**
   * Encodes a text to ids with their tokens and offsets in the text; special tokens that are added have the offsets [0,
   * 0).
   * @param options `unit` of the offsets: UTF-16 units (the default) or code points
   */
  encodeWithOffsets(
    text: string | Uint8Array,
    options: HuggingFaceEncodeOptions & { unit?: OffsetUnit } = {},
  ): Encoding {
    const { ids, pieces, offsets } = this.sequence('encodeWithOffsets', text, options)
    const { before, after } = options.addSpecialTokens ? this.post : NO_SPECIALS
    const nothing = (): [number, number] => [0, 0]
    return {
      ids: Int32Array.from([...before, ...ids, ...after]),
      pieces: [...before.map((id) => this.idToToken(id)), ...pieces, ...after.map((id) => this.idToToken(id))],
      offsets: [...before.map(nothing), ...offsets, ...after.map(nothing)],
    }
  }

  /**
   * Encodes a text or a pair of texts with type ids, word ids, sequence ids, masks and overflowing parts.
   * @param options `pair`: the second text; `maxLength`, `stride`, ...: truncation, with the rest in `overflowing`;
   *   `asFile`: truncation and padding of the file
   * @throws TokenizerError where an option is invalid, or the length cannot be reached
   */
  encodeFull(text: string | Uint8Array, options: FullEncodeOptions = {}): FullEncoding {
    const full = this.unpadded(text, options)
    return options.asFile && this.padding ? padded([full], this.padding)[0] : full
  }

  /**
   * Encodes a batch of texts or pairs of texts; padding to `'longest'` refers to the batch.
   * @param options as of `encodeFull`, with `asFile` true by default
   * @throws TokenizerError where an option is invalid, or the length cannot be reached
   */
  encodeBatch(
    texts: readonly (string | Uint8Array | readonly [string | Uint8Array, string | Uint8Array])[],
    options: Omit<FullEncodeOptions, 'pair'> = {},
  ): FullEncoding[] {
    if (!Array.isArray(texts)) throw new TokenizerError('encodeBatch: a list of texts, or of pairs of texts, is needed')
    const given = { asFile: true, ...options }
    const batch = texts.map((text) =>
      Array.isArray(text) ? this.unpadded(text[0], { ...given, pair: text[1] }) : this.unpadded(text, given),
    )
    return given.asFile && this.padding ? padded(batch, this.padding) : batch
  }

  private unpadded(text: string | Uint8Array, options: FullEncodeOptions): FullEncoding {
    const lengths = options.asFile ? { ...this.truncation, ...options } : options
    const { pair, addSpecialTokens = false } = options
    const { maxLength } = lengths
    const texts = pair === undefined ? [text] : [text, pair]
    const sequences = texts.map((each) => this.sequence('encodeFull', each, options))
    const kind = pair === undefined ? 'single' : 'pair'
    const template = (addSpecialTokens ? this.post : PLAIN)[kind]
    let room = Number.POSITIVE_INFINITY
    if (maxLength !== undefined) {
      if (!Number.isInteger(maxLength) || maxLength < 0) {
        throw new TokenizerError(`encodeFull: maxLength is ${maxLength}; an integer of at least 0 is needed`)
      }
      const added = template.reduce((sum, part) => sum + ('ids' in part ? part.ids.length : 0), 0)
      room = Math.max(0, maxLength - added)
      if (added > maxLength) {
        throw new TokenizerError(
          `encodeFull: maxLength is ${maxLength}, but ${added} special tokens are added; at least ${added} is needed`,
        )
      }
    }
    return assembled(truncated(sequences, room, lengths), template, (id) => this.idToToken(id))
  }

  /** Tokenizes one text, without special tokens. */
  private sequence(
    name: string,
    text: string | Uint8Array,
    options: HuggingFaceEncodeOptions & { unit?: OffsetUnit },
  ): SequenceTokens {
    const given = typeof text === 'string' || !(text instanceof Uint8Array) ? text : textFromBytes(text)
    const run = this.tokenize(name, given, options, true)
    const offsets: [number, number][] = []
    for (let k = 0; k < run.count; k++) offsets.push([run.starts[k], run.ends[k]])
    checkUnit(options.unit)
    if (options.unit === 'codePoint') toCodePointOffsets(given, offsets)
    const pieces = offsets.map((_, k) => run.spelt.get(k) ?? this.idToToken(run.ids[k]))
    const { trim } = this.post
    if (trim) {
      offsets.forEach((pair, k) => {
        trimOffsets(pieces[k], pair, trim.prefix && (k === 0 || pair[0] === 0))
      })
    }
    const wordIds = new Int32Array(run.count)
    this.words.forEach((end, word) => {
      wordIds.fill(word, word > 0 ? this.words[word - 1] : 0, end)
    })
    return { ids: run.ids.slice(0, run.count), pieces, offsets, wordIds }
  }

  /**
   * Decodes ids to text.
   * @param options `skipSpecialTokens`: omits special tokens. Default false.
   * @throws TokenizerError where an id is not in the vocabulary
   */
  decode(ids: ArrayLike<number>, options: { skipSpecialTokens?: boolean } = {}): string {
    checkIds(ids)
    const tokens: string[] = []
    for (let k = 0; k < ids.length; k++) {
      const token = this.idToToken(ids[k])
      if (!(options.skipSpecialTokens && this.addedByContent.get(token)?.special)) tokens.push(token)
    }
    return this.decoder.step(tokens).join('')
  }

  /** A streaming decoder, which never returns part of a character. */
  decodeStream(options: { skipSpecialTokens?: boolean } = {}): TextDecodeStream {
    const isSpecial = (token: string) => this.addedByContent.get(token)?.special === true
    return new TextDecodeStream((id) => {
      const token = this.idToToken(id)
      return options.skipSpecialTokens && isSpecial(token) ? undefined : token
    }, this.decoder)
  }

  /** @throws TokenizerError where the id is not in the vocabulary */
  idToToken(id: number): string {
    const token = this.addedById.get(id)?.content ?? this.model.tokenOf(id)
    if (token === undefined) {
      throw new TokenizerError(`id ${id} is not in the vocabulary; ids are 0 to ${this.vocabSize - 1}`)
    }
    return token
  }

  /** The id of a token, or -1 where it is not in the vocabulary. */
  tokenToId(token: string): number {
    return this.addedByContent.get(token)?.id ?? this.model.idOf(token) ?? -1
  }

  /** The texts of the special tokens. */
  specialTokens(): string[] {
    return [...this.addedByContent.values()].filter(({ special }) => special).map(({ content }) => content)
  }

  private tokenize(name: string, text: unknown, options: HuggingFaceEncodeOptions, track: boolean): TokenRun {
    if (typeof text !== 'string' && !(text instanceof Uint8Array)) {
      throw new TokenizerError(`${name}: a string or UTF-8 bytes are needed, got ${typeof text}`)
    }
    checkOptions(name, options, ENCODE_OPTIONS)
    const given = typeof text === 'string' ? wellFormed(text) : textFromBytes(text)
    const dropout = this.model instanceof BpeModel ? dropoutOf(name, options, this.model.dropout) : undefined
    const run = this.run
    if (run.ids.length > 1 << 20) Object.assign(run, new TokenRun())
    run.clear()
    this.words = []
    const barred = this.barred(options.special ?? 'none')
    const parts = this.added.split(AlignedText.of(given, track || this.origins), options.special ?? 'none')
    for (const part of parts) {
      if (part.id >= 0) {
        const { text } = part.text
        if (text !== this.addedById.get(part.id)?.content) run.spelt.set(run.count, text)
        run.push(part.id, 0, text.length)
        this.place(part.text, run, run.count - 1)
        if (track) this.words.push(run.count)
        continue
      }
      for (const piece of this.cut ? this.cut(part.text) : [part.text]) {
        const from = run.count
        this.model.tokenize(piece.text, run, barred, dropout)
        this.place(piece, run, from)
        if (track) this.words.push(run.count)
      }
    }
    return run
  }

  /** Ids of special tokens in the model's vocabulary that are not recognised in text. */
  private barred(allowed: SpecialInText): ReadonlySet<number> | undefined {
    if (allowed === 'all' || this.specialIds.size === 0) return undefined
    if (allowed === 'none') return this.specialIds
    return new Set([...this.specialIds].filter((id) => !allowed.includes(this.idToToken(id))))
  }

  /** Maps the offsets of the tokens from `from` on from a part of the text to the original text. */
  private place({ starts, ends }: AlignedText, run: TokenRun, from: number): void {
    if (!starts || !ends) return
    for (let k = from; k < run.count; k++) {
      const start = run.starts[k]
      const end = run.ends[k]
      run.starts[k] = starts[start]
      run.ends[k] = ends[end - 1]
    }
  }
}

const NO_SPECIALS = { before: [] as number[], after: [] as number[] }
