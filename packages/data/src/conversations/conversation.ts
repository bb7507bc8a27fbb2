/**
 * Parser of a conversation from a JSON object of a fine-tuning file: OpenAI's `messages`, or `prompt` and `completion`.
 */

/** A function call in OpenAI's format. */
export interface ToolCall {
  readonly id?: string
  readonly type: 'function'
  /** `arguments` is JSON as text. */
  readonly function: { readonly name: string; readonly arguments: string }
}

export interface ConversationMessage {
  readonly role: 'system' | 'developer' | 'user' | 'assistant' | 'tool'
  /** Text; content parts are joined with line feeds. */
  readonly content: string
  /** Name of the participant or tool. */
  readonly name?: string
  /** For assistant messages: 0 excludes the message from the loss. */
  readonly weight?: 0 | 1
  readonly tool_calls?: readonly ToolCall[]
  /** For tool messages: id of the call that it answers. */
  readonly tool_call_id?: string
  /** For assistant messages: the reasoning before the answer. */
  readonly reasoning_content?: string
}

export interface Conversation {
  readonly messages: readonly ConversationMessage[]
  /** JSON schemas of functions that may be called. */
  readonly tools?: readonly object[]
}

const roles = ['system', 'developer', 'user', 'assistant', 'tool'] as const
const fields: Readonly<Record<string, readonly string[]>> = {
  'the line': ['messages', 'tools', 'parallel_tool_calls', 'prompt', 'completion', 'id', 'source', 'metadata'],
  'a message': [
    'role',
    'content',
    'name',
    'weight',
    'tool_calls',
    'tool_call_id',
    'reasoning_content',
    'refusal',
    'function_call',
  ],
  'a tool call': ['id', 'type', 'function'],
  'a function of a call': ['name', 'arguments'],
  'a part of the content': ['type', 'text'],
}
/** Limit of the messages of one conversation. */
const mostMessages = 100_000

type Json = Record<string, unknown>

/**
 * Validates a parsed JSON object and converts it to a conversation.
 * @throws Error that names the message and field, and says what is accepted
 * @example
 * const messages = [{ role: 'user', content: 'Hello' }, { role: 'assistant', content: 'Hi' }]
 * parseConversation({ messages }).messages.length // 2
 */
export function parseConversation(json: unknown): Conversation {
  const line = record(json, 'the line', 'the line')
  const { messages, prompt, completion, tools } = line
  if (messages === undefined) {
    if (prompt === undefined || completion === undefined)
      throw new Error('it has neither "messages" nor "prompt" with "completion"; give one of the two forms')
    return withAnswer([
      ...conversationPart(prompt, 'prompt', 'user'),
      ...conversationPart(completion, 'completion', 'assistant'),
    ])
  }
  if (prompt !== undefined || completion !== undefined)
    throw new Error('it has "messages" and also "prompt" or "completion"; give only one of the two forms')
  if (tools !== undefined && tools !== null && !(Array.isArray(tools) && tools.every(isObject)))
    throw new Error(`tools must be a list of objects, got ${show(tools)}`)
  const conversation = withAnswer(messageList(messages, 'messages'))
  return Array.isArray(tools) && tools.length > 0 ? { ...conversation, tools } : conversation
}

/** `prompt` or `completion` of TRL's format: text, or a list of messages. */
function conversationPart(value: unknown, name: string, role: 'user' | 'assistant'): ConversationMessage[] {
  if (typeof value === 'string') return [{ role, content: value }]
  return messageList(value, name)
}

function withAnswer(messages: ConversationMessage[]): Conversation {
  if (!messages.some(({ role, weight }) => role === 'assistant' && weight !== 0))
    throw new Error(
      'it has nothing to train on: no message has the role assistant, or all of those have weight 0; leave the line out',
    )
  return { messages }
}

function messageList(value: unknown, name: string): ConversationMessage[] {
  if (!Array.isArray(value)) throw new Error(`${name} must be a list of messages, got ${show(value)}`)
  if (value.length === 0) throw new Error(`${name} is an empty list; leave the line out`)
  if (value.length > mostMessages)
    throw new Error(`${name} has ${value.length} messages; at most ${mostMessages} are allowed, so split it`)
  return value.map((message, i) => messageOf(message, `${name}[${i}]`))
}

