/** Renders Harmony conversations as text and as ids. */
import { TokenizerError } from '../../tokenizer-error.ts'
import type { ChatEncoder } from '../chat-encoder.ts'
import { namespaceOf } from './declarations.ts'
import {
  type HarmonyDeveloper,
  type HarmonyMessage,
  type HarmonySystem,
  type HarmonyToken,
  type HarmonyTokenIds,
  harmonyRoles,
} from './message.ts'

export interface HarmonyRenderOptions {
  /**
   * Which reasoning (channel analysis) to omit. `drop`, the default, as in openai-harmony: if the assistant's last
   * message is a final answer, reasoning before the first final answer. `keep`: none. `last`: reasoning before the last
   * user message.
   */
  readonly analysis?: 'drop' | 'keep' | 'last'
  /**
   * `completion` appends the beginning of an assistant message; `training` ends a last final answer with `<|return|>`.
   * Default `conversation`: neither.
   */
  readonly purpose?: 'conversation' | 'completion' | 'training'
}

/** A part of a rendered conversation: a special token, or plain text. */
type Part = ({ readonly token: HarmonyToken } | { readonly text: string }) & {
  /** Whether the assistant generates it, and the index of its message. */
  readonly assistant?: boolean
  readonly message?: number
}

/** The defaults of openai-harmony. For another model than gpt-oss, such as LLM-jp-4, set its own identity. */
const unsaid = {
  identity: 'You are ChatGPT, a large language model trained by OpenAI.',
  knowledgeCutoff: '2024-06',
  reasoningEffort: 'medium',
  channels: ['analysis', 'commentary', 'final'],
} as const

/** The default system message of openai-harmony. */
export const defaultHarmonySystem: HarmonySystem = unsaid

/**
 * Renders a conversation as text with special tokens. Messages whose content spells such tokens cannot be told apart in
 * the result; `harmonyIds` encodes them as plain text.
 * @throws TokenizerError where a message is invalid
 * @example renderHarmony([{ role: 'user', content: 'Hello' }]) // '<|start|>user<|message|>Hello<|end|>'
 */
export function renderHarmony(messages: readonly HarmonyMessage[], options: HarmonyRenderOptions = {}): string {
  return partsOf(messages, options)
    .map((part) => ('token' in part ? part.token : part.text))
    .join('')
}

export interface HarmonyEncoding {
  readonly ids: Int32Array
  /** 1 for tokens that the assistant generates: headers after `<|start|>assistant`, text, and end tokens. */
  readonly assistantMask: Uint8Array
}

/**
 * Renders a conversation as ids. Only the format's own special tokens get their ids; content is encoded as plain text,
 * so that no message can forge another.
 * @param tokens `harmonyTokenIds(encoder)`
 * @param options.learnt which of the assistant's messages the mask includes, by index; default: all
 * @example
 * const { ids } = harmonyIds([{ role: 'user', content: 'Hello' }], encoder, harmonyTokenIds(encoder))
 * ids[0] === harmonyTokenIds(encoder)['<|start|>'] // true
 */
export function harmonyIds(
  messages: readonly HarmonyMessage[],
  encoder: ChatEncoder,
  tokens: HarmonyTokenIds,
  options: HarmonyRenderOptions & { readonly learnt?: (message: number) => boolean } = {},
): HarmonyEncoding {
  const { learnt = () => true, ...rendering } = options
  const ids: number[] = []
  const mask: number[] = []
  for (const part of partsOf(messages, rendering)) {
    const own = 'token' in part ? [tokens[part.token]] : encoder.encodeText(part.text)
    const counts = part.assistant && learnt(part.message!) ? 1 : 0
    for (const id of own) {
      ids.push(id)
      mask.push(counts)
    }
  }
  return { ids: Int32Array.from(ids), assistantMask: Uint8Array.from(mask) }
}

function partsOf(messages: readonly HarmonyMessage[], options: HarmonyRenderOptions): Part[] {
  const { purpose = 'conversation', analysis = 'drop' } = options
  const kept = new Set(keptMessages(messages, analysis))
  const functions = messages.some(({ role, content }) => role === 'developer' && hasTools(content))
  const parts: Part[] = []
  messages.forEach((message, i) => {
    if (!kept.has(i)) return
    const last = purpose === 'training' && i === messages.length - 1
    parts.push(...messageParts(message, i, functions, last))
  })
  if (purpose === 'completion') parts.push({ token: '<|start|>' }, { text: 'assistant' })
  return parts
}

