/** Encoding of rendered chat templates: text that contains special tokens. */
import type { HuggingFaceTokenizer } from '../huggingface/hugging-face-tokenizer.ts'
import type { Tokenizer } from '../sentencepiece/tokenizer.ts'

/** Ids with their offsets in the text. */
export interface SpelledEncoding {
  readonly ids: Int32Array
  /** [start, end) in UTF-16 units. */
  readonly offsets: readonly (readonly [start: number, end: number])[]
}

/** The functions of a tokenizer that chat formats need. */
export interface ChatEncoder {
  /** The id of a special token; undefined where the tokenizer does not have it. */
  specialId(token: string): number | undefined
  /** Encodes plain text; special tokens are not recognised in it. */
  encodeText(text: string): Int32Array
  /** Encodes text in which special tokens are recognised. */
  encodeSpelled(text: string): SpelledEncoding
  decode(ids: ArrayLike<number>): string
  decodeStream(): { push(id: number): string; end(): string }
}

/**
 * A tokenizer that recognises special tokens in text: those given, and those that its file marks as special. A
 * SentencePiece model encodes each part between them as a separate text, as Hugging Face's tokenizers do.
 * @param special special tokens named by tokenizer_config.json, for SentencePiece models
 * @example
 * const encoder = chatEncoder(loadTokenizer(model), ['</s>'])
 * const template = loadChatTemplate({ chat_template: '{{ messages[0].content }}</s>' })
 * const { ids } = template.apply([{ role: 'user', content: '木' }], { encoder })
 * ids.at(-1) // 2
 */
export function chatEncoder(tokenizer: Tokenizer | HuggingFaceTokenizer, special: Iterable<string> = []): ChatEncoder {
  if ('tokenToId' in tokenizer) {
    const known = new Set(tokenizer.specialTokens())
    return {
      specialId(token) {
        const id = tokenizer.tokenToId(token)
        return id >= 0 && known.has(token) ? id : undefined
      },
      encodeText: (text) => tokenizer.encode(text),
      encodeSpelled: (text) => tokenizer.encodeWithOffsets(text, { special: 'all' }),
      decode: (ids) => tokenizer.decode(ids),
      decodeStream: () => tokenizer.decodeStream(),
    }
  }
  const { vocabSize } = tokenizer
  const names = new Map<string, number>()
  for (let id = 0; id < Math.min(vocabSize, 4096); id++) {
    const kind = tokenizer.pieceType(id)
    if (kind === 'control' || kind === 'userDefined') names.set(tokenizer.idToPiece(id), id)
  }
  for (const token of special) {
    const id = tokenizer.pieceToId(token)
    if (tokenizer.idToPiece(id) === token) names.set(token, id)
  }
  const pattern = new RegExp(
    [...names.keys()]
      .filter((name) => name.length > 0)
      .sort((a, b) => b.length - a.length)
      .map((name) => name.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
      .join('|') || '(?!)',
    'g',
  )
  return {
    specialId: (token) => names.get(token),
    encodeText: (text) => tokenizer.encode(text),
    encodeSpelled(text) {
      const ids: number[] = []
      const offsets: [number, number][] = []
      const plain = (from: number, to: number) => {
        if (from === to) return
        const part = tokenizer.encodeWithOffsets(text.slice(from, to))
        for (const id of part.ids) ids.push(id)
        for (const [start, end] of part.offsets) offsets.push([from + start, from + end])
      }
      let at = 0
      for (const match of text.matchAll(pattern)) {
        plain(at, match.index)
        ids.push(names.get(match[0])!)
        offsets.push([match.index, match.index + match[0].length])
        at = match.index + match[0].length
      }
      plain(at, text.length)
      return { ids: Int32Array.from(ids), offsets }
    },
    decode: (ids) => tokenizer.decode(ids),
    decodeStream: () => tokenizer.decodeStream(),
  }
}
