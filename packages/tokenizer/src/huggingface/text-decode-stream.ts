import { isByteToken } from './decoders.ts'

/**
 * Decodes ids one at a time. A run of bytes, and text that ends in U+FFFD, are held back until what follows decides them, so
 * that what `push` returns is final.
 */
export class TextDecodeStream {
  readonly #tokenOf: (id: number) => string | undefined
  readonly #decode: (tokens: string[]) => string
  /** The tokens of the last text shown: they decide how the next ones are joined to it. */
  #context: string[] = []
  #pending: string[] = []

  /** @param tokenOf the token of an id, or undefined for one that is left out */
  constructor(tokenOf: (id: number) => string | undefined, decode: (tokens: string[]) => string) {
    this.#tokenOf = tokenOf
    this.#decode = decode
  }

  /**
   * @returns the text that has become certain with this id, possibly empty
   * @throws TokenizerError where the id is not in the vocabulary; the stream is as before
   */
  push(id: number): string {
    const token = this.#tokenOf(id)
    if (token === undefined) return ''
    this.#pending.push(token)
    if (isByteToken(token)) return ''
    const text = this.#text()
    if (text === '' || text.endsWith('\ufffd')) return ''
    this.#context = this.#pending
    this.#pending = []
    return text
  }

  /** @returns what was held back; the stream is ready for another text */
  end(): string {
    const text = this.#pending.length > 0 ? this.#text() : ''
    this.#context = []
    this.#pending = []
    return text
  }

  #text(): string {
    const before = this.#context.length > 0 ? this.#decode(this.#context) : ''
    return this.#decode([...this.#context, ...this.#pending]).slice(before.length)
  }
}
