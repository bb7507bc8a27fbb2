/** `kumiki generate --chat`: a conversation with a model, or with an adapter and its base. */
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { decoderModel, Generator, mergeAdapter, StopStrings } from '@kumiki/models'
import { loadAdapter, loadModel, modelFolder } from '@kumiki/models/node'
import { type Device, type InitOptions, init } from '@kumiki/tensor'
import type { ChatMessage } from '@kumiki/tokenizer/chat'
import { exists, readJson } from '../files/files.ts'
import type { ContinueOptions } from '../models/sampling.ts'
import { UsageError } from '../usage-error.ts'
import { log } from '../verb.ts'
import { type ChatFormat, openChatFormat } from './chat-format.ts'

export interface ChatOptions extends ContinueOptions {
  /** Folder of a model or an adapter, or `hf:OWNER/NAME`. */
  readonly checkpoint: string
  readonly template?: string
  readonly system?: string
  /** What is asked, one after another; none: lines from the terminal. */
  readonly messages?: readonly string[]
  readonly device: 'auto' | 'webgpu' | 'cpu'
  readonly threads?: number
  readonly onText?: (text: string) => void
}

export interface ChatResult {
  /** The whole conversation. */
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  /** The last answer. */
  readonly text: string
  /** Why it ended: the end of the turn, a stop string, or maxTokens. */
  readonly ended: 'turn' | 'stop' | 'length'
  readonly device: string
  readonly seconds: number
}

/** Asks one question after another. @throws Error naming the folder or file that is wrong */
export async function runChat(options: ChatOptions): Promise<ChatResult> {
  const started = performance.now()
  const { messages: asked } = options
  if (asked?.some((message) => message.trim() === '')) throw new UsageError('--message is empty; ask something')
  if (!asked && !process.stdin.isTTY)
    throw new UsageError('--chat needs --message TEXT where no terminal is there to type on')
  const device = await init({ backend: options.device, threads: options.threads } as InitOptions)
  const model = await openChatModel(device, options).catch((error) => {
    device.dispose()
    throw error
  })
  const conversation: { role: string; content: string }[] = options.system
    ? [{ role: 'system', content: options.system }]
    : []
  let last: Answer = { text: '', ended: 'turn' }
  const ask = async (content: string) => {
    conversation.push({ role: 'user', content })
    last = await answerOf(model, conversation, options)
    conversation.push({ role: 'assistant', content: last.text })
  }
  try {
    if (asked) for (const message of asked) await ask(message)
    else await onTerminal(ask)
    return { messages: conversation, ...last, device: device.name, seconds: (performance.now() - started) / 1000 }
  } finally {
    model.generator.dispose()
    device.dispose()
  }
}

async function onTerminal(ask: (content: string) => Promise<void>): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stderr, prompt: '> ' })
  log('An empty line or Ctrl-D ends the conversation.')
  lines.prompt()
  for await (const line of lines) {
    if (line.trim() === '') break
    try {
      await ask(line)
      process.stdout.write('\n')
    } catch (error) {
      log((error as Error).message)
    }
    lines.prompt()
  }
  lines.close()
}

interface ChatModel {
  readonly generator: Generator
  readonly format: ChatFormat
  readonly endIds: readonly number[]
}

async function openChatModel(device: Device, { checkpoint, template }: ChatOptions): Promise<ChatModel> {
  const folder = await modelFolder(checkpoint)
  if (!(await exists(folder)))
    throw new Error(`${folder}: there is no such folder; give a model, a tuned one or hf:OWNER/NAME`)
  const adapter = join(folder, 'adapter_config.json')
  const isAdapter = !(await exists(join(folder, 'config.json'))) && (await exists(adapter))
  const from = isAdapter ? await baseOf(adapter) : folder
  const { architecture, parameters, generation, warnings } = await loadModel(device, from)
  for (const warning of warnings) log(warning)
  const model = decoderModel(architecture)
  const own = isAdapter ? await loadAdapter(device, folder, model) : undefined
  // Adapters of others often come without a tokenizer: it is the base's then.
  const tokenizers = await Promise.all(['tokenizer.json', 'tokenizer.model'].map((name) => exists(join(folder, name))))
  const format = await openChatFormat(tokenizers.includes(true) ? folder : from, template)
  if (format.vocabSize > architecture.vocabSize)
    throw new Error(
      `${folder}: the tokenizer has ${format.vocabSize} tokens, the model only ${architecture.vocabSize} rows; they do not belong together`,
    )
  const endIds = [
    ...new Set([
      ...format.endIds,
      ...(generation.eosTokenIds ?? []),
      ...(format.eosId === undefined ? [] : [format.eosId]),
    ]),
  ]
  return {
    generator: new Generator(device, model, own ? mergeAdapter(model, parameters, own) : parameters),
    format,
    endIds,
  }
}

/** The base that an adapter names. */
async function baseOf(file: string): Promise<string> {
  const { base_model_name_or_path: name } = (await readJson(file)) as Record<string, unknown>
  if (typeof name !== 'string' || name === '')
    throw new Error(`${file}: base_model_name_or_path is missing; the adapter's base cannot be found`)
  if (await exists(name)) return name
  if (/^[\w.-]+\/[\w.-]+$/.test(name)) return modelFolder(`hf:${name}`)
  throw new Error(
    `${file}: its base ${name} is not there any more; put it back, or name its new place under base_model_name_or_path`,
  )
}

type Answer = Pick<ChatResult, 'text' | 'ended'>

async function answerOf(
  { generator, format, endIds }: ChatModel,
  conversation: readonly ChatMessage[],
  options: ChatOptions,
): Promise<Answer> {
  const prompt = format.prompt(conversation)
  if (prompt.length >= generator.maxPositions)
    throw new Error(
      `the conversation has ${prompt.length} tokens, and the model's context holds ${generator.maxPositions}; begin a new one`,
    )
  const stream = format.reader(prompt)
  const stops = new StopStrings(options.stop ?? [])
  let text = ''
  const emit = (piece: string) => {
    text += piece
    if (piece) options.onText?.(piece)
  }
  let count = 0
  for await (const id of generator.generate(prompt, options.maxTokens, { ...options, stopIds: endIds })) {
    count++
    emit(stops.push(stream.push(id)))
    if (stops.found) return { text, ended: 'stop' }
    if (options.signal) await new Promise((resolve) => setImmediate(resolve))
    options.signal?.throwIfAborted()
  }
  emit(stops.push(stream.end()))
  emit(stops.end())
  return { text, ended: count < options.maxTokens ? 'turn' : 'length' }
}
