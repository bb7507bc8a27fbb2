/**
 * Encodes conversations with a model folder's tokenizer and its chat template, or a given template.
 */
import { join } from 'node:path'
import type { Conversation, ConversationMessage } from '@kumiki/data'
import {
  builtInTemplate,
  builtInTemplates,
  type ChatEncoder,
  type ChatMessage,
  ChatTemplate,
  chatEncoder,
  configuredTokens,
  harmonyTokenIds,
  llmJp4Pieces,
  loadChatTemplate,
} from '@kumiki/tokenizer/chat'
import { openTokenizer } from '@kumiki/tokenizer/node'
import { exists, readBytes } from '../files/files.ts'
import { UsageError } from '../usage-error.ts'
import { harmonyFormat } from './harmony-format.ts'

/** Encodes and decodes conversations. */
export interface ChatFormat {
  /** Its name in messages. */
  readonly name: string
  /** Jinja source to save with a model tuned with it; missing if the model folder has it already. */
  readonly template?: string
  /** Ids that end an answer. */
  readonly endIds: readonly number[]
  readonly encoder: ChatEncoder
  /** Ids are below this number. */
  readonly vocabSize: number
  /** The end-of-text id, also used for padding. */
  readonly eosId: number | undefined
  forTraining(conversation: Conversation): { readonly ids: Int32Array; readonly mask: Uint8Array }
  /** The prompt for the model's next answer. */
  prompt(messages: readonly ChatMessage[]): Int32Array
  /** An incremental decoder from an answer's ids to its visible text. @param prompt the preceding ids */
  reader(prompt: Int32Array): { push(id: number): string; end(): string }
}

const maxConfigBytes = 32 * 2 ** 20

/**
 * Opens the chat format of a model.
 * @param folder a Hugging Face model folder
 * @param template a name, or a file: `.jinja`, or a tokenizer_config.json; default: the folder's
 * @throws UsageError if there is no template, or the tokenizer lacks special tokens of a built-in template
 */
export async function openChatFormat(folder: string, template?: string): Promise<ChatFormat> {
  const tokenizer = await openFolderTokenizer(folder)
  const configFile = join(folder, 'tokenizer_config.json')
  const config = (await exists(configFile)) ? parseObject(await readBytes(configFile, maxConfigBytes), configFile) : {}
  const tokens = { ...tokensOf(tokenizer), ...configuredTokens(config) }
  const encoder = chatEncoder(tokenizer, Object.values(tokens))
  const { vocabSize } = tokenizer
  const eosId = tokens.eos_token === undefined ? undefined : encoder.specialId(tokens.eos_token)
  const named = encoder.specialId('<|channel|>') !== undefined
  const pieces = !named && encoder.specialId(llmJp4Pieces['<|call|>']) !== undefined
  const own = template === undefined ? await folderTemplate(folder, config, tokens) : undefined
  const without = template === undefined && own === undefined
  // A model without a template whose tokenizer has Harmony's tokens uses Harmony.
  if (template === 'harmony' || (without && (named || pieces))) {
    const tokenIds = harmonyTokenIds(encoder, pieces ? llmJp4Pieces : undefined)
    return { ...harmonyFormat(encoder, tokenIds), encoder, vocabSize, eosId }
  }
  const { source, name } = own ?? (await chooseTemplate(folder, tokens, template))
  if (template !== undefined && Object.hasOwn(builtInTemplates, template)) {
    const wanted = builtInTemplates[template as keyof typeof builtInTemplates].specialTokens
    const missing = wanted.find((token) => encoder.specialId(token) === undefined)
    if (missing !== undefined)
      throw new UsageError(
        `--template ${template}: the tokenizer of ${folder} has no special token ${missing}, so the model does not use this template; llm-jp-3 and llm-jp-3-system need no special tokens`,
      )
  }
  const plain = (messages: readonly ChatMessage[]) => messages.map(withParsedArguments)
  return {
    name,
    ...(template !== undefined && { template: source.source }),
    endIds: endOfAnswer(source, encoder),
    encoder,
    vocabSize,
    eosId,
    forTraining({ messages, tools }) {
      const { ids, assistantMask } = source.applyForTraining(plain(messages as readonly ChatMessage[]), {
        encoder,
        ...(tools && { tools }),
      })
      return { ids, mask: assistantMask }
    },
    prompt: (messages) => source.apply(plain(messages), { encoder, addGenerationPrompt: true }).ids,
    reader(prompt) {
      const stream = encoder.decodeStream()
      // The prompt is decoded first, because it determines how the first piece is decoded; its text is dropped.
      for (const id of prompt) stream.push(id)
      return stream
    },
  }
}

