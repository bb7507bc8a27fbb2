import { TokenizerError } from '../tokenizer-error.ts'
import { SPACE_IN_ALPHABET } from './byte-alphabet.ts'
import { asFlag, asIndex, asList, asRecord, asText, type JsonRecord, typeOf, unsupported } from './json-value.ts'

/** What is done with the tokens of a text: special ones around them, and offsets trimmed. */
export type PostProcessor = {
  before: number[]
  after: number[]
  /** Whether offsets leave out the spaces of a token; `prefix`: one of the first token's is not of the text. */
  trim: { prefix: boolean } | undefined
}

const KNOWN = ['TemplateProcessing', 'ByteLevel', 'Sequence', 'BertProcessing', 'RobertaProcessing']
const NOTHING: PostProcessor = { before: [], after: [], trim: undefined }

/** @throws TokenizerError where a post-processor is broken or of an unknown type, which is named */
export function readPostProcessor(value: unknown, where: string): PostProcessor {
  if (value === null || value === undefined) return NOTHING
  const part = asRecord(value, where)
  const type = typeOf(part, where)
  switch (type) {
    case 'TemplateProcessing':
      return template(part, where)
    case 'ByteLevel': {
      const trim = asFlag(part.trim_offsets, `${where}.trim_offsets`, true)
      const prefix = asFlag(part.add_prefix_space, `${where}.add_prefix_space`, true)
      return { ...NOTHING, trim: trim ? { prefix } : undefined }
    }
    case 'Sequence':
      return asList(part.processors, `${where}.processors`)
        .map((step, k) => readPostProcessor(step, `${where}.processors[${k}]`))
        .reduce(
          (all, step) => ({
            before: [...step.before, ...all.before],
            after: [...all.after, ...step.after],
            trim: step.trim ?? all.trim,
          }),
          NOTHING,
        )
    case 'BertProcessing':
    case 'RobertaProcessing': {
      const idOf = (name: 'cls' | 'sep') => {
        const pair = asList(part[name], `${where}.${name}`)
        return asIndex(pair[1], `${where}.${name}[1]`, 2 ** 31 - 1)
      }
      const roberta = type === 'RobertaProcessing' && asFlag(part.trim_offsets, `${where}.trim_offsets`, true)
      const prefix = asFlag(part.add_prefix_space, `${where}.add_prefix_space`, true)
      return { before: [idOf('cls')], after: [idOf('sep')], trim: roberta ? { prefix } : undefined }
    }
    default:
      throw unsupported(where, type, KNOWN)
  }
}

function template(part: JsonRecord, where: string): PostProcessor {
  const specials = asRecord(part.special_tokens ?? {}, `${where}.special_tokens`)
  const before: number[] = []
  const after: number[] = []
  let seen = false
  asList(part.single, `${where}.single`).forEach((entry, k) => {
    const at = `${where}.single[${k}]`
    const item = asRecord(entry, at)
    if (item.Sequence !== undefined) {
      if (seen) throw new TokenizerError(`tokenizer.json: ${at} is a second text; one is supported`)
      seen = true
      return
    }
    const name = asText(asRecord(item.SpecialToken, `${at}.SpecialToken`).id, `${at}.SpecialToken.id`)
    if (!Object.hasOwn(specials, name)) {
      throw new TokenizerError(
        `tokenizer.json: ${at} names ${JSON.stringify(name)}, which special_tokens does not have`,
      )
    }
    const ids = asList(asRecord(specials[name], `${where}.special_tokens`).ids, `${where}.special_tokens.ids`)
    const list = seen ? after : before
    for (const id of ids) list.push(asIndex(id, `${where}.special_tokens.ids`, 2 ** 31 - 1))
  })
  if (!seen) throw new TokenizerError(`tokenizer.json: ${where}.single has no Sequence`)
  return { before, after, trim: undefined }
}

/** Takes the spaces at its ends out of what a token of bytes covers. */
export function trimOffsets(token: string, offsets: [number, number], prefixed: boolean): void {
  const isSpace = (unit: string) => unit === SPACE_IN_ALPHABET || /\p{White_Space}/u.test(unit)
  let leading = 0
  while (leading < token.length && isSpace(token[leading])) leading++
  let trailing = 0
  while (trailing < token.length && isSpace(token[token.length - 1 - trailing])) trailing++
  if (leading > 0) {
    // More than one were not added, so they are of the text.
    if (prefixed && leading === 1) leading = 0
    offsets[0] = Math.min(offsets[0] + leading, offsets[1])
  }
  if (trailing > 0 && offsets[1] >= trailing) offsets[1] = Math.max(offsets[1] - trailing, offsets[0])
}
