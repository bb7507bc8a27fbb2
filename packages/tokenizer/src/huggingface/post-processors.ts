/** Post-processors of a tokenizer.json: special tokens around a text or a pair, and trimming of offsets. */
import { TokenizerError } from '../tokenizer-error.ts'
import { SPACE_IN_ALPHABET } from './byte-alphabet.ts'
import { asFlag, asIndex, asList, asRecord, asText, type JsonRecord, typeOf, unsupported } from './json-value.ts'

/** A part of a template: the tokens of a text, or special tokens; with their type id. */
export type TemplatePart = { sequence: 0 | 1; typeId: number } | { ids: number[]; typeId: number }

/** A post-processor: templates of special tokens, and trimming of offsets. */
export type PostProcessor = {
  /** The templates for a text and for a pair. */
  single: TemplatePart[]
  pair: TemplatePart[]
  /** Whether the file has a template. */
  templated: boolean
  /** The ids of `single` before and after the text. */
  before: number[]
  after: number[]
  /** Trims spaces from offsets; `prefix`: one leading space of the first token was added and is not in the text. */
  trim: { prefix: boolean } | undefined
}

const KNOWN = ['TemplateProcessing', 'ByteLevel', 'Sequence', 'BertProcessing', 'RobertaProcessing']
const FIRST: TemplatePart = { sequence: 0, typeId: 0 }
/** No special tokens. */
export const PLAIN: PostProcessor = {
  single: [FIRST],
  pair: [FIRST, { sequence: 1, typeId: 1 }],
  templated: false,
  before: [],
  after: [],
  trim: undefined,
}

/** @throws TokenizerError where a post-processor is malformed or of an unsupported type */
export function readPostProcessor(value: unknown, where: string): PostProcessor {
  if (value === null || value === undefined) return PLAIN
  const part = asRecord(value, where)
  const type = typeOf(part, where)
  switch (type) {
    case 'TemplateProcessing': {
      const single = template(part, 'single', where)
      return templated(
        single,
        part.pair === undefined || part.pair === null ? PLAIN.pair : template(part, 'pair', where),
      )
    }
    case 'ByteLevel': {
      const trim = asFlag(part.trim_offsets, `${where}.trim_offsets`, true)
      const prefix = asFlag(part.add_prefix_space, `${where}.add_prefix_space`, true)
      return { ...PLAIN, trim: trim ? { prefix } : undefined }
    }
    case 'Sequence':
      return asList(part.processors, `${where}.processors`)
        .map((step, k) => readPostProcessor(step, `${where}.processors[${k}]`))
        .reduce((all, step) => ({ ...wrapped(all, step), trim: step.trim ?? all.trim }), PLAIN)
    case 'BertProcessing':
    case 'RobertaProcessing': {
      const idsOf = (name: 'cls' | 'sep') => {
        const pair = asList(part[name], `${where}.${name}`)
        return [asIndex(pair[1], `${where}.${name}[1]`, 2 ** 31 - 1)]
      }
      const cls = { ids: idsOf('cls'), typeId: 0 }
      const sep = { ids: idsOf('sep'), typeId: 0 }
      if (type === 'BertProcessing') {
        return templated([cls, FIRST, sep], [cls, FIRST, sep, { sequence: 1, typeId: 1 }, { ...sep, typeId: 1 }])
      }
      const trim = asFlag(part.trim_offsets, `${where}.trim_offsets`, true)
      const prefix = asFlag(part.add_prefix_space, `${where}.add_prefix_space`, true)
      const pair: TemplatePart[] = [cls, FIRST, sep, sep, { sequence: 1, typeId: 0 }, sep]
      return { ...templated([cls, FIRST, sep], pair), trim: trim ? { prefix } : undefined }
    }
    default:
      throw unsupported(where, type, KNOWN)
  }
}

