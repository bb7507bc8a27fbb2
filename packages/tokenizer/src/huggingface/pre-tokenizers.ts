/** Pre-tokenizers of a tokenizer.json, which split text before the model runs. */
import { scriptOf } from '../script-of.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { AlignedText } from './aligned-text.ts'
import { toByteAlphabet } from './byte-alphabet.ts'
import { asFlag, asIndex, asList, asRecord, asText, type JsonRecord, typeOf, unsupported } from './json-value.ts'
import { prepend, replace } from './normalizers.ts'
import { compile, type Pattern, type PatternPart, readPattern } from './pattern.ts'
import { perCharacter } from './rewrite.ts'

/** Splits a text into the parts that the model tokenizes one by one. */
export type Cut = (text: AlignedText) => AlignedText[]

/**
 * Whether a pre-tokenizer depends on the position of a part in the original text, so that alignments must be tracked.
 */
export function needsOrigins(value: unknown): boolean {
  return JSON.stringify(value ?? null).includes('"prepend_scheme":"first"')
}

const KNOWN =
  'Sequence ByteLevel Split Digits Metaspace Whitespace WhitespaceSplit Punctuation BertPreTokenizer CharDelimiterSplit UnicodeScripts FixedLength'.split(
    ' ',
  )
const PUNCTUATION = '[\\p{P}$+<=>^`|~]'
const BEHAVIORS = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous']
const GPT2_WORDS = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/** @throws TokenizerError where a pre-tokenizer is malformed or of an unsupported type */
export function readPreTokenizer(value: unknown, where: string): Cut | undefined {
  if (value === null || value === undefined) return undefined
  const part = asRecord(value, where)
  const type = typeOf(part, where)
  switch (type) {
    case 'Sequence': {
      const steps: Cut[] = []
      asList(part.pretokenizers, `${where}.pretokenizers`).forEach((step, k) => {
        const cut = readPreTokenizer(step, `${where}.pretokenizers[${k}]`)
        if (cut) steps.push(cut)
      })
      return (text) => steps.reduce((parts, cut) => parts.flatMap(cut), [text])
    }
    case 'ByteLevel':
      return byteLevel(part, where)
    case 'Split': {
      const pattern = readPattern(part.pattern, `${where}.pattern`)
      const invert = asFlag(part.invert, `${where}.invert`, false)
      return splitBy(pattern, readBehavior(part.behavior, where), invert)
    }
    case 'Digits':
      return splitBy(
        compile('\\p{N}', where),
        asFlag(part.individual_digits, `${where}.individual_digits`, false) ? 'Isolated' : 'Contiguous',
        false,
      )
    case 'Metaspace':
      return metaspace(part, where)
    case 'Whitespace':
      return splitBy(compile('\\w+|[^\\w\\s]+', where, 'rust'), 'Removed', true)
    case 'WhitespaceSplit':
      return splitBy(compile('\\s', where), 'Removed', false)
    case 'Punctuation':
      return splitBy(compile(PUNCTUATION, where), readBehavior(part.behavior ?? 'Isolated', where), false)
    case 'BertPreTokenizer': {
      const spaces = splitBy(compile('\\s', where), 'Removed', false)
      const marks = splitBy(compile(PUNCTUATION, where), 'Isolated', false)
      return (text) => spaces(text).flatMap(marks)
    }
    case 'CharDelimiterSplit':
      return splitBy(readPattern(asText(part.delimiter, `${where}.delimiter`), where), 'Removed', false)
    case 'UnicodeScripts':
      return unicodeScripts
    case 'FixedLength':
      return fixedLength(asIndex(part.length, `${where}.length`, 2 ** 31 - 1))
    default:
      throw unsupported(where, type, KNOWN)
  }
}

function readBehavior(value: unknown, where: string): string {
  const behavior = asText(value, `${where}.behavior`)
  if (!BEHAVIORS.includes(behavior)) throw unsupported(`${where}.behavior`, behavior, BEHAVIORS)
  return behavior
}

function splitBy(pattern: Pattern, behavior: string, invert: boolean): Cut {
  return (text) => {
    const parts = pattern.partsOf(text.text)
    if (invert) for (const part of parts) part.match = !part.match
    const result: AlignedText[] = []
    for (const { from, to } of arrange(parts, behavior)) if (from < to) result.push(text.slice(from, to))
    return result
  }
}

