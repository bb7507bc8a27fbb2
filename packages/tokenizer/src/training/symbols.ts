/** The symbols of byte-pair encoding, and the merges that made them. */
import { PairTable } from './pair-table.ts'

/** Symbols 1 to the size of the alphabet are its characters, by code. Symbols with the same text are one symbol. */
export class Symbols {
  readonly texts: string[] = ['']
  /** Codes of the characters of each symbol. */
  readonly codes: Int32Array[] = [new Int32Array(0)]
  /** The merges in order: left and right symbol, and the result. */
  readonly lefts: number[] = []
  readonly rights: number[] = []
  readonly merged: number[] = []
  private readonly byText = new Map<string, number>()
  /**
   * In `head`, the first merge of each pair plus 1. A pair may be merged again after other merges have produced its
   * symbols.
   */
  private readonly merges = new PairTable(1 << 10)
  private readonly later: number[] = []

  constructor(alphabet: readonly number[]) {
    for (const codePoint of alphabet) {
      this.symbolOf(String.fromCodePoint(codePoint), Int32Array.of(this.texts.length))
    }
  }

  /** Records the merge of a pair. @returns the merged symbol */
  merge(left: number, right: number): number {
    const codes = new Int32Array(this.codes[left].length + this.codes[right].length)
    codes.set(this.codes[left])
    codes.set(this.codes[right], this.codes[left].length)
    const symbol = this.symbolOf(this.texts[left] + this.texts[right], codes)
    const event = this.merged.push(symbol)
    this.lefts.push(left)
    this.rights.push(right)
    this.later.push(0)
    const known = this.merges.find(left, right)
    const id = known < 0 ? this.merges.add(left, right) : known
    if (known < 0) this.merges.head[id] = event
    else {
      let last = this.merges.head[id] - 1
      while (this.later[last] !== 0) last = this.later[last] - 1
      this.later[last] = event
    }
    return symbol
  }

  /** Index plus 1 of the first merge of a pair after the first `after` merges; 0: none. */
  nextMerge(left: number, right: number, after: number): number {
    const id = this.merges.find(left, right)
    if (id < 0) return 0
    let event = this.merges.head[id]
    while (event !== 0 && event <= after) event = this.later[event - 1]
    return event
  }

  /**
   * Applies the merges from number `applied` on, in order, to the first `length` symbols of an array, in place.
   * @returns the new number of symbols
   */
  apply(symbols: Int32Array, length: number, applied: number): number {
    for (let done = applied; ; ) {
      let first = 0
      for (let i = 0; i + 1 < length; i++) {
        const event = this.nextMerge(symbols[i], symbols[i + 1], done)
        if (event !== 0 && (first === 0 || event < first)) first = event
      }
      if (first === 0) return length
      const left = this.lefts[first - 1]
      const right = this.rights[first - 1]
      let to = 0
      for (let i = 0; i < length; i++) {
        // From left to right, so that of overlapping occurrences (aaa) the first is merged, as in encoding.
        const isPair = symbols[i] === left && i + 1 < length && symbols[i + 1] === right
        symbols[to++] = isPair ? this.merged[first - 1] : symbols[i]
        if (isPair) i++
      }
      length = to
      done = first
    }
  }

  private symbolOf(text: string, codes: Int32Array): number {
    const known = this.byText.get(text)
    if (known !== undefined) return known
    this.texts.push(text)
    this.codes.push(codes)
    this.byText.set(text, this.texts.length - 1)
    return this.texts.length - 1
  }
}
