/** Streaming decoder of a SentencePiece model. */
import { TokenizerError } from '../tokenizer-error.ts'
import { decodeCharacter, isIncompleteCharacter } from '../utf8.ts'
import { PieceType } from './model-file.ts'
import type { Vocabulary } from './vocabulary.ts'

/** Settings of a model that decoding needs besides the vocabulary. */
export type DecodeRules = {
  /** Text written for the unknown piece. */
  unkSurface: string
  /** Which leading space marks are removed as the dummy prefix: one, or all of them. */
  stripLeading: 'none' | 'one' | 'all'
}

/**
 * Decodes ids one at a time. What `push` returns is final: bytes of an incomplete character (at most three) are held
 * back, and each byte that is not part of valid UTF-8 becomes one U+FFFD.
 */
export class DecodeStream {
  private readonly vocabulary: Vocabulary
  private readonly rules: DecodeRules
  private readonly finish: ((text: string) => string) | undefined
  private readonly bytes = new Uint8Array(4)
  private held = 0
  private started = false
  private stripped = false
  private whole = ''

  /** @param finish rewrites the whole text (denormalisation), which `end` then returns all at once */
  constructor(vocabulary: Vocabulary, rules: DecodeRules, finish?: (text: string) => string) {
    this.vocabulary = vocabulary
    this.rules = rules
    this.finish = finish
  }

  /**
   * @returns the text completed by this id, possibly empty
   * @throws TokenizerError where the id is not in the vocabulary; the state of the stream does not change
   */
  push(id: number): string {
    const text = this.append(id)
    if (!this.finish) return text
    this.whole += text
    return ''
  }

  /** Appends the text of a piece that is not in the vocabulary, unchanged. @returns as {@link push} */
  pushText(piece: string): string {
    const text = this.dropBytes() + piece
    if (text !== '') this.started = true
    if (!this.finish) return text
    this.whole += text
    return ''
  }

  /** Ends the text and resets the stream for another. @returns the text held back */
  end(): string {
    let text = this.dropBytes()
    if (this.finish) text = this.finish(this.whole + text)
    this.started = this.stripped = false
    this.whole = ''
    return text
  }

  private append(id: number): string {
    const { types, pieces, bytes } = this.vocabulary
    const type = types[id]
    if (type === undefined) {
      throw new TokenizerError(`decode: id ${id} is not in the vocabulary; 0 to ${pieces.size - 1} are`)
    }
    if (type === PieceType.byte) return this.pushByte(bytes[id])
    let text = this.held > 0 ? this.dropBytes() : ''
    if (text !== '') this.started = true
    const atBeginning = !this.started && !this.stripped
    if (type === PieceType.control) return text
    if (type === PieceType.unknown) {
      text += this.rules.unkSurface
    } else {
      let piece = pieces.text(id)
      if (atBeginning && this.rules.stripLeading !== 'none' && piece.charCodeAt(0) === 0x2581) {
        piece = piece.slice(1)
        this.stripped = this.rules.stripLeading === 'one'
      }
      text += piece === pieces.text(id) ? this.vocabulary.surfaceOf(id) : piece.replaceAll('\u2581', ' ')
    }
    if (text !== '') this.started = true
    return text
  }

  private pushByte(byte: number): string {
    const bytes = this.bytes
    bytes[this.held++] = byte
    let text = ''
    while (this.held > 0) {
      const decoded = decodeCharacter(bytes, 0, this.held)
      if (decoded >= 0) {
        text += String.fromCodePoint(decoded >> 3)
        this.shift(decoded & 7)
      } else if (isIncompleteCharacter(bytes, 0, this.held)) {
        break
      } else {
        text += '\ufffd'
        this.shift(1)
      }
    }
    if (text !== '') this.started = true
    return text
  }

  /** Replaces the bytes held back, whose character will not be completed. */
  private dropBytes(): string {
    const text = '\ufffd'.repeat(this.held)
    this.held = 0
    return text
  }

  private shift(count: number): void {
    this.bytes.copyWithin(0, count, this.held)
    this.held -= count
  }
}