function messageOf(json: unknown, where: string): ConversationMessage {
  const message = record(json, 'a message', where)
  const role = roles.find((known) => known === message.role)
  if (!role)
    throw new Error(`${where}.role must be one of ${roles.join(', ')}, got ${show(message.role)}${meant(message.role)}`)
  if (message.function_call !== undefined && message.function_call !== null)
    throw new Error(`${where}.function_call is deprecated and not supported; give tool_calls instead`)
  if (message.refusal !== undefined && message.refusal !== null)
    throw new Error(`${where}.refusal is not supported; give its text as content`)
  const { weight } = message
  if (weight !== undefined && weight !== null) {
    if (weight !== 0 && weight !== 1) throw new Error(`${where}.weight must be 0 or 1, got ${show(weight)}`)
    if (role !== 'assistant')
      throw new Error(`${where}.weight is for assistant messages only; this has the role ${role}`)
  }
  const calls = toolCalls(message.tool_calls, role, where)
  const text = (key: 'name' | 'tool_call_id' | 'reasoning_content') => {
    const value = message[key]
    if (value === undefined || value === null) return {}
    if (typeof value !== 'string') throw new Error(`${where}.${key} must be text, got ${show(value)}`)
    return { [key]: value }
  }
  return {
    role,
    content: contentOf(message.content, calls !== undefined, where),
    ...text('name'),
    ...(weight === 0 || weight === 1 ? { weight } : {}),
    ...(calls && { tool_calls: calls }),
    ...text('tool_call_id'),
    ...text('reasoning_content'),
  }
}

function contentOf(value: unknown, calls: boolean, where: string): string {
  if (typeof value === 'string') return value
  if ((value === undefined || value === null) && calls) return ''
  if (Array.isArray(value) && value.length > 0)
    return value
      .map((json, i) => {
        const part = record(json, 'a part of the content', `${where}.content[${i}]`, false)
        if (part.type !== 'text')
          throw new Error(`${where}.content[${i}].type is ${show(part.type)}; only "text" is supported`)
        if (typeof part.text !== 'string')
          throw new Error(`${where}.content[${i}].text must be text, got ${show(part.text)}`)
        return part.text
      })
      .join('\n')
  throw new Error(`${where}.content must be text or a list of {"type":"text","text":...}, got ${show(value)}`)
}

function toolCalls(value: unknown, role: string, where: string): ToolCall[] | undefined {
  if (value === undefined || value === null) return undefined
  if (role !== 'assistant')
    throw new Error(`${where}.tool_calls is for assistant messages only; this has the role ${role}`)
  if (!Array.isArray(value)) throw new Error(`${where}.tool_calls must be a list, got ${show(value)}`)
  if (value.length === 0) return undefined
  return value.map((json, i) => {
    const at = `${where}.tool_calls[${i}]`
    const call = record(json, 'a tool call', at)
    if (call.type !== undefined && call.type !== 'function')
      throw new Error(`${at}.type must be "function", got ${show(call.type)}`)
    const called = record(call.function, 'a function of a call', `${at}.function`)
    const { name, arguments: given } = called
    if (typeof name !== 'string' || name === '') throw new Error(`${at}.function.name must be text, got ${show(name)}`)
    if (typeof given !== 'string' && !isObject(given))
      throw new Error(`${at}.function.arguments must be JSON as text, got ${show(given)}`)
    return {
      ...(typeof call.id === 'string' && { id: call.id }),
      type: 'function' as const,
      function: { name, arguments: typeof given === 'string' ? given : JSON.stringify(given) },
    }
  })
}

/** @param strict rejects unknown fields */
function record(json: unknown, kind: string, where: string, strict = true): Json {
  if (!isObject(json)) throw new Error(`${where} must be an object, got ${show(json)}`)
  const known = fields[kind]
  const other = strict ? Object.keys(json).find((key) => !known.includes(key)) : undefined
  if (other !== undefined) {
    const near = known.find((key) => key.startsWith(other.slice(0, 4).toLowerCase()))
    throw new Error(
      `${where} has an unknown field ${show(other)}; ${near ? `did you mean ${near}?` : `known are ${known.join(', ')}`}`,
    )
  }
  return json
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

const show = (value: unknown) => (value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 60))

function meant(role: unknown): string {
  const other: Record<string, string> = {
    human: 'user',
    gpt: 'assistant',
    bot: 'assistant',
    model: 'assistant',
    function: 'tool',
  }
  return typeof role === 'string' && Object.hasOwn(other, role) ? `; use ${other[role]} for ${role}` : ''
}
