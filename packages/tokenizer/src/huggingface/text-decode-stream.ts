/** Streaming decoder of a tokenizer.json. */
import { fromByteAlphabet } from './byte-alphabet.ts'
import { type Decoder, isByteToken } from './decoders.ts'

/** Maximum number of tokens held back for an incomplete character by decoders of the kind `mixed`. */
const MAX_PENDING = 8

/**
 * Decodes ids one at a time, in constant time each. What `push` returns is final: bytes of an incomplete character are
 * held back, and with byte fallback a whole run of byte tokens, since a later byte decides whether the run is valid
 * UTF-8.
 */
export class TextDecodeStream {
  private readonly tokenOf: (id: number) => string | undefined
  private readonly decoder: Decoder
  /** Decoder of the kind `bytes`, whose output is final character by character. */
  private utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  /** The tokens of the last text returned, on which the spacing of the next ones depends. */
  private context: string[] = []
  private pending: string[] = []

  /** @param tokenOf the token of an id, or undefined for one that is skipped */
  constructor(tokenOf: (id: number) => string | undefined, decoder: Decoder) {
    this.tokenOf = tokenOf
    this.decoder = decoder
  }

  /**
   * @returns the text completed by this id, possibly empty
   * @throws TokenizerError where the id is not in the vocabulary; the state of the stream does not change
   */
  push(id: number): string {
    const token = this.tokenOf(id)
    if (token === undefined) return ''
    if (this.decoder.kind === 'bytes') return this.utf8.decode(fromByteAlphabet(token), { stream: true })
    this.pending.push(token)
    if (isByteToken(token)) return ''
    const text = this.text()
    if (text === '') return ''
    if (this.decoder.kind === 'mixed' && text.endsWith('\ufffd') && this.pending.length < MAX_PENDING) return ''
    this.context = this.pending
    this.pending = []
    return text
  }

  /** Ends the text and resets the stream for another. @returns the text held back */
  end(): string {
    if (this.decoder.kind === 'bytes') return this.utf8.decode()
    const text = this.pending.length > 0 ? this.text() : ''
    this.context = []
    this.pending = []
    return text
  }

  private text(): string {
    const decode = (tokens: string[]) => this.decoder.step(tokens).join('')
    const before = this.context.length > 0 ? decode(this.context) : ''
    return decode([...this.context, ...this.pending]).slice(before.length)
  }
}
