/**
 * Text on its way through normalisation, with the part of the original that each UTF-16 unit comes from.
 * The rules of which original a rewritten character belongs to are those of Hugging Face's `NormalizedString`.
 * @see https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/tokenizer/normalizer.rs
 */
export class AlignedText {
  readonly text: string
  /** By unit: where its original starts and ends (UTF-16 units of the given text); undefined where not wanted. */
  readonly starts: Int32Array | undefined
  readonly ends: Int32Array | undefined

  constructor(text: string, starts: Int32Array | undefined, ends: Int32Array | undefined) {
    this.text = text
    this.starts = starts
    this.ends = ends
  }

  /** Text as given: every character is its own original. */
  static of(text: string, track: boolean): AlignedText {
    if (!track) return new AlignedText(text, undefined, undefined)
    const starts = new Int32Array(text.length)
    const ends = new Int32Array(text.length)
    for (let i = 0; i < text.length; ) {
      const size = text.codePointAt(i)! > 0xffff ? 2 : 1
      for (let k = 0; k < size; k++) {
        starts[i + k] = i
        ends[i + k] = i + size
      }
      i += size
    }
    return new AlignedText(text, starts, ends)
  }

  slice(from: number, to: number): AlignedText {
    if (from === 0 && to === this.text.length) return this
    return new AlignedText(this.text.slice(from, to), this.starts?.subarray(from, to), this.ends?.subarray(from, to))
  }
}

/** Puts a rewritten text together. */
export class AlignedBuilder {
  readonly #from: AlignedText
  readonly #parts: string[] = []
  readonly #starts: number[] = []
  readonly #ends: number[] = []

  constructor(from: AlignedText) {
    this.#from = from
  }

  /** Keeps units `from` to `to`. */
  keep(from: number, to: number): void {
    if (from === to) return
    this.#parts.push(this.#from.text.slice(from, to))
    const { starts, ends } = this.#from
    if (!starts || !ends) return
    for (let i = from; i < to; i++) {
      this.#starts.push(starts[i])
      this.#ends.push(ends[i])
    }
  }

  /** Writes `text` with the original of unit `at`; before the first unit there is nothing, at the start of the text. */
  write(text: string, at: number): void {
    this.#parts.push(text)
    const { starts, ends } = this.#from
    if (!starts || !ends) return
    const start = at < 0 ? (starts[0] ?? 0) : starts[at]
    const end = at < 0 ? start : ends[at]
    for (let i = 0; i < text.length; i++) {
      this.#starts.push(start)
      this.#ends.push(end)
    }
  }

  build(): AlignedText {
    const track = this.#from.starts !== undefined
    return new AlignedText(
      this.#parts.join(''),
      track ? Int32Array.from(this.#starts) : undefined,
      track ? Int32Array.from(this.#ends) : undefined,
    )
  }
}

/** The text with U+FFFD for each half of a surrogate pair that stands alone. */
export function wellFormed(text: string): string {
  return /\p{Surrogate}/u.test(text) ? text.replaceAll(/\p{Surrogate}/gu, '\ufffd') : text
}
