/** Decoding of ids that come one at a time. */
import { TokenizerError } from '../tokenizer-error.ts'
import { decodeCharacter, isIncompleteCharacter } from '../utf8.ts'
import { PieceType } from './model-file.ts'
import type { Vocabulary } from './vocabulary.ts'

/** What decoding has to know of a model besides its vocabulary. */
export type DecodeRules = {
  /** Written for the unknown piece. */
  unkSurface: string
  /** The space mark that begins the text is the dummy prefix: one is taken off, or (`'all'`) however many there are. */
  stripLeading: 'none' | 'one' | 'all'
}

/**
 * Decodes ids one at a time. What `push` returns is final: bytes of a character that is not whole yet are held back
 * (at most three), and bytes that can no longer become a character are one U+FFFD each.
 */
export class DecodeStream {
  readonly #vocabulary: Vocabulary
  readonly #rules: DecodeRules
  readonly #finish: ((text: string) => string) | undefined
  readonly #bytes = new Uint8Array(4)
  #held = 0
  #started = false
  #stripped = false
  #whole = ''

  /** @param finish a rewriting of the whole text, which then comes out only at `end` */
  constructor(vocabulary: Vocabulary, rules: DecodeRules, finish?: (text: string) => string) {
    this.#vocabulary = vocabulary
    this.#rules = rules
    this.#finish = finish
  }

  /**
   * @returns the text that has become certain with this id, possibly empty
   * @throws TokenizerError where the id is not in the vocabulary; the stream is as before
   */
  push(id: number): string {
    const text = this.#append(id)
    if (!this.#finish) return text
    this.#whole += text
    return ''
  }

  /** The text of a piece that the vocabulary does not have: as it is. */
  pushText(piece: string): string {
    const text = this.#dropBytes() + piece
    if (text !== '') this.#started = true
    if (!this.#finish) return text
    this.#whole += text
    return ''
  }

  /** @returns what was held back; the stream is ready for another text */
  end(): string {
    let text = this.#dropBytes()
    if (this.#finish) text = this.#finish(this.#whole + text)
    this.#started = this.#stripped = false
    this.#whole = ''
    return text
  }

  #append(id: number): string {
    const { types, pieces, bytes } = this.#vocabulary
    const type = types[id]
    if (type === undefined) {
      throw new TokenizerError(`decode: id ${id} is not in the vocabulary; 0 to ${pieces.length - 1} are`)
    }
    if (type === PieceType.byte) return this.#pushByte(bytes[id])
    let text = this.#held > 0 ? this.#dropBytes() : ''
    if (text !== '') this.#started = true
    const atBeginning = !this.#started && !this.#stripped
    if (type === PieceType.control) return text
    if (type === PieceType.unknown) {
      text += this.#rules.unkSurface
    } else {
      let piece = pieces[id]
      if (atBeginning && this.#rules.stripLeading !== 'none' && piece.charCodeAt(0) === 0x2581) {
        piece = piece.slice(1)
        this.#stripped = this.#rules.stripLeading === 'one'
      }
      text += piece.includes('\u2581') ? piece.replaceAll('\u2581', ' ') : piece
    }
    if (text !== '') this.#started = true
    return text
  }

  #pushByte(byte: number): string {
    const bytes = this.#bytes
    bytes[this.#held++] = byte
    let text = ''
    while (this.#held > 0) {
      const decoded = decodeCharacter(bytes, 0, this.#held)
      if (decoded >= 0) {
        text += String.fromCodePoint(decoded >> 3)
        this.#shift(decoded & 7)
      } else if (isIncompleteCharacter(bytes, 0, this.#held)) {
        break
      } else {
        text += '\ufffd'
        this.#shift(1)
      }
    }
    if (text !== '') this.#started = true
    return text
  }

  /** The bytes held back can no longer become a character. */
  #dropBytes(): string {
    const text = '\ufffd'.repeat(this.#held)
    this.#held = 0
    return text
  }

  #shift(count: number): void {
    this.#bytes.copyWithin(0, count, this.#held)
    this.#held -= count
  }
}
