/** Added tokens of a tokenizer.json, which are matched in text before the model runs. */
import { checkOptions } from '../check-options.ts'
import { joinTexts } from '../sentencepiece/piece-list.ts'
import { buildPieceTrie, longestPrefix, type PieceTrie } from '../sentencepiece/piece-trie.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { AlignedText } from './aligned-text.ts'
import { asFlag, asIndex, asList, asRecord, asText } from './json-value.ts'
import { classSource, Dialect } from './pattern/character-set.ts'
import type { Rewrite } from './rewrite.ts'

/** A token that is matched in text before the model runs; fields as in Hugging Face's `AddedToken`. */
export type AddedToken = {
  id: number
  content: string
  special: boolean
  singleWord: boolean
  lstrip: boolean
  rstrip: boolean
  normalized: boolean
}

/** A token to add. Flags default to false, except `normalized`, which defaults to the opposite of `special`. */
export type NewToken = { content: string } & Partial<Omit<AddedToken, 'id' | 'content'>>

const FLAGS = ['special', 'singleWord', 'lstrip', 'rstrip', 'normalized'] as const

/** @throws TokenizerError where the token has no text, or a flag is not a boolean */
export function newToken(given: string | NewToken): Omit<AddedToken, 'id'> {
  const token = typeof given === 'string' ? { content: given } : given
  if (typeof token !== 'object' || token === null || typeof token.content !== 'string' || token.content === '') {
    throw new TokenizerError('addTokens: a token must be a non-empty string, or an object with one as content')
  }
  checkOptions('addTokens', token, ['content', ...FLAGS])
  for (const name of FLAGS) {
    if (token[name] !== undefined && typeof token[name] !== 'boolean') {
      throw new TokenizerError(
        `addTokens: ${name} of ${JSON.stringify(token.content)} is ${token[name]}; true or false is needed`,
      )
    }
  }
  const { content, special = false, singleWord = false, lstrip = false, rstrip = false, normalized = !special } = token
  return { content, special, singleWord, lstrip, rstrip, normalized }
}

/** A part of a text: an added token, or text for the model (`id` -1). */
export type TextPart = { text: AlignedText; id: number }

/** Which special tokens are recognised in text: all, none, or those listed. */
export type SpecialInText = 'all' | 'none' | readonly string[]

/** @param most largest id allowed */
export function readAddedTokens(value: unknown, most: number): AddedToken[] {
  if (value === null || value === undefined) return []
  const seen = new Map<string, number>()
  return asList(value, 'added_tokens').map((entry, k) => {
    const where = `added_tokens[${k}]`
    const token = asRecord(entry, where)
    const content = asText(token.content, `${where}.content`)
    if (content === '') throw new TokenizerError(`tokenizer.json: ${where}.content is empty; it needs text`)
    const before = seen.get(content)
    if (before !== undefined) {
      throw new TokenizerError(`tokenizer.json: added_tokens[${before}] and [${k}] are both ${JSON.stringify(content)}`)
    }
    seen.set(content, k)
    const flag = (name: string) => asFlag(token[name], `${where}.${name}`, false)
    const special = flag('special')
    return {
      id: asIndex(token.id, `${where}.id`, most),
      content,
      special,
      singleWord: flag('single_word'),
      lstrip: flag('lstrip'),
      rstrip: flag('rstrip'),
      normalized: asFlag(token.normalized, `${where}.normalized`, !special),
    }
  })
}

/**
 * Splits text at added tokens: first at those with `normalized: false` in the original text, then at the others in the
 * normalised text between. At each position the longest token matches.
 * @see https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/tokenizer/added_vocabulary.rs
 */
export class AddedTokens {
  private readonly raw: Finder
  private readonly normalized: Finder
  private readonly normalize: Rewrite

  constructor(tokens: readonly AddedToken[], normalize: Rewrite) {
    this.normalize = normalize
    this.raw = new Finder(
      tokens.filter(({ normalized }) => !normalized),
      (token) => token.content,
    )
    this.normalized = new Finder(
      tokens.filter(({ normalized }) => normalized),
      (token) => normalize(AlignedText.of(token.content, false)).text,
    )
  }

  split(text: AlignedText, allowed: SpecialInText): TextPart[] {
    const parts: TextPart[] = []
    for (const part of this.raw.split(text, allowed)) {
      if (part.id >= 0) parts.push(part)
      else for (const found of this.normalized.split(this.normalize(part.text), allowed)) parts.push(found)
    }
    return parts
  }
}

/** `\w` of Rust's regex, which decides where a `single_word` token may match. */
const WORD = new RegExp(classSource(Dialect.rust.word), 'u')

/** Splits text at the tokens of one list. */
class Finder {
  private readonly tokens: readonly AddedToken[]
  private readonly trie: PieceTrie | undefined
  private readonly indexOf: Map<string, number>
  /** By UTF-16 unit: 1 where a token begins with it. */
  private readonly begins = new Uint8Array(0x10000)

  constructor(tokens: readonly AddedToken[], textOf: (token: AddedToken) => string) {
    this.tokens = tokens
    const texts = tokens.map(textOf)
    const kept = Int32Array.from(texts.keys()).filter((k) => texts[k] !== '')
    this.indexOf = new Map(Array.from(kept, (k) => [texts[k], k]))
    for (const k of kept) this.begins[texts[k].charCodeAt(0)] = 1
    this.trie = kept.length > 0 ? buildPieceTrie(joinTexts(texts), kept) : undefined
  }

  split(whole: AlignedText, allowed: SpecialInText): TextPart[] {
    const { text } = whole
    const trie = this.trie
    if (text === '') return []
    if (!trie) return [{ text: whole, id: -1 }]
    const parts: TextPart[] = []
    let done = 0
    for (let i = 0; i < text.length; ) {
      const length =
        this.begins[text.charCodeAt(i)] === 1 ? longestPrefix(trie, (k) => text.charCodeAt(k), i, text.length) : 0
      if (length === 0) {
        i++
        continue
      }
      const token = this.tokens[this.indexOf.get(text.slice(i, i + length))!]
      let from = i
      let to = i + length
      i = to
      if (token.special && !(allowed === 'all' || (allowed !== 'none' && allowed.includes(token.content)))) continue
      if (token.singleWord && (isWord(text, before(text, from)) || isWord(text, to))) continue
      if (token.lstrip) while (from > done && /\p{White_Space}/u.test(text[from - 1])) from--
      if (token.rstrip) while (to < text.length && /\p{White_Space}/u.test(text[to])) to++
      if (from > done) parts.push({ text: whole.slice(done, from), id: -1 })
      parts.push({ text: whole.slice(from, to), id: token.id })
      done = i = to
    }
    if (done < text.length) parts.push({ text: whole.slice(done, text.length), id: -1 })
    return parts
  }
}

/** Start of the character before `at`; -1 at the start of the text. */
function before(text: string, at: number): number {
  return at > 1 && text.codePointAt(at - 2)! > 0xffff ? at - 2 : at - 1
}

function isWord(text: string, at: number): boolean {
  return at >= 0 && at < text.length && WORD.test(String.fromCodePoint(text.codePointAt(at)!))
}
