/** The compiled normalisation rules of a SentencePiece model: a trie and its replacements. */
import { TokenizerError } from '../tokenizer-error.ts'
import { byteLengthOf, byteOf, decodeCharacter, pushUnits, REPLACEMENT } from '../utf8.ts'

/** A replacement found by `Charsmap.match`. */
export type CharsmapMatch = {
  /** Number of UTF-16 units of the text that are replaced. */
  length: number
  /** The replacement in UTF-16 units. */
  replacement: Uint16Array
}

/**
 * Replacement rules compiled into a model (`precompiled_charsmap`): the longest rule that starts at a position wins.
 * The layout is a u32 (little-endian) with the byte size of a Darts-clone double array over UTF-8, the array itself,
 * and the replacements, each terminated by a NUL.
 * @see https://github.com/google/sentencepiece/blob/master/doc/normalization.md
 */
export class Charsmap {
  private readonly trie: Uint32Array
  private readonly texts: Uint8Array
  private readonly replacements = new Map<number, Uint16Array>()
  /** Cache by first unit: 1 where no rule begins with it, 0 where that is unknown. */
  private readonly begins = new Uint8Array(0x10000)

  /** @throws TokenizerError where the sizes in the blob are inconsistent, or an offset is out of range */
  constructor(blob: Uint8Array) {
    if (blob.length < 8)
      throw new TokenizerError(`precompiled_charsmap: ${blob.length} bytes is too short to hold rules`)
    const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength)
    const size = view.getUint32(0, true)
    if (size < 4 || size % 4 !== 0 || size > blob.length - 4) {
      throw new TokenizerError(
        `precompiled_charsmap: its trie claims ${size} bytes; a multiple of 4 within ${blob.length - 4} is needed`,
      )
    }
    this.trie = new Uint32Array(size / 4)
    for (let i = 0; i < this.trie.length; i++) this.trie[i] = view.getUint32(4 + 4 * i, true)
    this.texts = blob.subarray(4 + size)
    this.check()
  }

  /** Every unit must lead to an existing unit, and every rule to a terminated replacement. */
  private check(): void {
    const trie = this.trie
    const texts = this.texts
    const lastEnd = texts.lastIndexOf(0)
    for (let i = 0; i < trie.length; i++) {
      if (trie[i] >>> 31 === 1) continue
      const next = i ^ offsetOf(trie[i])
      if (next < 0 || next >= trie.length) {
        throw new TokenizerError(
          `precompiled_charsmap: unit ${i} of its trie leads to unit ${next}; there are ${trie.length}`,
        )
      }
      if (((trie[i] >>> 8) & 1) === 1 && (trie[next] & 0x7fffffff) > lastEnd) {
        throw new TokenizerError(
          `precompiled_charsmap: a rule points at byte ${trie[next] & 0x7fffffff} of ${texts.length} bytes of replacements`,
        )
      }
    }
  }

  /**
   * The longest rule that matches at `at`, or undefined where none does.
   * @param fromBytes a lone surrogate is a malformed byte, which no rule matches; otherwise it counts as U+FFFD
   */
  match(text: string, at: number, fromBytes: boolean): CharsmapMatch | undefined {
    const first = text.charCodeAt(at)
    const seen = this.begins[first]
    if (seen === 1) return undefined
    const trie = this.trie
    let node = offsetOf(trie[0])
    let bestLength = 0
    let bestValue = 0
    for (let i = at; i < text.length; ) {
      const raw = text.codePointAt(i)!
      const lone = raw >= 0xd800 && raw <= 0xdfff
      if (lone && fromBytes) break
      const codePoint = lone ? REPLACEMENT : raw
      const bytes = byteLengthOf(codePoint)
      let leaf = false
      let k = 0
      for (; k < bytes; k++) {
        const byte = byteOf(codePoint, k)
        node ^= byte
        if (node < 0 || node >= trie.length) break
        const unit = trie[node]
        if ((unit & 0x800000ff) >>> 0 !== byte) break
        node ^= offsetOf(unit)
        leaf = ((unit >>> 8) & 1) === 1
      }
      if (k < bytes) {
        // No rule begins with this character: remembered for characters of one unit.
        if (i === at && raw < 0x10000) this.begins[first] = 1
        break
      }
      i += raw < 0x10000 ? 1 : 2
      if (leaf && node >= 0 && node < trie.length) {
        bestLength = i - at
        bestValue = trie[node] & 0x7fffffff
      }
    }
    return bestLength === 0 ? undefined : { length: bestLength, replacement: this.replacementAt(bestValue) }
  }

  /** The replacement of the shortest rule that matches at the start of `text`, or undefined where there is none. */
  shortest(text: string): string | undefined {
    const trie = this.trie
    let node = offsetOf(trie[0])
    for (const character of text) {
      const codePoint = character.codePointAt(0)!
      for (let k = 0; k < byteLengthOf(codePoint); k++) {
        const byte = byteOf(codePoint, k)
        node ^= byte
        if (node < 0 || node >= trie.length) return undefined
        const unit = trie[node]
        if ((unit & 0x800000ff) >>> 0 !== byte) return undefined
        node ^= offsetOf(unit)
        if (((unit >>> 8) & 1) === 1 && node >= 0 && node < trie.length) {
          return utf16.decode(this.replacementAt(trie[node] & 0x7fffffff))
        }
      }
    }
    return undefined
  }

  private replacementAt(at: number): Uint16Array {
    const known = this.replacements.get(at)
    if (known) return known
    const texts = this.texts
    const end = texts.indexOf(0, at)
    if (at >= texts.length || end < 0) {
      throw new TokenizerError(
        `precompiled_charsmap: a rule points at byte ${at} of ${texts.length} bytes of replacements`,
      )
    }
    const units: number[] = []
    for (let i = at; i < end; ) {
      const decoded = decodeCharacter(texts, i, end)
      pushUnits(units, decoded < 0 ? REPLACEMENT : decoded >> 3)
      i += decoded < 0 ? 1 : decoded & 7
    }
    const result = Uint16Array.from(units)
    this.replacements.set(at, result)
    return result
  }
}

const utf16 = new TextDecoder('utf-16le', { ignoreBOM: true })

/** Offset of a Darts-clone unit's children, to be XORed with the unit's index. */
function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6)
}
