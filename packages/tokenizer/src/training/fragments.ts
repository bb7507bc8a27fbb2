/** Pre-segmentation of training text at boundaries that no piece may cross. */
import { SCRIPT_INHERITED, scriptOf } from '../script-of.ts'
import { SPACE_MARK } from '../sentencepiece/normalizer.ts'
import { codePointAt } from '../utf8.ts'
import type { ResolvedOptions } from './options.ts'

const ANY_SCRIPT = -1

/**
 * Cuts normalised text where no piece may cross: before a space (after it with `treatWhitespaceAsSuffix`), around a
 * digit, where the script changes. As pieces stay within fragments, training on the distinct fragments with their
 * counts is the same as training on the text.
 * @param emit called with the start and end of each fragment, in UTF-16 units
 */
export function cutFragments(
  units: Uint16Array,
  length: number,
  options: ResolvedOptions,
  emit: (from: number, to: number) => void,
): void {
  let start = 0
  let script = ANY_SCRIPT
  let afterDigit = false
  let onlySpaces = true
  const suffix = options.treatWhitespaceAsSuffix
  const cut = (at: number) => {
    if (at > start) emit(start, at)
    start = at
    script = ANY_SCRIPT
    onlySpaces = true
  }
  for (let at = 0; at < length; ) {
    const codePoint = codePointAt(units, at, length)
    const next = at + (codePoint < 0x10000 ? 1 : 2)
    if (afterDigit) cut(at)
    afterDigit = false
    if (codePoint === 0) {
      cut(at)
      start = next
    } else if (codePoint === SPACE_MARK) {
      const joins = onlySpaces && options.allowWhitespaceOnlyPieces
      if (options.splitByWhitespace && !suffix && !joins) cut(at)
      // Spaces as suffixes: a fragment ends after its space, unless a run of nothing but spaces goes on.
      if (options.splitByWhitespace && suffix && !(joins && codePointAt(units, next, length) === SPACE_MARK)) {
        cut(next)
      }
    } else {
      const digit = isDigit(codePoint)
      if (digit && options.splitDigits) {
        cut(at)
        afterDigit = true
      } else if (options.splitByUnicodeScript) {
        let own = digit && !options.splitByNumber ? ANY_SCRIPT : scriptOf(codePoint)
        if (own === SCRIPT_INHERITED) own = script
        if (own !== ANY_SCRIPT && script !== ANY_SCRIPT && own !== script) cut(at)
        script = own
      }
      onlySpaces = false
    }
    at = next
  }
  cut(length)
}

function isDigit(codePoint: number): boolean {
  return (codePoint >= 0x30 && codePoint <= 0x39) || (codePoint >= 0xff10 && codePoint <= 0xff19)
}