const hasTools = (content: HarmonyMessage['content']) =>
  typeof content === 'object' && 'tools' in content && (content.tools?.length ?? 0) > 0

function keptMessages(messages: readonly HarmonyMessage[], analysis: 'drop' | 'keep' | 'last'): number[] {
  const all = messages.map((_, i) => i)
  const isThought = (i: number) => messages[i].role === 'assistant' && messages[i].channel === 'analysis'
  if (analysis === 'keep') return all
  if (analysis === 'last') {
    const question = messages.findLastIndex(({ role }) => role === 'user')
    return all.filter((i) => i > question || !isThought(i))
  }
  const lastSaid = messages.findLastIndex(({ role }) => role === 'assistant')
  if (lastSaid < 0 || messages[lastSaid].channel !== 'final') return all
  const final = messages.findIndex(({ channel }) => channel === 'final')
  return all.filter((i) => i > final || !isThought(i))
}

function messageParts(message: HarmonyMessage, index: number, functions: boolean, last: boolean): Part[] {
  const { role, name, channel, recipient, contentType } = message
  if (!harmonyRoles.includes(role))
    throw new TokenizerError(
      `harmony: the role of message ${index} is ${JSON.stringify(role)}; ${harmonyRoles.join(', ')} are known`,
    )
  if (role === 'tool' && !name)
    throw new TokenizerError(
      `harmony: message ${index} has role tool but no name; give one, such as functions.get_weather`,
    )
  for (const [field, value] of Object.entries({ name, channel, recipient }))
    if (value !== undefined && !/^[^\s<>|]+$/.test(value))
      throw new TokenizerError(`harmony: ${field} of message ${index} must be one word, got ${JSON.stringify(value)}`)
  const assistant = role === 'assistant'
  const own = (part: { token: HarmonyToken } | { text: string }): Part =>
    assistant ? { ...part, assistant, message: index } : part
  const parts: Part[] = [{ token: '<|start|>' }, { text: role === 'tool' ? name! : role }]
  if (recipient !== undefined && recipient !== 'all') parts.push(own({ text: ` to=${recipient}` }))
  if (channel !== undefined) parts.push(own({ token: '<|channel|>' }), own({ text: channel }))
  if (contentType !== undefined) {
    const constrained = contentType.startsWith('<|constrain|>')
    const type = constrained ? contentType.slice('<|constrain|>'.length) : contentType
    if (!/^[^\s<>|]+$/.test(type))
      throw new TokenizerError(
        `harmony: contentType of message ${index} must be one word, got ${JSON.stringify(contentType)}`,
      )
    if (constrained) parts.push(own({ text: ' ' }), own({ token: '<|constrain|>' }), own({ text: type }))
    else parts.push(own({ text: ` ${type}` }))
  }
  parts.push(own({ token: '<|message|>' }), own({ text: contentText(message, index, functions) }))
  const end =
    assistant && recipient !== undefined
      ? '<|call|>'
      : assistant && channel === 'final' && last
        ? '<|return|>'
        : '<|end|>'
  return [...parts, own({ token: end })]
}

function contentText({ role, content }: HarmonyMessage, index: number, functions: boolean): string {
  if (typeof content === 'string') return content
  if (role === 'system') return systemText(content as HarmonySystem, functions)
  if (role === 'developer') return developerText(content as HarmonyDeveloper)
  throw new TokenizerError(`harmony: content of message ${index} (${role}) must be text`)
}

function systemText(system: HarmonySystem, functions: boolean): string {
  const { identity, knowledgeCutoff, currentDate, reasoningEffort, channels = unsaid.channels } = system
  const about = [
    identity,
    knowledgeCutoff !== undefined && `Knowledge cutoff: ${knowledgeCutoff}`,
    currentDate !== undefined && `Current date: ${currentDate}`,
  ].filter((line) => line)
  const sections = [about.join('\n'), reasoningEffort ? `Reasoning: ${reasoningEffort}` : '']
  if (channels.length > 0)
    sections.push(
      `# Valid channels: ${channels.join(', ')}. Channel must be included for every message.${functions ? "\nCalls to these tools must go to the commentary channel: 'functions'." : ''}`,
    )
  return sections.filter((section) => section).join('\n\n')
}

function developerText({ instructions, tools }: HarmonyDeveloper): string {
  const sections = instructions === undefined ? [] : [`# Instructions\n\n${instructions}`]
  if (tools && tools.length > 0) sections.push(`# Tools\n\n${namespaceOf('functions', tools)}`)
  return sections.join('\n\n')
}
