/**
 * Text during normalisation, with the range of the original text that each UTF-16 unit comes from.
 * Rewritten characters are aligned by the rules of Hugging Face's `NormalizedString`.
 * @see https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/tokenizer/normalizer.rs
 */
export class AlignedText {
  readonly text: string
  /**
   * By unit: start and end of its range in the original text (UTF-16 units); undefined where alignments are not
   * tracked.
   */
  readonly starts: Int32Array | undefined
  readonly ends: Int32Array | undefined

  constructor(text: string, starts: Int32Array | undefined, ends: Int32Array | undefined) {
    this.text = text
    this.starts = starts
    this.ends = ends
  }

  /** The original text: every character is aligned with itself. */
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

/** Builds a rewritten text with its alignments. */
export class AlignedBuilder {
  private readonly from: AlignedText
  private readonly parts: string[] = []
  private readonly starts: number[] = []
  private readonly ends: number[] = []

  constructor(from: AlignedText) {
    this.from = from
  }

  /** Copies units `from` to `to`. */
  keep(from: number, to: number): void {
    if (from === to) return
    this.parts.push(this.from.text.slice(from, to))
    const { starts, ends } = this.from
    if (!starts || !ends) return
    for (let i = from; i < to; i++) {
      this.starts.push(starts[i])
      this.ends.push(ends[i])
    }
  }

  /** Writes `text`, aligned with unit `at`; with a negative `at`, with the empty range at the start of the text. */
  write(text: string, at: number): void {
    this.parts.push(text)
    const { starts, ends } = this.from
    if (!starts || !ends) return
    const start = at < 0 ? (starts[0] ?? 0) : starts[at]
    const end = at < 0 ? start : ends[at]
    for (let i = 0; i < text.length; i++) {
      this.starts.push(start)
      this.ends.push(end)
    }
  }

  build(): AlignedText {
    const track = this.from.starts !== undefined
    return new AlignedText(
      this.parts.join(''),
      track ? Int32Array.from(this.starts) : undefined,
      track ? Int32Array.from(this.ends) : undefined,
    )
  }
}

/** Replaces lone surrogates by U+FFFD. */
export function wellFormed(text: string): string {
  return /\p{Surrogate}/u.test(text) ? text.replaceAll(/\p{Surrogate}/gu, '\ufffd') : text
}
