/** `kumiki generate` */
import type { Command } from 'commander'
import { readBytes } from '../files/files.ts'
import { choice, collect, deviceOptions, integer, real } from '../flags/flag-values.ts'
import type { CacheFormat } from '../models/generate-command.ts'
import { endWithReader } from '../output/closed-output.ts'
import { UsageError } from '../usage-error.ts'
import { addVerb, answer } from '../verb.ts'

interface GenerateFlags {
  checkpoint: string
  prompt?: string[]
  prompts?: string
  batchSize: number
  cacheFormat: CacheFormat
  chat?: boolean
  message?: string[]
  system?: string
  template?: string
  maxTokens: number
  temperature: number
  topP: number
  topK: number
  minP: number
  repetitionPenalty: number
  stop?: string[]
  seed: number
  device: 'auto' | 'webgpu' | 'cpu'
  threads?: number
  json?: boolean
}

export function addGenerate(program: Command): void {
  const [device, threads] = deviceOptions()
  addVerb(
    program,
    'generate',
    'Generate text with a trained model, or chat with a fine-tuned one.',
    (c) =>
      c
        .requiredOption(
          '--checkpoint <folder>',
          'a run folder, a Hugging Face model folder, an adapter, or hf:OWNER/NAME',
        )
        .option('--prompt <text>', 'the text to continue (repeatable)', collect)
        .option(
          '--prompts <file>',
          'one prompt per line; in a .jsonl file each line is a JSON string or {"prompt": "..."}',
        )
        .option('--batch-size <n>', 'prompts generated together; affects only the speed', integer(1, 4096), 8)
        .option('--chat', 'chat with a fine-tuned model: from stdin, or with --message')
        .option('--message <text...>', 'user messages, one after another')
        .option('--system <text>', 'system message')
        .option('--template <name|file>', "chat template to use instead of the model's own")
        .option('--max-tokens <n>', 'maximum new tokens', integer(0, 1e6), 100)
        .option('--temperature <t>', 'sampling temperature; 0: greedy', real({ from: 0, to: 1000 }), 0.8)
        .option(
          '--top-p <p>',
          'top-p: sample from the likeliest tokens with this total probability',
          real({ above: 0, to: 1 }),
          0.95,
        )
        .option('--top-k <k>', 'top-k: sample from this many of the likeliest tokens; 0: all', integer(0, 1 << 24), 0)
        .option(
          '--min-p <p>',
          'min-p: sample from tokens with at least this fraction of the highest probability',
          real({ from: 0, to: 1 }),
          0,
        )
        .option(
          '--repetition-penalty <x>',
          'above 1, penalizes tokens already in the context',
          real({ above: 0, to: 1000 }),
          1,
        )
        .option('--stop <text...>', 'stop before this text')
        .addOption(choice('--cache-format <format>', 'storage format of the KV cache', ['f32', 'bf16', 'fp8'], 'f32'))
        .option('--seed <n>', 'the same seed gives the same text', integer(0, 2 ** 32 - 1), 0)
        .addOption(device)
        .addOption(threads),
    generate,
  )
}

async function generate(flags: GenerateFlags): Promise<void> {
  const { json, chat, message, system, template, prompt = [], prompts, batchSize, ...rest } = flags
  if (rest.stop?.includes('')) throw new UsageError('--stop is empty; give the text to stop before')
  const isChat = chat || message !== undefined
  const asked = prompt.length > 0 ? 'prompt' : prompts !== undefined ? 'prompts' : undefined
  if (!isChat) {
    const other = Object.entries({ system, template }).find(([, value]) => value !== undefined)?.[0]
    if (other) throw new UsageError(`--${other} needs --chat or --message TEXT`)
    if (!asked) throw new UsageError('give --prompt TEXT, or --chat for a model that was fine-tuned on conversations')
    const all = [...prompt, ...(prompts === undefined ? [] : await readPrompts(prompts))]
    return continueTexts({ ...rest, json, batchSize, prompts: all })
  }
  if (asked) throw new UsageError(`--${asked} cannot be combined with --chat or --message; give --message TEXT`)
  if (!message && json) throw new UsageError('--json needs --message TEXT')
  const { runChat } = await import('../chat/chat-command.ts')
  if (!json) endWithReader()
  const onText = (text: string) => process.stdout.write(text)
  const result = await runChat({
    ...rest,
    template,
    system,
    messages: message,
    ...(!json && (message === undefined || message.length === 1) && { onText }),
  })
  if (json) answer({ json }, result, () => '')
  else if (message && message.length > 1)
    answer({}, result, () => result.messages.map(({ role, content }) => `${role}: ${content}`).join('\n'))
  else if (message) process.stdout.write('\n')
}

type ContinueFlags = Omit<GenerateFlags, 'prompt' | 'prompts' | 'chat' | 'message' | 'system' | 'template'> & {
  readonly prompts: readonly string[]
}

async function continueTexts({ json, ...options }: ContinueFlags): Promise<void> {
  const { runGenerate } = await import('../models/generate-command.ts')
  if (!json) endWithReader()
  const [first, ...others] = options.prompts
  const single = others.length === 0
  let begun = false
  const onText = (text: string) => {
    // Print the prompt only with the first token, so that stdout stays empty if loading the model fails.
    process.stdout.write(begun ? text : first + text)
    begun = true
  }
  const { texts, ...about } = await runGenerate({ ...options, ...(!json && single && { onText }) })
  if (json) answer({ json }, { ...(single ? texts[0] : { texts }), ...about }, () => '')
  else if (!single) answer({}, texts, () => texts.map(({ prompt, text }) => prompt + text).join('\n\n'))
  else process.stdout.write(begun ? '\n' : `${first}\n`)
}

/** @throws Error naming the file, and the line of an invalid prompt */
async function readPrompts(file: string): Promise<string[]> {
  const lines = new TextDecoder().decode(await readBytes(file, maxPromptBytes)).split(/\r?\n/)
  const asJson = /\.jsonl?$/i.test(file)
  const prompts = lines.flatMap((line, i) => {
    if (line.trim() === '') return []
    return asJson ? [jsonPrompt(`${file}:${i + 1}`, line)] : [line]
  })
  if (prompts.length === 0) throw new Error(`${file}: contains no prompts; give one per line`)
  return prompts
}

const maxPromptBytes = 2 ** 26

function jsonPrompt(where: string, line: string): string {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch (error) {
    throw new Error(`${where}: not JSON (${(error as Error).message.slice(0, 120)})`)
  }
  const prompt = typeof json === 'string' ? json : (json as { prompt?: unknown } | null)?.prompt
  if (typeof prompt === 'string') return prompt
  throw new Error(`${where}: must be a JSON string or {"prompt": "..."}, got ${line.slice(0, 80)}`)
}
