/** Unicode scripts of code points. */

/** The most frequent scripts, which are tested first. */
const FREQUENT = [
  'Common',
  'Latin',
  'Han',
  'Hiragana',
  'Katakana',
  'Inherited',
  'Hangul',
  'Cyrillic',
  'Greek',
  'Arabic',
]
const OTHERS =
  'Hebrew Thai Devanagari Bengali Tamil Telugu Kannada Malayalam Gujarati Gurmukhi Oriya Sinhala Lao Tibetan Myanmar ' +
  'Georgian Armenian Ethiopic Cherokee Canadian_Aboriginal Ogham Runic Tagalog Hanunoo Buhid Tagbanwa Khmer Mongolian ' +
  'Limbu Tai_Le New_Tai_Lue Buginese Tai_Tham Balinese Sundanese Batak Lepcha Ol_Chiki Vai Syloti_Nagri Phags_Pa ' +
  'Saurashtra Kayah_Li Rejang Javanese Cham Tai_Viet Meetei_Mayek Yi Lisu Bamum Coptic Gothic Glagolitic Tifinagh Syriac ' +
  'Thaana Nko Samaritan Mandaic Bopomofo Braille Linear_B Cypriot Deseret Shavian Osmanya Ugaritic Old_Persian Cuneiform ' +
  'Egyptian_Hieroglyphs Old_Italic Phoenician Lycian Carian Lydian Avestan Brahmi Kaithi Chakma Khojki Grantha Siddham ' +
  'Adlam Osage Tangut Nushu'

/** Index of Han; as in SentencePiece, Hiragana, Katakana and the prolonged sound mark U+30FC count as Han. */
const SCRIPT_HAN = 2
/** Index of Inherited: a mark takes the script of the character before it. */
export const SCRIPT_INHERITED = 5

let patterns: RegExp[] | undefined
const known = new Map<number, number>()

/** The script of a code point (Unicode Standard Annex #24) as a number; equal numbers are equal scripts. */
export function scriptOf(codePoint: number): number {
  const before = known.get(codePoint)
  if (before !== undefined) return before
  patterns ??= [...FREQUENT, ...OTHERS.split(' ')].map((name) => new RegExp(`^\\p{Script=${name}}$`, 'u'))
  const character = String.fromCodePoint(codePoint)
  let script = codePoint === 0x30fc ? SCRIPT_HAN : patterns.findIndex((pattern) => pattern.test(character))
  if (script === 3 || script === 4) script = SCRIPT_HAN
  // Scripts outside the lists are approximated by blocks of 256 code points.
  if (script < 0) script = 1000 + (codePoint >> 8)
  known.set(codePoint, script)
  return script
}
