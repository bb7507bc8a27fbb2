/** The normalizer `BertNormalizer` of a tokenizer.json. */
import { asFlag, type JsonRecord } from './json-value.ts'
import { perCharacter, type Rewrite } from './rewrite.ts'

/**
 * BERT's normalisation: removes control characters and maps white space to spaces; puts spaces around Chinese
 * characters; strips accents; lowercases. `strip_accents` defaults to `lowercase`.
 * @see https://github.com/google-research/bert/blob/master/tokenization.py
 */
export function bertNormalizer(part: JsonRecord, where: string, decompose: Rewrite): Rewrite {
  const lowercase = asFlag(part.lowercase, `${where}.lowercase`, true)
  const steps: Rewrite[] = []
  if (asFlag(part.clean_text, `${where}.clean_text`, true)) steps.push(perCharacter(cleaned))
  if (asFlag(part.handle_chinese_chars, `${where}.handle_chinese_chars`, true)) {
    steps.push(perCharacter((character) => (isChinese(character.codePointAt(0)!) ? ` ${character} ` : character)))
  }
  if (asFlag(part.strip_accents, `${where}.strip_accents`, lowercase)) {
    steps.push(
      decompose,
      perCharacter((character) => (/\p{Mn}/u.test(character) ? '' : character)),
    )
  }
  if (lowercase) steps.push(perCharacter((character) => character.toLowerCase()))
  return (text) => steps.reduce((value, step) => step(value), text)
}

function cleaned(character: string): string {
  if (/[\t\n\r\p{White_Space}]/u.test(character) && !/[\v\f\x85]/.test(character)) return ' '
  return character === '\ufffd' || /[\p{Cc}\p{Cf}\p{Co}]/u.test(character) ? '' : character
}

/** As in Hugging Face's: the block at U+2B820 is missing its first 256 characters. */
function isChinese(point: number): boolean {
  return (
    (point >= 0x4e00 && point <= 0x9fff) ||
    (point >= 0x3400 && point <= 0x4dbf) ||
    (point >= 0x20000 && point <= 0x2a6df) ||
    (point >= 0x2a700 && point <= 0x2b81f) ||
    (point >= 0x2b920 && point <= 0x2ceaf) ||
    (point >= 0xf900 && point <= 0xfaff) ||
    (point >= 0x2f800 && point <= 0x2fa1f)
  )
}
