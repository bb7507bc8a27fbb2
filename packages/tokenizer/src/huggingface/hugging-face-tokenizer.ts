import type { Encoding, OffsetUnit } from '../encoding.ts'
import { toCodePointOffsets } from '../encoding.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { textFromBytes } from '../utf8.ts'
import { type AddedToken, AddedTokens, readAddedTokens, type SpecialInText } from './added-tokens.ts'
import { AlignedText } from './aligned-text.ts'
import { BpeModel } from './bpe-model.ts'
import { type Decoder, readDecoder } from './decoders.ts'
import { asRecord, asText, parseJson, unsupported } from './json-value.ts'
import { readNormalizer } from './normalizers.ts'
import { type PostProcessor, readPostProcessor, trimOffsets } from './post-processors.ts'
import { type Cut, needsOrigins, readPreTokenizer } from './pre-tokenizers.ts'
import { TextDecodeStream } from './text-decode-stream.ts'
import { type TokenModel, TokenRun } from './token-run.ts'
import { UnigramModel } from './unigram-model.ts'

/** How a text is encoded. */
export type HuggingFaceEncodeOptions = {
  /** Whether the post-processor's special tokens (of beginning and end) are added. Default false. */
  addSpecialTokens?: boolean
  /**
   * Which special tokens the text itself may spell. Default `'none'`: text that looks like `<s>` is text.
   * Hugging Face's own default is what `'all'` does.
   */
  special?: SpecialInText
}

/**
 * Loads a Hugging Face `tokenizer.json`: a Unigram or BPE model with its normalizers, pre-tokenizers, post-processor, decoder
 * and added tokens. `truncation` and `padding` of the file are not applied.
 * @param source UTF-8 bytes, or the text
 * @throws TokenizerError where the file is broken, or names a part that is not supported
 */
export function loadHuggingFaceTokenizer(source: Uint8Array | string): HuggingFaceTokenizer {
  return new HuggingFaceTokenizer(source)
}

/** A tokenizer from a `tokenizer.json`, with the ids of Hugging Face's own. One instance serves one thread. */
export class HuggingFaceTokenizer {
  /** One more than the largest id, added tokens included. */
  readonly vocabSize: number
  readonly modelType: 'unigram' | 'bpe'
  readonly #model: TokenModel
  readonly #added: AddedTokens
  readonly #addedById = new Map<number, AddedToken>()
  readonly #addedByContent = new Map<string, AddedToken>()
  readonly #cut: Cut | undefined
  readonly #origins: boolean
  readonly #post: PostProcessor
  readonly #decoder: Decoder
  /** Special tokens that the model itself would find in text. */
  readonly #specialIds = new Set<number>()
  readonly #run = new TokenRun()

