/** Converts conversations in OpenAI's format to Harmony messages, and provides Harmony as a chat format. */
import type { Conversation, ConversationMessage } from '@kumiki/data'
import {
  type ChatEncoder,
  type ChatMessage,
  type HarmonyMessage,
  HarmonyParser,
  type HarmonyTokenIds,
  type HarmonyTool,
  harmonyIds,
} from '@kumiki/tokenizer/chat'

/** A Harmony message with the index `of` its message in the conversation. */
type Placed = HarmonyMessage & { readonly of: number }

/**
 * Converts a conversation: system messages become developer instructions, as gpt-oss expects, reasoning goes to the
 * channel analysis, tool calls to the channel commentary.
 * @throws Error for a tool message without a matching call
 */
export function toHarmony({ messages, tools }: Conversation): Placed[] {
  const isInstruction = ({ role }: ConversationMessage) => role === 'system' || role === 'developer'
  const instructions = messages.filter(isInstruction).map(({ content }) => content)
  const declared = (tools ?? []).map(toolOf)
  const placed: Placed[] = [{ role: 'system', content: { reasoningEffort: 'medium' }, of: -1 }]
  if (instructions.length > 0 || declared.length > 0)
    placed.push({
      role: 'developer',
      content: {
        ...(instructions.length > 0 && { instructions: instructions.join('\n\n') }),
        ...(declared.length > 0 && { tools: declared }),
      },
      of: -1,
    })
  const called = new Map<string, string>()
  let lastCalled: string | undefined
  messages.forEach((message, of) => {
    const { role, content } = message
    if (role === 'user') placed.push({ role, content, of })
    if (role === 'tool') {
      const name = called.get(message.tool_call_id ?? '') ?? message.name ?? lastCalled
      if (name === undefined) throw new Error(`messages[${of}] has no matching tool call (tool_call_id)`)
      placed.push({ role, name: `functions.${name}`, recipient: 'assistant', channel: 'commentary', content, of })
    }
    if (role !== 'assistant') return
    if (message.reasoning_content) placed.push({ role, channel: 'analysis', content: message.reasoning_content, of })
    if (content !== '' || !message.tool_calls)
      placed.push({ role, channel: message.tool_calls ? 'commentary' : 'final', content, of })
    for (const { id, function: call } of message.tool_calls ?? []) {
      lastCalled = call.name
      if (id !== undefined) called.set(id, call.name)
      placed.push({
        role,
        channel: 'commentary',
        recipient: `functions.${call.name}`,
        contentType: '<|constrain|>json',
        content: call.arguments,
        of,
      })
    }
  })
  return placed
}

function toolOf(tool: object): HarmonyTool {
  const { function: declared = tool } = tool as { function?: object }
  const { name, description = '', parameters } = declared as Record<string, unknown>
  if (typeof name !== 'string')
    throw new Error(`tools: a function must have a name, got ${JSON.stringify(tool).slice(0, 80)}`)
  return {
    name,
    description: String(description),
    ...(typeof parameters === 'object' && parameters !== null && { parameters }),
  }
}

/** The parts of `ChatFormat` that do not depend on the tokenizer. */
export function harmonyFormat(encoder: ChatEncoder, tokens: HarmonyTokenIds) {
  return {
    name: 'Harmony',
    endIds: [tokens['<|return|>'], tokens['<|call|>']],
    forTraining(conversation: Conversation) {
      const messages = toHarmony(conversation)
      const { ids, assistantMask: mask } = harmonyIds(messages, encoder, tokens, {
        purpose: 'training',
        analysis: 'last',
        learnt: (i) => conversation.messages[messages[i].of]?.weight !== 0,
      })
      return { ids, mask }
    },
    prompt(messages: readonly ChatMessage[]) {
      const harmony = toHarmony({ messages: messages as unknown as readonly ConversationMessage[] })
      return harmonyIds(harmony, encoder, tokens, { purpose: 'completion' }).ids
    },
    /** Decodes only the channel final. */
    reader() {
      const parser = new HarmonyParser({ encoder, tokens, role: 'assistant' })
      const shown = (deltas: ReturnType<HarmonyParser['push']>) =>
        deltas.flatMap(({ channel, text }) => (channel === 'final' ? [text] : [])).join('')
      return {
        push: (id: number) => shown(parser.push(id)),
        end: () => (parser.current ? shown(parser.end()) : ''),
      }
    },
  }
}
