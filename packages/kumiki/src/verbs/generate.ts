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
    'Continue a text with a trained model, or talk to one that was tuned on conversations.',
    (c) =>
      c
        .requiredOption(
          '--checkpoint <folder>',
          'a run folder, a model as the Hugging Face Hub has it, an adapter, or hf:OWNER/NAME',
        )
        .option('--prompt <text>', 'the text to continue; may be given several times', collect)
        .option('--prompts <file>', 'a prompt a line; of a .jsonl file each line is a JSON string or {"prompt": "..."}')
        .option(
          '--batch-size <n>',
          'prompts that are worked on together; it changes the time alone',
          integer(1, 4096),
          8,
        )
        .option('--chat', 'talk to a model that was tuned on conversations: lines typed or piped in, or --message')
        .option('--message <text...>', 'what to ask it, one after another')
        .option('--system <text>', 'what it is told before')
        .option('--template <name|file>', "chat template, where the model's own is not meant")
        .option('--max-tokens <n>', 'tokens to write', integer(0, 1e6), 100)
        .option('--temperature <t>', '0: always the likeliest token', real({ from: 0, to: 1000 }), 0.8)
        .option('--top-p <p>', 'keep the likeliest tokens that reach this probability', real({ above: 0, to: 1 }), 0.95)
        .option('--top-k <k>', 'keep this many of the likeliest tokens; 0: all', integer(0, 1 << 24), 0)
        .option(
          '--min-p <p>',
          'keep tokens at least so many times as likely as the likeliest',
          real({ from: 0, to: 1 }),
          0,
        )
        .option(
          '--repetition-penalty <x>',
          'above 1: tokens of the context come again less often',
          real({ above: 0, to: 1000 }),
          1,
        )
        .option('--stop <text...>', 'end before this text')
        .addOption(
          choice(
            '--cache-format <format>',
            'how keys and values of the tokens so far are stored',
            ['f32', 'bf16', 'fp8'],
            'f32',
          ),
        )
        .option('--seed <n>', 'the same seed gives the same text', integer(0, 2 ** 32 - 1), 0)
        .addOption(device)
        .addOption(threads),
    generate,
  )
}

async function generate(flags: GenerateFlags): Promise<void> {
  const { json, chat, message, system, template, prompt = [], prompts, batchSize, ...rest } = flags
  if (rest.stop?.includes('')) throw new UsageError('--stop is empty; give the text to end before')
  const talks = chat || message !== undefined
  const asked = prompt.length > 0 ? 'prompt' : prompts !== undefined ? 'prompts' : undefined
  if (!talks) {
    const other = Object.entries({ system, template }).find(([, value]) => value !== undefined)?.[0]
    if (other) throw new UsageError(`--${other} goes with --chat or --message TEXT`)
    if (!asked)
      throw new UsageError(
        '--prompt TEXT is missing; or give --chat, to talk to a model that was tuned on conversations',
      )
    const all = [...prompt, ...(prompts === undefined ? [] : await readPrompts(prompts))]
    return continueTexts({ ...rest, json, batchSize, prompts: all })
  }
  if (asked) throw new UsageError(`--${asked} does not go with --chat; ask with --message TEXT`)
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
    // The prompt first, once the model is there: a failure before leaves stdout empty.
    process.stdout.write(begun ? text : first + text)
    begun = true
  }
  const { texts, ...about } = await runGenerate({ ...options, ...(!json && single && { onText }) })
  if (json) answer({ json }, { ...(single ? texts[0] : { texts }), ...about }, () => '')
  else if (!single) answer({}, texts, () => texts.map(({ prompt, text }) => prompt + text).join('\n\n'))
  else process.stdout.write(begun ? '\n' : `${first}\n`)
}

/** @throws Error naming the file, and the line that is no prompt */
async function readPrompts(file: string): Promise<string[]> {
  const lines = new TextDecoder().decode(await readBytes(file, largestPrompts)).split(/\r?\n/)
  const asJson = /\.jsonl?$/i.test(file)
  const prompts = lines.flatMap((line, i) => {
    if (line.trim() === '') return []
    return asJson ? [jsonPrompt(`${file}:${i + 1}`, line)] : [line]
  })
  if (prompts.length === 0) throw new Error(`${file}: there is no prompt in it`)
  return prompts
}

const largestPrompts = 2 ** 26

function jsonPrompt(where: string, line: string): string {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch (error) {
    throw new Error(`${where}: it is no JSON (${(error as Error).message.slice(0, 120)})`)
  }
  const prompt = typeof json === 'string' ? json : (json as { prompt?: unknown } | null)?.prompt
  if (typeof prompt === 'string') return prompt
  throw new Error(`${where}: it must be a JSON string or {"prompt": "..."}, got ${line.slice(0, 80)}`)
}
