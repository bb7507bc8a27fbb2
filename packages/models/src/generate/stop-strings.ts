/** Text as it comes, up to the first of some strings, which may stand across pieces: what could be its beginning is held back. */
export class StopStrings {
  /** Whether one was met; everything after it is left out. */
  found = false
  private readonly stops: readonly string[]
  private held = ''

  constructor(stops: readonly string[]) {
    this.stops = stops.filter((stop) => stop !== '')
  }

  /** @returns the text that is certain to stand before every stop string */
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

  /** What was held back, at the end of the text. */
  end(): string {
    const rest = this.held
    this.held = ''
    return rest
  }
}

/** How many characters at the end of `text` are the beginning of `stop`, which is not in it. */
function overlap(text: string, stop: string): number {
  for (let n = Math.min(stop.length - 1, text.length); n > 0; n--) if (text.endsWith(stop.slice(0, n))) return n
  return 0
}