/** Applies a split behaviour to the parts of a pattern. */
function arrange(parts: PatternPart[], behavior: string): PatternPart[] {
  if (behavior === 'Isolated') return parts
  if (behavior === 'Removed') return parts.filter(({ match }) => !match)
  const result: PatternPart[] = []
  let before = false
  if (behavior === 'MergedWithNext') {
    for (const part of parts.slice().reverse()) {
      const last = result[result.length - 1]
      if (part.match && !before && last) last.from = part.from
      else result.push({ ...part })
      before = part.match
    }
    return result.reverse()
  }
  for (const part of parts) {
    const last = result[result.length - 1]
    const joins = behavior === 'Contiguous' ? last?.match === part.match : part.match && !before
    if (last && joins) last.to = part.to
    else result.push({ ...part })
    before = part.match
  }
  return result
}

/** Splits where the script changes; spaces belong to any script. Hiragana, Katakana and U+30FC count as Han. */
function unicodeScripts(text: AlignedText): AlignedText[] {
  const result: AlignedText[] = []
  // As in Hugging Face's, leading spaces are dropped.
  let from = text.text.search(/[^ ]/)
  if (from < 0) return result
  let last = scriptOf(text.text.codePointAt(from)!)
  for (let at = from; at < text.text.length; ) {
    const point = text.text.codePointAt(at)!
    const script = point === 0x20 ? last : scriptOf(point)
    if (script !== last) {
      result.push(text.slice(from, at))
      from = at
      last = script
    }
    at += point > 0xffff ? 2 : 1
  }
  result.push(text.slice(from, text.text.length))
  return result
}

/** Splits into parts of `length` characters. */
function fixedLength(length: number): Cut {
  return (text) => {
    const result: AlignedText[] = []
    if (length === 0) return text.text === '' ? [] : [text]
    let from = 0
    let count = 0
    for (let at = 0; at < text.text.length; ) {
      at += text.text.codePointAt(at)! > 0xffff ? 2 : 1
      if (++count < length && at < text.text.length) continue
      result.push(text.slice(from, at))
      from = at
      count = 0
    }
    return result
  }
}

function byteLevel(part: JsonRecord, where: string): Cut {
  const prefix = asFlag(part.add_prefix_space, `${where}.add_prefix_space`, true) ? prepend(' ') : undefined
  const words = asFlag(part.use_regex, `${where}.use_regex`, true)
    ? splitBy(compile(GPT2_WORDS, where), 'Isolated', false)
    : undefined
  const rewrite = perCharacter(toByteAlphabet)
  // Without alignments the whole text is mapped at once.
  const write = (text: AlignedText) =>
    text.starts ? rewrite(text) : new AlignedText(toByteAlphabet(text.text), undefined, undefined)
  return (text) => {
    const prefixed = prefix && !text.text.startsWith(' ') ? prefix(text) : text
    return (words ? words(prefixed) : [prefixed]).map(write)
  }
}

function metaspace(part: JsonRecord, where: string): Cut {
  const mark = asText(part.replacement ?? '\u2581', `${where}.replacement`)
  const legacy = asFlag(part.add_prefix_space, `${where}.add_prefix_space`, true) ? 'always' : 'never'
  const scheme = asText(part.prepend_scheme ?? legacy, `${where}.prepend_scheme`)
  if (!['always', 'first', 'never'].includes(scheme)) {
    throw unsupported(`${where}.prepend_scheme`, scheme, ['always', 'first', 'never'])
  }
  if ([...mark].length !== 1) throw new TokenizerError(`tokenizer.json: ${where}.replacement is not one character`)
  const spaces = replace(readPattern(' ', where), mark)
  const prefix = prepend(mark)
  const split = asFlag(part.split, `${where}.split`, true)
    ? splitBy(readPattern(mark, where), 'MergedWithNext', false)
    : undefined
  return (text) => {
    let marked = spaces(text)
    const wanted = scheme === 'always' || (scheme === 'first' && text.starts?.[0] === 0)
    if (wanted && !marked.text.startsWith(mark)) marked = prefix(marked)
    return split ? split(marked) : [marked]
  }
}
