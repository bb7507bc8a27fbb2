/** Reading what a model writes in Harmony, token by token or piece by piece of text. */
import { TokenizerError } from '../../tokenizer-error.ts'
import type { ChatEncoder } from '../chat-encoder.ts'
import {
  type HarmonyMessage,
  type HarmonyRole,
  type HarmonyToken,
  type HarmonyTokenIds,
  harmonyRoles,
  harmonyTokens,
} from './message.ts'

/** Text of a message as it comes in. */
export interface HarmonyDelta {
  readonly role: HarmonyRole
  readonly channel?: string
  readonly recipient?: string
  readonly text: string
}

/** A message that was read; its content is text. */
export type ParsedHarmonyMessage = HarmonyMessage & { readonly content: string }

type Header = Omit<ParsedHarmonyMessage, 'content'>

/** Characters of a header: role, recipient, channel, type. */
const longestHeader = 4096

const pattern = new RegExp(`(${harmonyTokens.map((token) => token.replaceAll('|', '\\|')).join('|')})`)

/**
 * Reads a completion: give it ids (`push`) or text with special tokens spelled (`pushText`), and `end()` at the end. What comes back of each is
 * the text that is certain by then; `messages` are those that have ended.
 * @example
 * const parser = new HarmonyParser({ encoder, tokens: harmonyTokenIds(encoder), role: 'assistant' })
 * let shown = ''
 * for await (const id of generator.generate(prompt, 512)) for (const { channel, text } of parser.push(id)) if (channel === 'final') shown += text
 * shown // 'Yes.'
 */
export class HarmonyParser {
  readonly messages: ParsedHarmonyMessage[] = []
  readonly #encoder: ChatEncoder | undefined
  readonly #names: ReadonlyMap<number, HarmonyToken>
  /** Whose message begins without `<|start|>`: that of a prompt that ends in it. */
  #role: HarmonyRole | undefined
  #state: 'start' | 'header' | 'content'
  #headerText = ''
  #header: Header | undefined
  #content = ''
  /** Decodes the ids of one run of text. */
  #stream: ReturnType<ChatEncoder['decodeStream']> | undefined
  /** The end of text that may be the beginning of a special token. */
  #held = ''

  /** @param options.role default: none, the text begins with `<|start|>`; @param options.encoder for ids, with `tokens` */
  constructor(options: {
    readonly role?: HarmonyRole
    readonly encoder?: ChatEncoder
    readonly tokens?: HarmonyTokenIds
  }) {
    const { role, encoder, tokens } = options
    this.#role = role
    this.#encoder = encoder
    this.#names = new Map(harmonyTokens.flatMap((token) => (tokens ? [[tokens[token], token] as const] : [])))
    this.#state = role ? 'header' : 'start'
  }

  /** Whose text comes in at the moment, and on which channel; undefined between messages and in headers. */
  get current(): Header | undefined {
    return this.#header
  }

