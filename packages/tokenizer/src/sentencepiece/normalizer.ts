/** SentencePiece's normalisation of text before segmentation. */
import { decodeCharacter, REPLACEMENT } from '../utf8.ts'
import { Charsmap } from './charsmap.ts'
import type { NormalizerSpec } from './model-file.ts'

/** The character that represents a space in pieces: U+2581. */
export const SPACE_MARK = 0x2581
export const SPACE = 0x20

/** Normalised text in UTF-16 units; the next call reuses the buffers. */
export type NormalizedText = {
  units: Uint16Array
  length: number
  /** For unit i (and for `length`), the offset of its source in the given text, in UTF-16 units; only with `track`. */
  origins: Int32Array
}

/** Buffers of more units than this are freed after the call that needed them. */
export const KEPT_UNITS = 1 << 20

/**
 * Normalises text to the form the pieces are written in: the model's replacement rules, spaces as U+2581, the dummy
 * prefix, and (with `remove_extra_whitespaces`) no leading, trailing or repeated spaces. Lone surrogates become U+FFFD.
 */
export class Normalizer {
  private readonly spec: NormalizerSpec
  private readonly suffix: boolean
  private readonly charsmap: Charsmap | undefined
  private readonly protect: ((text: string, at: number) => number) | undefined
  private readonly out: NormalizedText = { units: new Uint16Array(256), length: 0, origins: new Int32Array(0) }
  private track = false
  private fromBytes = false

  /**
   * @param suffix `treat_whitespace_as_suffix`: the dummy prefix becomes a suffix
   * @param protect length in UTF-16 units of the user-defined symbol at a position, 0 for none; no rule applies to it
   */
  constructor(spec: NormalizerSpec, suffix: boolean, protect?: (text: string, at: number) => number) {
    this.spec = spec
    this.suffix = suffix
    this.charsmap = spec.precompiledCharsmap.length > 0 ? new Charsmap(spec.precompiledCharsmap) : undefined
    this.protect = protect
  }

  /**
   * For models whose normalisation only writes spaces as space marks and adds a dummy prefix: the number of space marks
   * prepended, 0 or 1. -1: the model does more.
   */
  get plainPrefix(): number {
    const { removeExtraWhitespaces, addDummyPrefix } = this.spec
    if (this.charsmap !== undefined || removeExtraWhitespaces || (addDummyPrefix && this.suffix)) return -1
    return addDummyPrefix ? 1 : 0
  }

  /** Whether normalisation only writes space marks: for spaces, and for the dummy prefix. */
  get copies(): boolean {
    return this.charsmap === undefined && !this.spec.removeExtraWhitespaces
  }

  /**
   * Normalises UTF-8 bytes without creating a string, where {@link copies}. Each byte that is not part of a well-formed
   * sequence becomes U+FFFD; `origins` is not filled.
   */
  copyBytes(bytes: Uint8Array): NormalizedText {
    const out = this.out
    out.length = 0
    if (bytes.length === 0) return out
    this.track = false
    // No character has more units than bytes.
    this.reserve(bytes.length + 2)
    const { units } = out
    const { addDummyPrefix, escapeWhitespaces } = this.spec
    const space = escapeWhitespaces ? SPACE_MARK : SPACE
    let n = 0
    if (addDummyPrefix && !this.suffix) units[n++] = space
    for (let i = 0; i < bytes.length; ) {
      const byte = bytes[i]
      if (byte < 0x80) {
        units[n++] = byte === SPACE ? space : byte
        i++
        continue
      }
      const decoded = decodeCharacter(bytes, i, bytes.length)
      i += decoded < 0 ? 1 : decoded & 7
      const codePoint = decoded < 0 ? REPLACEMENT : decoded >> 3
      if (codePoint < 0x10000) units[n++] = codePoint
      else {
        units[n++] = 0xd800 + ((codePoint - 0x10000) >> 10)
        units[n++] = 0xdc00 + ((codePoint - 0x10000) & 0x3ff)
      }
    }
    if (addDummyPrefix && this.suffix) units[n++] = space
    out.length = n
    return out
  }

  /**
   * @param track whether to fill `origins`
   * @param fromBytes whether lone surrogates in the text are malformed bytes: U+FFFD to which no rule applies
   */
  normalize(text: string, track: boolean, fromBytes = false): NormalizedText {
    const out = this.out
    out.length = 0
    this.track = track
    this.fromBytes = fromBytes
    this.reserve(text.length + 2)
    if (this.copies) this.copy(text)
    else this.rewrite(text, this.charsmap)
    return out
  }

  /** Frees large buffers. */
  release(): void {
    if (this.out.units.length <= KEPT_UNITS) return
    this.out.units = new Uint16Array(256)
    this.out.origins = new Int32Array(0)
  }

