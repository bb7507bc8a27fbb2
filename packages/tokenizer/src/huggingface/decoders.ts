/** Decoders of a tokenizer.json, which turn tokens into text. */
import { bytesOfTokens } from './byte-alphabet.ts'
import { asFlag, asIndex, asList, asRecord, asText, type JsonRecord, typeOf, unsupported } from './json-value.ts'
import { readPattern } from './pattern.ts'

/** A step of decoding, from texts to texts. The decoded text is the concatenation after the last step. */
export type DecodeStep = (tokens: string[]) => string[]

const KNOWN = [
  'Sequence',
  'Replace',
  'ByteFallback',
  'Fuse',
  'Strip',
  'ByteLevel',
  'Metaspace',
  'BPEDecoder',
  'WordPiece',
  'CTC',
]
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lossyUtf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * A decoder, and its kind for streaming: `'bytes'`, nothing but a byte-level decoder; `'mixed'`, a byte-level decoder
 * with other steps; `'text'`, none.
 */
export type Decoder = { step: DecodeStep; kind: 'bytes' | 'mixed' | 'text' }

/** @throws TokenizerError where a decoder is malformed or of an unsupported type */
export function readDecoder(value: unknown, where: string): Decoder {
  const types = typesOf(value)
  const level = types.includes('ByteLevel')
  const alone = level && types.every((type) => type === 'Sequence' || type === 'ByteLevel' || type === 'Fuse')
  return { step: readStep(value, where), kind: alone ? 'bytes' : level ? 'mixed' : 'text' }
}

function typesOf(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  const { type, decoders } = value as JsonRecord
  return [type, ...(Array.isArray(decoders) ? decoders.flatMap(typesOf) : [])]
}

/** Without a decoder, tokens are joined with spaces. */
const joined: DecodeStep = (tokens) => [tokens.join(' ')]

function readStep(value: unknown, where: string): DecodeStep {
  if (value === null || value === undefined) return joined
  const part = asRecord(value, where)
  const type = typeOf(part, where)
  switch (type) {
    case 'Sequence': {
      const steps = asList(part.decoders, `${where}.decoders`).map((step, k) =>
        readStep(step, `${where}.decoders[${k}]`),
      )
      return (tokens) => steps.reduce((value, step) => step(value), tokens)
    }
    case 'Replace': {
      const pattern = readPattern(part.pattern, `${where}.pattern`)
      const content = asText(part.content, `${where}.content`)
      return (tokens) =>
        tokens.map((token) =>
          pattern
            .partsOf(token)
            .map(({ from, to, match }) => (match ? content : token.slice(from, to)))
            .join(''),
        )
    }
    case 'ByteFallback':
      return byteFallback
    case 'Fuse':
      return (tokens) => [tokens.join('')]
    case 'Strip': {
      const content = asText(part.content, `${where}.content`)
      const start = asIndex(part.start ?? 0, `${where}.start`, 1000)
      const stop = asIndex(part.stop ?? 0, `${where}.stop`, 1000)
      return (tokens) => tokens.map((token) => stripped(token, content, start, stop))
    }
    case 'ByteLevel':
      return (tokens) => [lossyUtf8.decode(bytesOfTokens(tokens))]
    case 'Metaspace':
      return metaspace(part.replacement, part.prepend_scheme, part.add_prefix_space, where)
    case 'BPEDecoder': {
      const suffix = asText(part.suffix ?? '</w>', `${where}.suffix`)
      return (tokens) =>
        tokens.map((token, k) => (suffix === '' ? token : token.replaceAll(suffix, k === tokens.length - 1 ? '' : ' ')))
    }
    case 'WordPiece': {
      const prefix = asText(part.prefix ?? '##', `${where}.prefix`)
      const clean = asFlag(part.cleanup, `${where}.cleanup`, true) ? cleaned : (text: string) => text
      return (tokens) =>
        tokens.map((token, k) =>
          clean(k === 0 ? token : prefix !== '' && token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`),
        )
    }
    case 'CTC': {
      const pad = asText(part.pad_token ?? '<pad>', `${where}.pad_token`)
      const delimiter = asText(part.word_delimiter_token ?? '|', `${where}.word_delimiter_token`)
      const clean = asFlag(part.cleanup, `${where}.cleanup`, true)
      return (tokens) =>
        tokens
          .filter((token, k) => token !== tokens[k - 1])
          .map((token) => {
            const text = pad === '' ? token : token.replaceAll(pad, '')
            return clean ? cleaned(text).replaceAll(delimiter, ' ') : text
          })
          .filter((text) => text !== '')
    }
    default:
      throw unsupported(where, type, KNOWN)
  }
}

/** Removes spaces before English punctuation and contractions (Hugging Face's `cleanup`), in this order. */
function cleaned(text: string): string {
  for (const [spaced, written] of SPACED) text = text.replaceAll(spaced, written)
  return text
}

const SPACED = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
]

const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/

/** Whether a token is a byte of byte fallback, so that its character may be incomplete. */
export function isByteToken(token: string): boolean {
  return BYTE_TOKEN.test(token)
}

/** Decodes each run of byte tokens as UTF-8; a run that is malformed anywhere becomes one U+FFFD per byte. */
function byteFallback(tokens: string[]): string[] {
  const result: string[] = []
  let bytes: number[] = []
  const flush = () => {
    if (bytes.length === 0) return
    try {
      result.push(utf8.decode(Uint8Array.from(bytes)))
    } catch {
      for (let k = 0; k < bytes.length; k++) result.push('\ufffd')
    }
    bytes = []
  }
  for (const token of tokens) {
    const byte = BYTE_TOKEN.exec(token)
    if (byte) bytes.push(Number.parseInt(byte[1], 16))
    else {
      flush()
      result.push(token)
    }
  }
  flush()
  return result
}

function stripped(token: string, content: string, start: number, stop: number): string {
  const characters = Array.from(token)
  let from = 0
  while (from < start && characters[from] === content) from++
  let to = characters.length
  while (characters.length - to < stop && to > from && characters[to - 1] === content) to--
  return characters.slice(from, to).join('')
}

function metaspace(replacement: unknown, scheme: unknown, addPrefix: unknown, where: string): DecodeStep {
  const mark = asText(replacement ?? '\u2581', `${where}.replacement`)
  const legacy = asFlag(addPrefix, `${where}.add_prefix_space`, true) ? 'always' : 'never'
  const prefixed = asText(scheme ?? legacy, `${where}.prepend_scheme`) !== 'never'
  return (tokens) => tokens.map((token, k) => token.replaceAll(mark, k === 0 && prefixed ? '' : ' '))
}