/** The tokenizer of a model folder: tokenizer.json, which has special tokens, else a SentencePiece model. */
export async function openFolderTokenizer(folder: string) {
  const names = ['tokenizer.json', 'tokenizer.model']
  for (const name of names) if (await exists(join(folder, name))) return openTokenizer(join(folder, name))
  throw new Error(`${folder}: no ${names.join(' or ')} found, which conversations need to be encoded`)
}

async function chooseTemplate(
  folder: string,
  tokens: Record<string, string>,
  given: string | undefined,
): Promise<{ source: ChatTemplate; name: string }> {
  const names = [...Object.keys(builtInTemplates), 'harmony']
  if (given !== undefined && Object.hasOwn(builtInTemplates, given))
    return { source: builtInTemplate(given, tokens), name: given }
  if (given !== undefined) {
    if (!(await exists(given)))
      throw new UsageError(
        `--template ${given}: neither a file nor a built-in template; built-in templates are ${names.join(', ')}`,
        { given, known: names },
      )
    const bytes = await readBytes(given, maxConfigBytes)
    return {
      source: /\.json$/i.test(given)
        ? loadChatTemplate(parseObject(bytes, given))
        : new ChatTemplate(new TextDecoder().decode(bytes), tokens),
      name: given,
    }
  }
  throw new UsageError(
    `${folder}: the model has no chat template; give --template with one of ${names.join(', ')} (llm-jp-3 works with every tokenizer), or a .jinja file`,
  )
}

/**
 * The template of a model folder, in the order of Transformers' tokenizers: chat_template.jinja, tokenizer_config.json;
 * then chat_template.json, which its processors read.
 */
async function folderTemplate(
  folder: string,
  config: Record<string, unknown>,
  tokens: Record<string, string>,
): Promise<{ source: ChatTemplate; name: string } | undefined> {
  const raw = join(folder, 'chat_template.jinja')
  if (await exists(raw))
    return {
      source: new ChatTemplate(new TextDecoder().decode(await readBytes(raw, maxConfigBytes)), tokens),
      name: raw,
    }
  const given = (json: Record<string, unknown>) => json.chat_template !== undefined && json.chat_template !== null
  if (given(config))
    return {
      source: new ChatTemplate(loadChatTemplate(config).source, tokens),
      name: 'the chat template of tokenizer_config.json',
    }
  const legacy = join(folder, 'chat_template.json')
  if (!(await exists(legacy))) return undefined
  const json = parseObject(await readBytes(legacy, maxConfigBytes), legacy)
  return given(json) ? { source: new ChatTemplate(loadChatTemplate(json).source, tokens), name: legacy } : undefined
}

/** Special tokens by the tokenizer's own names. */
function tokensOf(tokenizer: Awaited<ReturnType<typeof openTokenizer>>): Record<string, string> {
  if (!('idToPiece' in tokenizer)) return {}
  const { bosId, eosId, unkId } = tokenizer
  const named = Object.entries({ bos_token: bosId, eos_token: eosId, unk_token: unkId }).filter(([, id]) => id >= 0)
  return Object.fromEntries(named.map(([name, id]) => [name, tokenizer.idToPiece(id)]))
}

/** The special token that a template writes after an answer. */
function endOfAnswer(template: ChatTemplate, encoder: ChatEncoder): number[] {
  const answer = 'x'
  const { text } = template.assistantSpans([
    { role: 'user', content: 'y' },
    { role: 'assistant', content: answer },
  ])
  const { ids, offsets } = encoder.encodeSpelled(text)
  const at = text.lastIndexOf(answer)
  const next = offsets.findIndex(([start]) => start > at)
  if (next < 0) return []
  const [start, end] = offsets[next]
  const token = encoder.specialId(text.slice(start, end))
  return token === ids[next] ? [token] : []
}

/** Parses arguments of tool calls, because templates serialize them from objects. */
function withParsedArguments(message: ChatMessage | ConversationMessage): ChatMessage {
  const { tool_calls: calls } = message as ConversationMessage
  if (!calls) return message as ChatMessage
  return {
    ...message,
    tool_calls: calls.map((call) => {
      let parsed: unknown = call.function.arguments
      try {
        parsed = JSON.parse(call.function.arguments)
      } catch {
        // Invalid JSON is kept as text.
      }
      return { ...call, function: { ...call.function, arguments: parsed } }
    }),
  }
}

function parseObject(bytes: Uint8Array, file: string): Record<string, unknown> {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder().decode(bytes))
  } catch (error) {
    throw new Error(`${file}: it is not JSON (${(error as Error).message})`)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error(`${file}: it must be an object`)
  return json as Record<string, unknown>
}