  /** One pass for models without rules that keep every space. */
  private copy(text: string): void {
    const out = this.out
    if (text.length === 0) {
      if (this.track) out.origins[0] = 0
      return
    }
    const space = this.spec.escapeWhitespaces ? SPACE_MARK : SPACE
    const prefix = this.spec.addDummyPrefix && !this.suffix
    if (prefix) this.push(space, 0)
    const { units, origins } = out
    const track = this.track
    let n = out.length
    for (let i = 0; i < text.length; i++) {
      let unit = text.charCodeAt(i)
      if (unit === SPACE) unit = space
      else if (unit >= 0xd800 && unit <= 0xdfff) {
        const next = unit < 0xdc00 && i + 1 < text.length ? text.charCodeAt(i + 1) : 0
        if (next >= 0xdc00 && next <= 0xdfff) {
          units[n] = unit
          if (track) origins[n] = i
          n++
          i++
          units[n] = next
          if (track) origins[n] = i - 1
          n++
          continue
        }
        unit = REPLACEMENT
      }
      units[n] = unit
      if (track) origins[n] = i
      n++
    }
    out.length = n
    if (track && this.protect) this.joinOrigins(text, prefix ? 1 : 0)
    if (this.spec.addDummyPrefix && this.suffix) this.push(space, text.length)
    if (this.track) out.origins[out.length] = text.length
  }

  /** Sets the origin of every unit of a protected symbol to its start. */
  private joinOrigins(text: string, shift: number): void {
    const { origins } = this.out
    for (let at = 0; at < text.length; ) {
      const length = this.protect!(text, at)
      if (length > 0) origins.fill(at, at + shift, at + length + shift)
      at += length || (text.codePointAt(at)! > 0xffff ? 2 : 1)
    }
  }

  private rewrite(text: string, charsmap: Charsmap | undefined): void {
    const { removeExtraWhitespaces: squeeze, addDummyPrefix, escapeWhitespaces } = this.spec
    const out = this.out
    const space = escapeWhitespaces ? SPACE_MARK : SPACE
    let at = 0
    if (squeeze) {
      while (at < text.length) {
        const step = this.step(text, at, charsmap)
        if (!(step.length === 1 && step.at(0) === SPACE)) break
        at += step.consumed
      }
    }
    if (at >= text.length) {
      if (this.track) out.origins[0] = at
      return
    }
    if (addDummyPrefix && !this.suffix) this.push(space, at)
    let afterSpace = squeeze
    while (at < text.length) {
      const step = this.step(text, at, charsmap)
      let from = 0
      if (afterSpace) while (from < step.length && step.at(from) === SPACE) from++
      for (let i = from; i < step.length; i++) {
        const unit = step.at(i)
        this.push(unit === SPACE ? space : unit, at)
      }
      if (from < step.length) afterSpace = squeeze && step.at(step.length - 1) === SPACE
      at += step.consumed
    }
    let end = at
    if (squeeze) {
      while (out.length > 0 && out.units[out.length - 1] === space) {
        out.length--
        if (this.track) end = out.origins[out.length]
      }
    }
    if (addDummyPrefix && this.suffix) this.push(space, end)
    if (this.track) out.origins[out.length] = end
  }

  /** The output for the text at `at`: a protected symbol, a rule's replacement, or the character itself. */
  private step(text: string, at: number, charsmap: Charsmap | undefined): Step {
    const step = this.current
    step.text = text
    step.from = at
    step.units = undefined
    const kept = this.protect?.(text, at) ?? 0
    if (kept > 0) {
      step.consumed = step.length = kept
      return step
    }
    const match = charsmap?.match(text, at, this.fromBytes)
    if (match) {
      step.units = match.replacement
      step.length = match.replacement.length
      step.consumed = match.length
      return step
    }
    const codePoint = text.codePointAt(at)!
    if (codePoint >= 0xd800 && codePoint <= 0xdfff) {
      step.units = LONE_SURROGATE
      step.length = step.consumed = 1
    } else {
      step.length = step.consumed = codePoint < 0x10000 ? 1 : 2
    }
    return step
  }

  private readonly current = new Step()

  private push(unit: number, origin: number): void {
    const out = this.out
    if (out.length + 2 > out.units.length) this.reserve(out.units.length * 2)
    out.units[out.length] = unit
    if (this.track) out.origins[out.length] = origin
    out.length++
  }

  private reserve(units: number): void {
    const out = this.out
    if (out.units.length < units) {
      const larger = new Uint16Array(Math.max(units, out.units.length * 2))
      larger.set(out.units.subarray(0, out.length))
      out.units = larger
    }
    if (this.track && out.origins.length < out.units.length + 1) {
      const larger = new Int32Array(out.units.length + 1)
      larger.set(out.origins.subarray(0, Math.min(out.length, out.origins.length)))
      out.origins = larger
    }
  }
}

const LONE_SURROGATE = Uint16Array.of(REPLACEMENT)

/**
 * One step of normalisation: `length` units (from a replacement or from the text itself) for `consumed` units of text.
 */
class Step {
  text = ''
  from = 0
  consumed = 0
  length = 0
  units: Uint16Array | undefined = undefined

  at(index: number): number {
    return this.units ? this.units[index] : this.text.charCodeAt(this.from + index)
  }
}
