/** Normalizers of a tokenizer.json, as rewrites that keep the alignment with the original text. */
import { Charsmap } from '../sentencepiece/charsmap.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { byteLengthOf } from '../utf8.ts'
import { AlignedBuilder } from './aligned-text.ts'
import { bertNormalizer } from './bert-normalizer.ts'
import { toByteAlphabet } from './byte-alphabet.ts'
import { combiningRuns } from './combining-runs.ts'
import { asFlag, asList, asRecord, asText, type JsonRecord, typeOf, unsupported } from './json-value.ts'
import { type Pattern, readPattern } from './pattern.ts'
import { perCharacter, type Rewrite } from './rewrite.ts'

const KNOWN = [
  'Sequence',
  'Prepend',
  'Replace',
  'NFC',
  'NFD',
  'NFKC',
  'NFKD',
  'Lowercase',
  'Strip',
  'StripAccents',
  'Nmt',
  'Precompiled',
  'ByteLevel',
  'BertNormalizer',
]

/** @throws TokenizerError where a normalizer is malformed or of an unsupported type */
export function readNormalizer(value: unknown, where: string): Rewrite {
  if (value === null || value === undefined) return (text) => text
  const part = asRecord(value, where)
  const type = typeOf(part, where)
  switch (type) {
    case 'Sequence': {
      const steps = asList(part.normalizers, `${where}.normalizers`).map((step, k) =>
        readNormalizer(step, `${where}.normalizers[${k}]`),
      )
      return (text) => steps.reduce((value, step) => step(value), text)
    }
    case 'Prepend':
      return prepend(asText(part.prepend, `${where}.prepend`))
    case 'Replace':
      return replace(readPattern(part.pattern, `${where}.pattern`), asText(part.content, `${where}.content`))
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return canonical(type)
    case 'Lowercase':
      return perCharacter((character) => character.toLowerCase())
    case 'Strip':
      return strip(part, where)
    case 'StripAccents':
      return perCharacter((character) => (/\p{M}/u.test(character) ? '' : character))
    case 'BertNormalizer':
      return bertNormalizer(part, where, canonical('NFD'))
    case 'Nmt':
      return perCharacter(nmt)
    case 'Precompiled':
      return precompiled(asText(part.precompiled_charsmap, `${where}.precompiled_charsmap`))
    case 'ByteLevel':
      return perCharacter(toByteAlphabet)
    default:
      throw unsupported(where, type, KNOWN)
  }
}

/** Prepends `prefix`, aligned with the first character; an empty text stays empty. */
export function prepend(prefix: string): Rewrite {
  return (text) => {
    if (text.text === '' || prefix === '') return text
    const builder = new AlignedBuilder(text)
    builder.write(prefix, 0)
    builder.keep(0, text.text.length)
    return builder.build()
  }
}

/** Replaces each match by `content`, aligned with the last character of the match. */
export function replace(pattern: Pattern, content: string): Rewrite {
  return (text) => {
    const parts = pattern.partsOf(text.text)
    if (!parts.some(({ match }) => match)) return text
    const builder = new AlignedBuilder(text)
    for (const { from, to, match } of parts) {
      if (match) builder.write(content, to - 1)
      else builder.keep(from, to)
    }
    return builder.build()
  }
}

function canonical(form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'): Rewrite {
  const decomposition = form === 'NFC' || form === 'NFD' ? 'NFD' : 'NFKD'
  return (text) => {
    if (text.text.normalize(form) === text.text) return text
    const builder = new AlignedBuilder(text)
    for (const [index, end] of combiningRuns(text.text, decomposition)) {
      const run = text.text.slice(index, end)
      const written = run.normalize(form)
      if (written === run) {
        builder.keep(index, end)
        continue
      }
      const characters = Array.from(run)
      const separate = characters.map((character) => character.normalize(form))
      if (separate.join('') === written) {
        // Nothing is composed or reordered: each result is aligned with its own character.
        let at = index
        for (let k = 0; k < characters.length; k++) {
          if (separate[k] !== '') builder.write(separate[k], at)
          at += characters[k].length
        }
        continue
      }
      for (const { character, at } of placed(characters, written, decomposition)) {
        builder.write(character, index + at)
      }
    }
    return builder.build()
  }
}

/**
 * The characters of a normalised run with the unit each is aligned with. As in Hugging Face's, originals are consumed
 * from left to right: a character consumes one, and one more for each that is composed into it; characters that a
 * decomposition adds consume none.
 */
