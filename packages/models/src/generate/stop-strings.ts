/**
 * Streams text up to the first stop string, which may span several pieces: a possible beginning of one is held back.
 */
export class StopStrings {
  /** Whether a stop string was found; text from it on is dropped. */
  found = false
  private readonly stops: readonly string[]
  private held = ''

  constructor(stops: readonly string[]) {
    this.stops = stops.filter((stop) => stop !== '')
  }

  /** @returns the text that cannot be part of a stop string */
  push(piece: string): string {
    if (this.found) return ''
    const text = this.held + piece
    const places = this.stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
    if (places.length > 0) {
      this.found = true
      this.held = ''
      return text.slice(0, Math.min(...places))
    }
    const keep = Math.max(0, ...this.stops.map((stop) => overlap(text, stop)))
    this.held = text.slice(text.length - keep)
    return text.slice(0, text.length - keep)
  }

  /** The text held back, when the stream ends. */
  end(): string {
    const rest = this.held
    this.held = ''
    return rest
  }
}

/** Length of the longest suffix of `text` that is a proper prefix of `stop`. */
function overlap(text: string, stop: string): number {
  for (let n = Math.min(stop.length - 1, text.length); n > 0; n--) if (text.endsWith(stop.slice(0, n))) return n
  return 0
}
