/** `kumiki generate --chat`: a conversation with a model, or with an adapter and its base. */
import { createInterface } from 'node:readline/promises'
import { Generator, StopStrings } from '@kumiki/models'
import { type Device, type InitOptions, init } from '@kumiki/tensor'
import type { ChatMessage } from '@kumiki/tokenizer/chat'
import { type CacheFormat, cacheFormats } from '../models/generate-command.ts'
import { checkpointFolders, checkVocabulary, openCheckpoint } from '../models/open-checkpoint.ts'
import type { ContinueOptions } from '../models/sampling.ts'
import { UsageError } from '../usage-error.ts'
import { log } from '../verb.ts'
import { type ChatFormat, openChatFormat } from './chat-format.ts'

export interface ChatOptions extends ContinueOptions {
  /** Folder of a model or an adapter, or `hf:OWNER/NAME`. */
  readonly checkpoint: string
  readonly template?: string
  readonly system?: string
  /** User messages, asked in order. Default: lines from the terminal or from piped input. */
  readonly messages?: readonly string[]
  /** Storage format of the key/value cache. Default f32. */
  readonly cacheFormat?: CacheFormat
  readonly device: 'auto' | 'webgpu' | 'cpu'
  readonly threads?: number
  readonly onText?: (text: string) => void
}

export interface ChatResult {
  /** The whole conversation. */
  readonly messages: readonly { readonly role: string; readonly content: string }[]
  /** The last answer. */
  readonly text: string
  /** Why it ended: the end of the turn, a stop string, maxTokens, or Ctrl-C. */
  readonly ended: 'turn' | 'stop' | 'length' | 'interrupted'
  readonly device: string
  readonly seconds: number
}

/** Runs a conversation. @throws Error naming the invalid folder or file */
export async function runChat(options: ChatOptions): Promise<ChatResult> {
  const started = performance.now()
  const { messages: asked } = options
  if (asked?.some((message) => message.trim() === '')) throw new UsageError('--message is empty; ask something')
  const device = await init({ backend: options.device, threads: options.threads } as InitOptions)
  const model = await openChatModel(device, options).catch((error) => {
    device.dispose()
    throw error
  })
  const conversation: { role: string; content: string }[] = options.system
    ? [{ role: 'system', content: options.system }]
    : []
  let last: Answer = { text: '', ended: 'turn' }
  const ask = async (content: string, signal?: AbortSignal) => {
    const asking = [...conversation, { role: 'user', content }]
    last = await answerOf(model, asking, options, signal)
    // Added only after success: a message that cannot be answered (the conversation is too long) is dropped.
    conversation.push(asking.at(-1)!, { role: 'assistant', content: last.text })
  }
  try {
    if (asked) for (const message of asked) await ask(message)
    else if ((await talk(ask)) === 0)
      throw new UsageError('--chat: there was no input; type a message, pipe messages in, or give --message TEXT')
    return { messages: conversation, ...last, device: device.name, seconds: (performance.now() - started) / 1000 }
  } finally {
    model.generator.dispose()
    device.dispose()
  }
}

/**
 * Answers lines of standard input (a terminal or a pipe) until an empty line or the end. Ctrl-C interrupts an answer,
 * or ends the conversation between answers.
 * @returns the number of answered lines
 */
async function talk(ask: (content: string, signal: AbortSignal) => Promise<void>): Promise<number> {
  const terminal = process.stdin.isTTY === true
  const lines = createInterface({ input: process.stdin, output: terminal ? process.stderr : undefined, prompt: '> ' })
  let answering: AbortController | undefined
  lines.on('SIGINT', () => (answering ? answering.abort() : lines.close()))
  if (terminal) log('An empty line or Ctrl-D ends the conversation; Ctrl-C interrupts an answer.')
  const prompt = () => terminal && lines.prompt()
  let answered = 0
  prompt()
  for await (const line of lines) {
    if (line.trim() === '') break
    answering = new AbortController()
    try {
      await ask(line, answering.signal)
      process.stdout.write('\n')
      answered++
    } catch (error) {
      // In a terminal the user can continue after an error; piped input cannot.
      if (!terminal) throw error
      log((error as Error).message)
    } finally {
      answering = undefined
    }
    prompt()
  }
  lines.close()
  return answered
}

interface ChatModel {
  readonly generator: Generator
  readonly format: ChatFormat
  readonly endIds: readonly number[]
}

async function openChatModel(
  device: Device,
  { checkpoint, template, cacheFormat = 'f32' }: ChatOptions,
): Promise<ChatModel> {
  const folders = await checkpointFolders(checkpoint)
  const format = await openChatFormat(folders.tokenizer, template)
  const { architecture, model, parameters, generation } = await openCheckpoint(device, folders)
  checkVocabulary(folders.folder, format.vocabSize, architecture)
  const endIds = [
    ...new Set([
      ...format.endIds,
      ...(generation.eosTokenIds ?? []),
      ...(format.eosId === undefined ? [] : [format.eosId]),
    ]),
  ]
  const cacheDtype = cacheFormats[cacheFormat]
  return { generator: new Generator(device, model, parameters, { cacheDtype }), format, endIds }
}

type Answer = Pick<ChatResult, 'text' | 'ended'>

async function answerOf(
  { generator, format, endIds }: ChatModel,
  conversation: readonly ChatMessage[],
  options: ChatOptions,
  interrupt?: AbortSignal,
): Promise<Answer> {
  const prompt = format.prompt(conversation)
  if (prompt.length >= generator.maxPositions)
    throw new Error(
      `the conversation has ${prompt.length} tokens, but the model's context is ${generator.maxPositions}; begin a new one`,
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
    // Yields, so that pending signals are delivered.
    if (options.signal || interrupt) await new Promise((resolve) => setImmediate(resolve))
    options.signal?.throwIfAborted()
    if (interrupt?.aborted) return { text, ended: 'interrupted' }
  }
  emit(stops.push(stream.end()))
  emit(stops.end())
  return { text, ended: count < options.maxTokens ? 'turn' : 'length' }
}
