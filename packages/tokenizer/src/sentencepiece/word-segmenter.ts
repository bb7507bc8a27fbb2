/** Segmentation by word and char models. */
import { SPACE_MARK } from './normalizer.ts'
import { longestPrefix, type PieceTrie } from './piece-trie.ts'
import type { Segmenter, Segments } from './segments.ts'
import type { Vocabulary } from './vocabulary.ts'

/** Length in UTF-16 units of the character at `at`. */
export function characterLength(units: Uint16Array, at: number): number {
  return units[at] >= 0xd800 && units[at] < 0xdc00 ? 2 : 1
}

/** The text of `units[from..to)`. */
export function textOf(units: Uint16Array, from: number, to: number): string {
  let text = ''
  for (let at = from; at < to; at += 4096) text += String.fromCharCode(...units.subarray(at, Math.min(to, at + 4096)))
  return text
}

/** The word model: each word, from one space mark up to the next, is one piece. */
export class WordSegmenter implements Segmenter {
  private readonly vocabulary: Vocabulary

  constructor(vocabulary: Vocabulary) {
    this.vocabulary = vocabulary
  }

  segment(units: Uint16Array, length: number, out: Segments): void {
    out.clear(0)
    let start = 0
    for (let i = 1; i <= length; i++) {
      if (i < length && units[i] !== SPACE_MARK) continue
      const id = this.vocabulary.idOf(textOf(units, start, i))
      out.push(id < 0 ? this.vocabulary.unkId : id, i)
      start = i
    }
  }

  release(): void {}
}

/** The char model: each character or user-defined symbol is one piece. */
export class CharSegmenter implements Segmenter {
  private readonly vocabulary: Vocabulary
  private readonly symbols: PieceTrie | undefined

  constructor(vocabulary: Vocabulary, symbols: PieceTrie | undefined) {
    this.vocabulary = vocabulary
    this.symbols = symbols
  }

  segment(units: Uint16Array, length: number, out: Segments): void {
    out.clear(length)
    const unitAt = (index: number) => units[index]
    for (let start = 0; start < length; ) {
      const symbol = this.symbols ? longestPrefix(this.symbols, unitAt, start, length) : 0
      const end = start + (symbol || characterLength(units, start))
      const id = this.vocabulary.idOf(textOf(units, start, end))
      out.push(id < 0 ? this.vocabulary.unkId : id, end)
      start = end
    }
  }

  release(): void {}
}