  constructor(source: Uint8Array | string) {
    const file = asRecord(parseJson(source), 'the file')
    const model = asRecord(file.model, 'model')
    // Old files of BPE models have no type.
    const type = model.type === undefined && model.merges !== undefined ? 'BPE' : asText(model.type, 'model.type')
    if (type !== 'Unigram' && type !== 'BPE') throw unsupported('model', type, ['Unigram', 'BPE'])
    this.modelType = type === 'BPE' ? 'bpe' : 'unigram'
    this.#model = type === 'BPE' ? new BpeModel(model) : new UnigramModel(model)
    const normalize = readNormalizer(file.normalizer, 'normalizer')
    this.#cut = readPreTokenizer(file.pre_tokenizer, 'pre_tokenizer')
    this.#origins = needsOrigins(file.pre_tokenizer)
    this.#post = readPostProcessor(file.post_processor, 'post_processor')
    this.#decoder = readDecoder(file.decoder, 'decoder')
    const tokens = readAddedTokens(file.added_tokens, this.#model.size * 8 + 0x10000)
    let size = this.#model.size
    for (const token of tokens) {
      this.#addedById.set(token.id, token)
      this.#addedByContent.set(token.content, token)
      size = Math.max(size, token.id + 1)
      const known = token.special ? this.#model.idOf(token.content) : undefined
      if (known !== undefined) this.#specialIds.add(known)
    }
    this.vocabSize = size
    this.#added = new AddedTokens(tokens, normalize)
    for (const id of [...this.#post.before, ...this.#post.after]) this.idToToken(id)
  }

  /**
   * The ids of a text.
   * @param text a string (a lone surrogate is U+FFFD), or UTF-8 bytes (each byte outside a character is U+FFFD)
   */
  encode(text: string | Uint8Array, options: HuggingFaceEncodeOptions = {}): Int32Array {
    const run = this.#tokenize('encode', text, options, false)
    const { before, after } = options.addSpecialTokens ? this.#post : NO_SPECIALS
    const ids = new Int32Array(before.length + run.count + after.length)
    ids.set(before)
    ids.set(run.ids.subarray(0, run.count), before.length)
    ids.set(after, before.length + run.count)
    return ids
  }

  /**
   * The ids of a text with the token and the part of the text for each; tokens that are added cover nothing (0 to 0).
   * @param options `unit`: what offsets count, UTF-16 units (the default) or code points
   */
  encodeWithOffsets(
    text: string | Uint8Array,
    options: HuggingFaceEncodeOptions & { unit?: OffsetUnit } = {},
  ): Encoding {
    const given = typeof text === 'string' ? text : textFromBytes(text)
    const run = this.#tokenize('encodeWithOffsets', given, options, true)
    const { before, after } = options.addSpecialTokens ? this.#post : NO_SPECIALS
    const offsets: [number, number][] = []
    for (let k = 0; k < run.count; k++) offsets.push([run.starts[k], run.ends[k]])
    if (options.unit === 'codePoint') toCodePointOffsets(given, offsets)
    const tokens = offsets.map((_, k) => run.spelt.get(k) ?? this.idToToken(run.ids[k]))
    const { trim } = this.#post
    if (trim) {
      offsets.forEach((pair, k) => {
        trimOffsets(tokens[k], pair, trim.prefix && (k === 0 || pair[0] === 0))
      })
    }
    const ids = Int32Array.from([...before, ...run.ids.subarray(0, run.count), ...after])
    const nothing = (): [number, number] => [0, 0]
    return {
      ids,
      pieces: [...before.map((id) => this.idToToken(id)), ...tokens, ...after.map((id) => this.idToToken(id))],
      offsets: [...before.map(nothing), ...offsets, ...after.map(nothing)],
    }
  }

  /**
   * The text of ids.
   * @param options `skipSpecialTokens`: special tokens are left out. Default false.
   * @throws TokenizerError where an id is not in the vocabulary
   */
  decode(ids: ArrayLike<number>, options: { skipSpecialTokens?: boolean } = {}): string {
    const tokens: string[] = []
    for (let k = 0; k < ids.length; k++) {
      const token = this.idToToken(ids[k])
      if (!(options.skipSpecialTokens && this.#addedByContent.get(token)?.special)) tokens.push(token)
    }
    return this.#decoder.step(tokens).join('')
  }

  /** A decoder for ids that come one at a time; it never shows half a character. */
  decodeStream(options: { skipSpecialTokens?: boolean } = {}): TextDecodeStream {
    const isSpecial = (token: string) => this.#addedByContent.get(token)?.special === true
    return new TextDecodeStream((id) => {
      const token = this.idToToken(id)
      return options.skipSpecialTokens && isSpecial(token) ? undefined : token
    }, this.#decoder)
  }

  /** @throws TokenizerError where the id is not in the vocabulary */
  idToToken(id: number): string {
    const token = this.#addedById.get(id)?.content ?? this.#model.tokenOf(id)
    if (token === undefined) {
      throw new TokenizerError(`id ${id} is not in the vocabulary; ids are 0 to ${this.vocabSize - 1}`)
    }
    return token
  }

  /** The id of a token, or -1 where there is none. */
  tokenToId(token: string): number {
    return this.#addedByContent.get(token)?.id ?? this.#model.idOf(token) ?? -1
  }

  /** The texts of the special tokens. */
  specialTokens(): string[] {
    return [...this.#addedByContent.values()].filter(({ special }) => special).map(({ content }) => content)
  }

  #tokenize(name: string, text: unknown, options: HuggingFaceEncodeOptions, track: boolean): TokenRun {
    if (typeof text !== 'string' && !(text instanceof Uint8Array)) {
      throw new TokenizerError(`${name}: a string or UTF-8 bytes are needed, got ${typeof text}`)
    }
    const given = typeof text === 'string' ? wellFormed(text) : textFromBytes(text)
    const run = this.#run
    if (run.ids.length > 1 << 20) Object.assign(run, new TokenRun())
    run.clear()
    const barred = this.#barred(options.special ?? 'none')
    const parts = this.#added.split(AlignedText.of(given, track || this.#origins), options.special ?? 'none')
    for (const part of parts) {
      if (part.id >= 0) {
        const { text } = part.text
        if (text !== this.#addedById.get(part.id)?.content) run.spelt.set(run.count, text)
        run.push(part.id, 0, text.length)
        this.#place(part.text, run, run.count - 1)
        continue
      }
      for (const piece of this.#cut ? this.#cut(part.text) : [part.text]) {
        const from = run.count
        this.#model.tokenize(piece.text, run, barred)
        this.#place(piece, run, from)
      }
    }
    return run
  }

  /** The ids of special tokens that are in the vocabulary of the model and that text may not spell. */
  #barred(allowed: SpecialInText): ReadonlySet<number> | undefined {
    if (allowed === 'all' || this.#specialIds.size === 0) return undefined
    if (allowed === 'none') return this.#specialIds
    return new Set([...this.#specialIds].filter((id) => !allowed.includes(this.idToToken(id))))
  }

  /** Turns units of a part of the text, for the tokens from `from` on, into those of the text as given. */
  #place({ starts, ends }: AlignedText, run: TokenRun, from: number): void {
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

function wellFormed(text: string): string {
  return /\p{Surrogate}/u.test(text) ? text.replaceAll(/\p{Surrogate}/gu, '\ufffd') : text
}
