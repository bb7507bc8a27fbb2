/** The WordPiece and WordLevel models of a tokenizer.json. */
import { TokenizerError } from '../tokenizer-error.ts'
import { asIndex, asText, type JsonRecord } from './json-value.ts'
import type { TokenModel, TokenRun } from './token-run.ts'
import { Vocabulary } from './vocabulary.ts'

/** Capacity of the word cache. */
const CACHED_WORDS = 20_000

/**
 * WordPiece: greedy longest-match-first from the start of each word, with the prefix on all pieces but the first; a
 * word that cannot be segmented in this way is unknown as a whole.
 * @see arXiv:2012.15524, section 2
 */
export class WordPieceModel implements TokenModel {
  readonly size: number
  private readonly vocab: Vocabulary
  private readonly unk: string
  private readonly prefix: string
  private readonly longestWord: number
  /** UTF-16 units of the longest token. */
  private readonly longestToken: number
  private readonly cache = new Map<string, number[] | undefined>()

  constructor(model: JsonRecord) {
    this.vocab = new Vocabulary(model)
    this.size = this.vocab.tokens.length
    this.unk = asText(model.unk_token ?? '[UNK]', 'model.unk_token')
    this.prefix = asText(model.continuing_subword_prefix ?? '##', 'model.continuing_subword_prefix')
    this.longestWord = asIndex(model.max_input_chars_per_word ?? 100, 'model.max_input_chars_per_word', 2 ** 31 - 1)
    let longest = 0
    for (const token of this.vocab.ids.keys()) longest = Math.max(longest, token.length)
    this.longestToken = longest
  }

  idOf(token: string): number | undefined {
    return this.vocab.ids.get(token)
  }

  tokenOf(id: number): string | undefined {
    return this.vocab.tokens[id]
  }

  tokenize(text: string, out: TokenRun, barred?: ReadonlySet<number>): void {
    if (text === '') return
    // Barred ids differ from call to call, so the cache is used only without them.
    const keep = !barred || barred.size === 0
    let ends = keep && this.cache.has(text) ? this.cache.get(text) : this.cut(text, barred)
    if (keep && text.length <= this.longestWord) {
      if (this.cache.size >= CACHED_WORDS) this.cache.clear()
      this.cache.set(text, ends)
    }
    if (ends === undefined) {
      const id = this.vocab.ids.get(this.unk)
      if (id === undefined) {
        throw new TokenizerError(
          `encode: ${JSON.stringify(text.slice(0, 20))} is not in the vocabulary, and neither is unk_token ${JSON.stringify(this.unk)}`,
        )
      }
      ends = [id, text.length]
    }
    let start = 0
    for (let k = 0; k < ends.length; k += 2) {
      out.push(ends[k], start, ends[k + 1])
      start = ends[k + 1]
    }
  }

  /** Ids and ends of the pieces, alternating; undefined where the word cannot be segmented. */
  private cut(text: string, barred: ReadonlySet<number> | undefined): number[] | undefined {
    if (text.length > this.longestWord && Array.from(text).length > this.longestWord) return undefined
    const found: number[] = []
    for (let start = 0; start < text.length; ) {
      const prefix = start > 0 ? this.prefix : ''
      let end = Math.min(text.length, start + this.longestToken)
      for (; end > start; end--) {
        // A piece must not end within a surrogate pair.
        if (end < text.length && (text.charCodeAt(end) & 0xfc00) === 0xdc00) continue
        const id = this.vocab.ids.get(prefix + text.slice(start, end))
        if (id === undefined || barred?.has(id)) continue
        found.push(id, end)
        break
      }
      if (end === start) return undefined
      start = end
    }
    return found
  }
}

/** WordLevel: each word is one token, or unknown. */
export class WordLevelModel implements TokenModel {
  readonly size: number
  private readonly vocab: Vocabulary
  private readonly unk: string

  constructor(model: JsonRecord) {
    this.vocab = new Vocabulary(model)
    this.size = this.vocab.tokens.length
    this.unk = asText(model.unk_token ?? '<unk>', 'model.unk_token')
  }

  idOf(token: string): number | undefined {
    return this.vocab.ids.get(token)
  }

  tokenOf(id: number): string | undefined {
    return this.vocab.tokens[id]
  }

  tokenize(text: string, out: TokenRun, barred?: ReadonlySet<number>): void {
    if (text === '') return
    const known = this.vocab.ids.get(text)
    const id = known !== undefined && !barred?.has(known) ? known : this.vocab.ids.get(this.unk)
    if (id === undefined) {
      throw new TokenizerError(
        `encode: ${JSON.stringify(text.slice(0, 20))} is not in the vocabulary, and neither is unk_token ${JSON.stringify(this.unk)}`,
      )
    }
    out.push(id, 0, text.length)
  }
}