function placed(
  characters: string[],
  written: string,
  decomposition: 'NFD' | 'NFKD',
): { character: string; at: number }[] {
  const starts: number[] = []
  /** By component: which occurrences a decomposition added, in order, and how many are consumed. */
  const components = new Map<string, { added: boolean[]; used: number }>()
  let units = 0
  for (const character of characters) {
    starts.push(units)
    units += character.length
    let added = false
    for (const text of character.normalize(decomposition)) {
      const same = components.get(text)
      if (same) same.added.push(added)
      else components.set(text, { added: [added], used: 0 })
      added = true
    }
  }
  let used = 0
  return Array.from(written, (character) => {
    let takes = 0
    for (const text of character.normalize(decomposition)) {
      const same = components.get(text)
      if (same && same.used < same.added.length && !same.added[same.used++]) takes++
    }
    const first = takes > 0 ? used : used - 1
    used += takes
    return { character, at: starts[Math.min(Math.max(0, first), starts.length - 1)] }
  })
}

function strip(part: JsonRecord, where: string): Rewrite {
  const left = asFlag(part.strip_left, `${where}.strip_left`, true)
  const right = asFlag(part.strip_right, `${where}.strip_right`, true)
  return (text) => {
    const from = left ? /^\p{White_Space}*/u.exec(text.text)![0].length : 0
    let to = text.text.length
    while (right && to > from && /\p{White_Space}/u.test(text.text[to - 1])) to--
    return text.slice(from, to)
  }
}

/** The normalizer `Nmt`: removes control characters and maps all kinds of spaces to U+0020. */
function nmt(character: string): string {
  const c = character.codePointAt(0)!
  if ((c >= 1 && c <= 8) || c === 0xb || (c >= 0xe && c <= 0x1f) || c === 0x7f || c === 0x8f || c === 0x9f) return ''
  if (c === 9 || c === 10 || c === 12 || c === 13 || c === 0x1680 || (c >= 0x200b && c <= 0x200f)) return ' '
  return c === 0x2028 || c === 0x2029 || c === 0x2581 || c === 0xfeff || c === 0xfffd ? ' ' : character
}

function precompiled(base64: string): Rewrite {
  let bytes: string
  try {
    bytes = atob(base64)
  } catch {
    throw new TokenizerError('tokenizer.json: the precompiled_charsmap of a normalizer is not base64')
  }
  const charsmap = new Charsmap(Uint8Array.from(bytes, (c) => c.charCodeAt(0)))
  const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' })
  // Unlike SentencePiece, Hugging Face works on graphemes: one of fewer than six bytes is replaced as a whole by the
  // shortest rule that matches at its start; of longer ones, each character is replaced by itself.
  return (text) => {
    const builder = new AlignedBuilder(text)
    for (const { segment, index } of graphemesOf(text.text, graphemes)) {
      const whole = utf8LengthOf(segment) < 6 ? charsmap.shortest(segment) : undefined
      if (whole !== undefined) {
        spread(builder, whole, segment, index)
        continue
      }
      let at = index
      for (const character of segment) {
        const rewritten = charsmap.shortest(character)
        if (rewritten === undefined) builder.keep(at, at + character.length)
        else spread(builder, rewritten, character, at)
        at += character.length
      }
    }
    return builder.build()
  }
}

/** The graphemes of a text, segmented in parts, since some engines take time quadratic in the length. */
function* graphemesOf(text: string, graphemes: Intl.Segmenter): Generator<{ segment: string; index: number }> {
  let size = PART
  for (let from = 0; from < text.length; ) {
    const whole = from + size >= text.length
    const segments = Array.from(graphemes.segment(text.slice(from, from + size)))
    // The last grapheme of a part may continue in the next.
    if (!whole && segments.length === 1) {
      size *= 2
      continue
    }
    const done = whole ? segments.length : segments.length - 1
    for (let k = 0; k < done; k++) yield { segment: segments[k].segment, index: from + segments[k].index }
    from = whole ? text.length : from + segments[done].index
    size = PART
  }
}

/** Length of a part in UTF-16 units. */
const PART = 512

/** Writes the replacement of a part of the text: aligned character by character, extra characters with the last. */
function spread(builder: AlignedBuilder, written: string, replaced: string, at: number): void {
  const sizes = Array.from(replaced, (character) => character.length)
  let k = 0
  for (const character of written) {
    builder.write(character, at)
    if (k + 1 < sizes.length) at += sizes[k++]
  }
}

function utf8LengthOf(text: string): number {
  let bytes = 0
  for (const character of text) bytes += byteLengthOf(character.codePointAt(0)!)
  return bytes
}
