/** Decoding of ids that come one at a time. */
import { fromByteAlphabet } from './byte-alphabet.ts'
import { type Decoder, isByteToken } from './decoders.ts'

/** Tokens of bytes that may be waited for, where other steps work on their text. */
const LONGEST_HALF = 8

/**
 * Decodes ids one at a time, each in the same time. What `push` returns is final: bytes of a character that is not whole yet are
 * held back, and of a decoder with byte fallback the bytes of a run, of which a later one decides whether they are text at all.
 */
export class TextDecodeStream {
  readonly #tokenOf: (id: number) => string | undefined
  readonly #decoder: Decoder
  /** Where tokens are nothing but bytes, their text becomes certain character by character. */
  #utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  /** The tokens of the last text shown: they decide how the next ones are joined to it. */
  #context: string[] = []
  #pending: string[] = []

  /** @param tokenOf the token of an id, or undefined for one that is left out */
  constructor(tokenOf: (id: number) => string | undefined, decoder: Decoder) {
    this.#tokenOf = tokenOf
    this.#decoder = decoder
  }

  /**
   * @returns the text that has become certain with this id, possibly empty
   * @throws TokenizerError where the id is not in the vocabulary; the stream is as before
   */
  push(id: number): string {
    const token = this.#tokenOf(id)
    if (token === undefined) return ''
    if (this.#decoder.kind === 'bytes') return this.#utf8.decode(fromByteAlphabet(token), { stream: true })
    this.#pending.push(token)
    if (isByteToken(token)) return ''
    const text = this.#text()
    if (text === '') return ''
    if (this.#decoder.kind === 'mixed' && text.endsWith('\ufffd') && this.#pending.length < LONGEST_HALF) return ''
    this.#context = this.#pending
    this.#pending = []
    return text
  }

  /** @returns what was held back; the stream is ready for another text */
  end(): string {
    if (this.#decoder.kind === 'bytes') return this.#utf8.decode()
    const text = this.#pending.length > 0 ? this.#text() : ''
    this.#context = []
    this.#pending = []
    return text
  }

  #text(): string {
    const decode = (tokens: string[]) => this.#decoder.step(tokens).join('')
    const before = this.#context.length > 0 ? decode(this.#context) : ''
    return decode([...this.#context, ...this.#pending]).slice(before.length)
  }
}