function templated(single: TemplatePart[], pair: TemplatePart[]): PostProcessor {
  const at = single.findIndex((part) => 'sequence' in part)
  const idsOf = (parts: TemplatePart[]) => parts.flatMap((part) => ('ids' in part ? part.ids : []))
  return {
    single,
    pair,
    templated: true,
    before: idsOf(single.slice(0, at)),
    after: idsOf(single.slice(at + 1)),
    trim: undefined,
  }
}

/**
 * The post-processor that applies `inner`, then `outer`. The outer template for a text wraps the inner one; for pairs
 * the inner one is used.
 */
function wrapped(inner: PostProcessor, outer: PostProcessor): PostProcessor {
  if (!outer.templated) return inner
  if (!inner.templated) return outer
  const single = outer.single.flatMap((part) => ('sequence' in part ? inner.single : [part]))
  return templated(single, inner.pair)
}

function template(part: JsonRecord, kind: 'single' | 'pair', where: string): TemplatePart[] {
  const specials = asRecord(part.special_tokens ?? {}, `${where}.special_tokens`)
  const seen = new Set<string>()
  const parts = asList(part[kind], `${where}.${kind}`).map((entry, k): TemplatePart => {
    const at = `${where}.${kind}[${k}]`
    const item = asRecord(entry, at)
    if (item.Sequence !== undefined) {
      const sequence = asRecord(item.Sequence, `${at}.Sequence`)
      const id = asText(sequence.id ?? 'A', `${at}.Sequence.id`)
      if (id !== 'A' && id !== 'B')
        throw new TokenizerError(`tokenizer.json: ${at} has Sequence id ${JSON.stringify(id)}; A and B are supported`)
      if (seen.has(id)) {
        throw new TokenizerError(`tokenizer.json: ${at} is Sequence ${id} a second time; it may occur once`)
      }
      seen.add(id)
      return { sequence: id === 'A' ? 0 : 1, typeId: typeIdOf(sequence, at) }
    }
    const special = asRecord(item.SpecialToken, `${at}.SpecialToken`)
    const name = asText(special.id, `${at}.SpecialToken.id`)
    if (!Object.hasOwn(specials, name)) {
      throw new TokenizerError(
        `tokenizer.json: ${at} names ${JSON.stringify(name)}, which special_tokens does not have`,
      )
    }
    const ids = asList(asRecord(specials[name], `${where}.special_tokens`).ids, `${where}.special_tokens.ids`)
    return {
      ids: ids.map((id) => asIndex(id, `${where}.special_tokens.ids`, 2 ** 31 - 1)),
      typeId: typeIdOf(special, at),
    }
  })
  if (!seen.has('A')) throw new TokenizerError(`tokenizer.json: ${where}.${kind} has no Sequence A`)
  if (kind === 'single' ? seen.has('B') : !seen.has('B')) {
    throw new TokenizerError(`tokenizer.json: ${where}.${kind} ${kind === 'single' ? 'has' : 'lacks'} a Sequence B`)
  }
  return parts
}

function typeIdOf(part: JsonRecord, where: string): number {
  return asIndex(part.type_id ?? 0, `${where}.type_id`, 2 ** 31 - 1)
}

/** Excludes leading and trailing spaces of a byte-level token from its offsets. */
export function trimOffsets(token: string, offsets: [number, number], prefixed: boolean): void {
  const isSpace = (unit: string) => unit === SPACE_IN_ALPHABET || /\p{White_Space}/u.test(unit)
  let leading = 0
  while (leading < token.length && isSpace(token[leading])) leading++
  let trailing = 0
  while (trailing < token.length && isSpace(token[token.length - 1 - trailing])) trailing++
  if (leading > 0) {
    // The pre-tokenizer adds at most one space, so several are part of the text.
    if (prefixed && leading === 1) leading = 0
    offsets[0] = Math.min(offsets[0] + leading, offsets[1])
  }
  if (trailing > 0 && offsets[1] >= trailing) offsets[1] = Math.max(offsets[1] - trailing, offsets[0])
}
