/** Streaming parser of completions in Harmony, from ids or text. */
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

/** A piece of a message's text. */
export interface HarmonyDelta {
  readonly role: HarmonyRole
  readonly channel?: string
  readonly recipient?: string
  readonly text: string
}

/** A parsed message, whose content is text. */
export type ParsedHarmonyMessage = HarmonyMessage & { readonly content: string }

type Header = Omit<ParsedHarmonyMessage, 'content'>

/** Limit of the length of a header (role, recipient, channel, content type) in characters. */
const longestHeader = 4096

const pattern = new RegExp(`(${harmonyTokens.map((token) => token.replaceAll('|', '\\|')).join('|')})`)

/**
 * Parses a completion from ids (`push`) or from text that contains special tokens (`pushText`); call `end()` at the
 * end. Each call returns the text that is complete so far; `messages` holds the messages that have ended.
 * @example
 * const parser = new HarmonyParser({ encoder, tokens: harmonyTokenIds(encoder), role: 'assistant' })
 * let shown = ''
 * for await (const id of generator.generate(prompt, 512))
 *   for (const { channel, text } of parser.push(id)) if (channel === 'final') shown += text
 * shown // 'Yes.'
 */
export class HarmonyParser {
  readonly messages: ParsedHarmonyMessage[] = []
  private readonly encoder: ChatEncoder | undefined
  private readonly names: ReadonlyMap<number, HarmonyToken>
  /** Role of a first message without `<|start|>`, for a prompt that ends in its beginning. */
  private role: HarmonyRole | undefined
  private state: 'start' | 'header' | 'content'
  private headerText = ''
  private header: Header | undefined
  private content = ''
  /** Decoder of the current run of text tokens. */
  private stream: ReturnType<ChatEncoder['decodeStream']> | undefined
  /** Text held back, since it may be the beginning of a special token. */
  private held = ''

  /**
   * @param options `role`: role of the first message, where the prompt ends in its beginning; default: the text begins
   *   with `<|start|>`. `encoder` and `tokens`: required for `push`
   */
  constructor(options: {
    readonly role?: HarmonyRole
    readonly encoder?: ChatEncoder
    readonly tokens?: HarmonyTokenIds
  }) {
    const { role, encoder, tokens } = options
    this.role = role
    this.encoder = encoder
    this.names = new Map(harmonyTokens.flatMap((token) => (tokens ? [[tokens[token], token] as const] : [])))
    this.state = role ? 'header' : 'start'
  }

  /** Header of the current message; undefined between messages and within headers. */
  get current(): Header | undefined {
    return this.header
  }

  /** Parses an id. @throws TokenizerError where the token is not allowed at this point */
  push(id: number): HarmonyDelta[] {
    if (!this.encoder) throw new TokenizerError('HarmonyParser: push needs the options encoder and tokens')
    const token = this.names.get(id)
    if (token === undefined) {
      this.stream ??= this.encoder.decodeStream()
      return this.text(this.stream.push(id))
    }
    return [...this.flush(), ...this.special(token)]
  }

  /** Parses a piece of text that contains special tokens, which may be split between pieces. @throws as {@link push} */
  pushText(piece: string): HarmonyDelta[] {
    const parts = (this.held + piece).split(pattern)
    const last = parts.pop()!
    const at = last.lastIndexOf('<')
    const cut = at >= 0 && harmonyTokens.some((token) => token.startsWith(last.slice(at))) ? at : last.length
    this.held = last.slice(cut)
    const deltas = parts.flatMap((part, i) => (i % 2 === 1 ? this.special(part as HarmonyToken) : this.text(part)))
    return [...deltas, ...this.text(last.slice(0, cut))]
  }

  /** Ends the completion and its last message. @throws TokenizerError where it ends within a header */
  end(): HarmonyDelta[] {
    const deltas = [...this.flush(), ...this.text(this.held)]
    this.held = ''
    if (this.state === 'content') this.finish()
    else if (this.state === 'header' && !(this.role && this.headerText === ''))
      throw new TokenizerError(
        `harmony: the text ends in the header ${JSON.stringify(this.headerText)}, before any ${'<|message|>'}`,
      )
    return deltas
  }

  private flush(): HarmonyDelta[] {
    const rest = this.stream?.end() ?? ''
    this.stream = undefined
    return this.text(rest)
  }

  private text(text: string): HarmonyDelta[] {
    if (text === '') return []
    if (this.state === 'content') {
      this.content += text
      const { role, channel, recipient } = this.header!
      return [{ role, ...(channel !== undefined && { channel }), ...(recipient !== undefined && { recipient }), text }]
    }
    if (this.state === 'start') {
      throw new TokenizerError(
        `harmony: found ${JSON.stringify(text.slice(0, 40))} between messages, where ${'<|start|>'} is expected`,
      )
    }
    this.headerText += text
    if (this.headerText.length > longestHeader)
      throw new TokenizerError(`harmony: a header has more than ${longestHeader} characters`)
    return []
  }

  private special(token: HarmonyToken): HarmonyDelta[] {
    if (this.state === 'start') {
      if (token !== '<|start|>')
        throw new TokenizerError(`harmony: found ${token} between messages, where ${'<|start|>'} is expected`)
      this.state = 'header'
      return []
    }
    if (this.state === 'header') {
      if (token === '<|message|>') {
        this.header = parseHeader(this.headerText, this.role)
        this.headerText = ''
        this.role = undefined
        this.state = 'content'
        return []
      }
      if (token === '<|channel|>' || token === '<|constrain|>') return this.text(token)
      throw new TokenizerError(`harmony: found ${token} within a header, where ${'<|message|>'} is expected`)
    }
    // As in openai-harmony, other special tokens within a message are part of its text.
    if (token !== '<|end|>' && token !== '<|return|>' && token !== '<|call|>') return this.text(token)
    this.finish()
    return []
  }

  private finish(): void {
    this.messages.push({ ...this.header!, content: this.content })
    this.content = ''
    this.header = undefined
    this.state = 'start'
  }
}

/**
 * Parses a header such as `assistant to=functions.f<|channel|>commentary <|constrain|>json`; recipient and channel in
 * any order.
 */
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
    throw refuse(`has an unknown role; ${harmonyRoles.join(', ')} or the name of a tool is needed`)
  const header: { -readonly [K in keyof Header]: Header[K] } = { role: isTool ? 'tool' : (first as HarmonyRole) }
  if (isTool) header.name = first
  if (ofChannel) header.channel = ofChannel[1]
  for (const word of words) {
    if (word.startsWith('to=') && header.recipient === undefined) header.recipient = word.slice(3)
    else if (header.contentType === undefined) header.contentType = word
    else throw refuse(`has ${JSON.stringify(word)} after recipient and content type`)
  }
  return header
}

/**
 * Parses the messages of a text that contains special tokens.
 * @param role role of the first message, where the text begins within its header; undefined: it begins with `<|start|>`
 * @throws TokenizerError where the text is not valid Harmony
 */
export function parseHarmony(text: string, role?: HarmonyRole): ParsedHarmonyMessage[] {
  const parser = new HarmonyParser({ role })
  parser.pushText(text)
  parser.end()
  return parser.messages
}