  /** @throws TokenizerError for what cannot stand where it does */
  push(id: number): HarmonyDelta[] {
    if (!this.#encoder) throw new TokenizerError('HarmonyParser: give it an encoder and tokens to read ids')
    const token = this.#names.get(id)
    if (token === undefined) {
      this.#stream ??= this.#encoder.decodeStream()
      return this.#text(this.#stream.push(id))
    }
    return [...this.#flush(), ...this.#special(token)]
  }

  /** Text with special tokens spelled, cut anywhere. */
  pushText(piece: string): HarmonyDelta[] {
    const parts = (this.#held + piece).split(pattern)
    const last = parts.pop()!
    const at = last.lastIndexOf('<')
    const cut = at >= 0 && harmonyTokens.some((token) => token.startsWith(last.slice(at))) ? at : last.length
    this.#held = last.slice(cut)
    const deltas = parts.flatMap((part, i) => (i % 2 === 1 ? this.#special(part as HarmonyToken) : this.#text(part)))
    return [...deltas, ...this.#text(last.slice(0, cut))]
  }

  /** Ends what is open: a model may stop within a message. @throws TokenizerError where a header is not whole */
  end(): HarmonyDelta[] {
    const deltas = [...this.#flush(), ...this.#text(this.#held)]
    this.#held = ''
    if (this.#state === 'content') this.#finish()
    else if (this.#state === 'header' && !(this.#role && this.#headerText === ''))
      throw new TokenizerError(
        `harmony: the text ends in the header ${JSON.stringify(this.#headerText)}, before any ${'<|message|>'}`,
      )
    return deltas
  }

  #flush(): HarmonyDelta[] {
    const rest = this.#stream?.end() ?? ''
    this.#stream = undefined
    return this.#text(rest)
  }

  #text(text: string): HarmonyDelta[] {
    if (text === '') return []
    if (this.#state === 'content') {
      this.#content += text
      const { role, channel, recipient } = this.#header!
      return [{ role, ...(channel !== undefined && { channel }), ...(recipient !== undefined && { recipient }), text }]
    }
    if (this.#state === 'start') {
      throw new TokenizerError(
        `harmony: ${JSON.stringify(text.slice(0, 40))} stands between messages, where ${'<|start|>'} is expected`,
      )
    }
    this.#headerText += text
    if (this.#headerText.length > longestHeader)
      throw new TokenizerError(`harmony: a header has more than ${longestHeader} characters`)
    return []
  }

  #special(token: HarmonyToken): HarmonyDelta[] {
    if (this.#state === 'start') {
      if (token !== '<|start|>')
        throw new TokenizerError(`harmony: ${token} stands between messages, where ${'<|start|>'} is expected`)
      this.#state = 'header'
      return []
    }
    if (this.#state === 'header') {
      if (token === '<|message|>') {
        this.#header = parseHeader(this.#headerText, this.#role)
        this.#headerText = ''
        this.#role = undefined
        this.#state = 'content'
        return []
      }
      if (token === '<|channel|>' || token === '<|constrain|>') return this.#text(token)
      throw new TokenizerError(`harmony: ${token} stands in a header, before any ${'<|message|>'}`)
    }
    // What cannot begin within a message is a part of it, as for openai-harmony.
    if (token !== '<|end|>' && token !== '<|return|>' && token !== '<|call|>') return this.#text(token)
    this.#finish()
    return []
  }

  #finish(): void {
    this.messages.push({ ...this.#header!, content: this.#content })
    this.#content = ''
    this.#header = undefined
    this.#state = 'start'
  }
}

/** `assistant to=functions.f<|channel|>commentary <|constrain|>json`, in either order of channel and recipient. */
function parseHeader(text: string, given: HarmonyRole | undefined): Header {
  const refuse = (why: string) => new TokenizerError(`harmony: the header ${JSON.stringify(text)} ${why}`)
  const [before, after, ...more] = text.split('<|channel|>')
  if (more.length > 0) throw refuse('has two channels')
  const ofChannel = after?.match(/^\s*([^\s<]+)([\s\S]*)$/)
  if (after !== undefined && !ofChannel) throw refuse('names no channel')
  const words = `${before} ${ofChannel?.[2] ?? ''}`
    .replaceAll('<|constrain|>', ' <|constrain|>')
    .split(/\s+/)
    .filter(Boolean)
  const first = given ?? words.shift()
  if (first === undefined) throw refuse('names no role')
  const isTool = !harmonyRoles.includes(first)
  if (isTool && !/^[\w-]+(\.[\w-]+)+$/.test(first))
    throw refuse(`is of no role: ${harmonyRoles.join(', ')} or a tool by its name`)
  const header: { -readonly [K in keyof Header]: Header[K] } = { role: isTool ? 'tool' : (first as HarmonyRole) }
  if (isTool) header.name = first
  if (ofChannel) header.channel = ofChannel[1]
  for (const word of words) {
    if (word.startsWith('to=') && header.recipient === undefined) header.recipient = word.slice(3)
    else if (header.contentType === undefined) header.contentType = word
    else throw refuse(`has ${JSON.stringify(word)} besides recipient and type`)
  }
  return header
}

/**
 * The messages of a text in which special tokens are spelled.
 * @param role of the message that it begins in; none: it begins with `<|start|>`
 * @throws TokenizerError naming what stands where it cannot
 */
export function parseHarmony(text: string, role?: HarmonyRole): ParsedHarmonyMessage[] {
  const parser = new HarmonyParser({ role })
  parser.pushText(text)
  parser.end()
  return parser.messages
}
