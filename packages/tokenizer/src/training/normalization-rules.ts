/** Normalisation rules: replacements by source text. At each position the longest matching rule applies. */
export type NormalizationRules = ReadonlyMap<string, string>

/** Names of SentencePiece's built-in rule sets. */
export type NormalizationName = 'identity' | 'nfkc' | 'nmt_nfkc' | 'nfkc_cf' | 'nmt_nfkc_cf'

export const NORMALIZATION_NAMES: readonly NormalizationName[] = [
  'identity',
  'nfkc',
  'nmt_nfkc',
  'nfkc_cf',
  'nmt_nfkc_cf',
]

/**
 * The built-in rule set of that name, generated from the runtime's Unicode data as SentencePiece generates its own:
 * - `nfkc`: Unicode normalisation form KC, also of sequences of a base and its combining marks;
 * - `nmt_nfkc`: `nfkc`, with all kinds of spaces mapped to U+0020, control characters removed, and U+FF5E kept;
 * - `_cf`: with simple case folding.
 *
 * SentencePiece 0.2.1 has Unicode 16. Characters with mappings from later versions are not mapped, as it does not map
 * them; a runtime with an older Unicode lacks the newest mappings.
 * @see https://github.com/google/sentencepiece/blob/master/doc/normalization.md, Unicode Standard Annex #15
 */
export function rulesOf(name: NormalizationName): NormalizationRules {
  if (name === 'identity') return new Map()
  let rules = made.get(name)
  if (!rules) {
    nfkc ??= nfkcRules()
    rules = name.startsWith('nmt_') ? withTranslationRules(nfkc) : nfkc
    if (name.endsWith('_cf')) rules = withCaseFolding(rules)
    made.set(name, rules)
  }
  return rules
}

/** Generated rule sets: generating one visits every code point. */
const made = new Map<NormalizationName, NormalizationRules>()
let nfkc: NormalizationRules | undefined

/** Characters whose mappings are new in Unicode 17. */
const LATER = /[\u{a7ce}\u{a7d2}\u{a7d4}\u{a7f1}\u{16ea0}-\u{16eb8}]/u

/** All code points that can have mappings. */
function* characters(): Generator<string> {
  for (let codePoint = 1; codePoint < 0xf0000; codePoint++) {
    // Skips surrogates, private use and noncharacters.
    if (codePoint === 0xd800) codePoint = 0xf900
    if (codePoint === 0xfdd0) codePoint = 0xfdf0
    if ((codePoint & 0xfffe) !== 0xfffe) yield String.fromCodePoint(codePoint)
  }
}

function nfkcRules(): Map<string, string> {
  const rules = new Map<string, string>()
  /** By character, the other characters whose decomposition is that one character. */
  const writtenAs = new Map<string, string[]>()
  const decomposed = new Set<string>()
  for (const character of characters()) {
    const parts = character.normalize('NFKD')
    // Without a decomposition there is nothing to map.
    if (parts === character || LATER.test(character)) continue
    const composed = character.normalize('NFKC')
    if (composed !== character) rules.set(character, composed)
    if (lengthOf(parts) > 1) decomposed.add(parts)
    else {
      const known = writtenAs.get(parts)
      if (known) known.push(character)
      else writtenAs.set(parts, [character])
    }
  }
  for (const [part, others] of writtenAs)
    writtenAs.set(
      part,
      [part, ...others].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!),
    )
  // Every spelling of a sequence that composes gets a rule of its own: rules are not applied to the results of others.
  for (const parts of decomposed) {
    const composed = parts.normalize('NFC')
    if (composed === parts) continue
    let ways = ['']
    for (const part of parts) {
      const others = writtenAs.get(part) ?? [part]
      ways = ways.flatMap((way) => others.map((other) => way + other))
    }
    for (const way of ways) if (way !== composed) rules.set(way, composed)
  }
  return withoutRedundant(rules)
}

/**
 * Adds the rules of `nmt_` (neural machine translation): all kinds of spaces become U+0020, control characters vanish.
 */
function withTranslationRules(given: NormalizationRules): Map<string, string> {
  const rules = new Map(given)
  for (const space of '\t\n\f\r\u1680\u200b\u200c\u200e\u200f\u2028\u2029\u2581\ufeff\ufffd') rules.set(space, ' ')
  for (let code = 1; code < 0x20; code++) if (!'\t\n\f\r'.includes(String.fromCharCode(code))) remove(rules, code)
  for (const code of [0x7f, 0x8f, 0x9f]) remove(rules, code)
  // Japanese distinguishes the full-width tilde from the ASCII tilde.
  rules.delete('\uff5e')
  return withoutRedundant(rules)
}

function remove(rules: Map<string, string>, code: number): void {
  rules.set(String.fromCharCode(code), '')
}

function withCaseFolding(given: NormalizationRules): Map<string, string> {
  const rules = new Map<string, string>()
  for (const [text, replacement] of given) rules.set(text, Array.from(replacement, foldCase).join(''))
  for (const character of characters()) {
    const folded = foldCase(character)
    if (folded !== character && !rules.has(character) && !LATER.test(character)) rules.set(character, folded)
  }
  return withoutRedundant(rules)
}

/** Simple case folding (statuses C and S of CaseFolding.txt): one code point to one. */
function foldCase(character: string): string {
  const codePoint = character.codePointAt(0)!
  // Cherokee folds to upper case, and the dotless i does not fold.
  if ((codePoint >= 0x13a0 && codePoint <= 0x13f5) || codePoint === 0x131) return character
  if (codePoint >= 0x13f8 && codePoint <= 0x13fd) return String.fromCodePoint(codePoint - 8)
  if (codePoint >= 0xab70 && codePoint <= 0xabbf) return String.fromCodePoint(codePoint - 0xab70 + 0x13a0)
  const upper = character.toUpperCase()
  if (upper === character && character.toLowerCase() === character) return character
  const lower = (lengthOf(upper) === 1 ? upper : character).toLowerCase()
  return lengthOf(lower) === 1 ? lower : character
}

/** Drops rules for several characters that give the same as the shorter rules applied in sequence. */
function withoutRedundant(rules: Map<string, string>): Map<string, string> {
  const byLength: [string[], string, string][][] = []
  for (const [text, replacement] of rules) {
    const parts = [...text]
    const group = byLength[parts.length]
    if (group) group.push([parts, text, replacement])
    else byLength[parts.length] = [[parts, text, replacement]]
  }
  const kept = new Map<string, string>()
  for (const [, text, replacement] of byLength[1] ?? []) kept.set(text, replacement)
  for (let length = 2; length < byLength.length; length++) {
    for (const [parts, text, replacement] of byLength[length] ?? []) {
      if (apply(kept, parts, length - 1) !== replacement) kept.set(text, replacement)
    }
  }
  return kept
}

function apply(rules: Map<string, string>, characters: string[], longest: number): string {
  let result = ''
  for (let at = 0; at < characters.length; ) {
    let length = Math.min(longest, characters.length - at)
    let replacement: string | undefined
    for (; length > 0 && replacement === undefined; length--) {
      replacement = rules.get(characters.slice(at, at + length).join(''))
      if (replacement !== undefined) break
    }
    result += replacement ?? characters[at]
    at += Math.max(1, length)
  }
  return result
}

function lengthOf(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}
