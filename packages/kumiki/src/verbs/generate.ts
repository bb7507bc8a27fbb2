/** `kumiki generate` */
import type { Command } from 'commander'
import { deviceOptions, integer, real } from '../flags/flag-values.ts'
import { endWithReader } from '../output/closed-output.ts'
import { UsageError } from '../usage-error.ts'
import { addVerb, answer } from '../verb.ts'

interface GenerateFlags {
  checkpoint: string
  prompt?: string
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
          'a run folder: config.json, model.safetensors, tokenizer.model; with --chat an adapter or hf:OWNER/NAME too',
        )
        .option('--prompt <text>', 'the text to continue')
        .option('--chat', 'talk to a model that was tuned on conversations; lines from the terminal, or --message')
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
        .option('--seed <n>', 'the same seed gives the same text', integer(0, 2 ** 32 - 1), 0)
        .addOption(device)
        .addOption(threads),
    generate,
  )
}

async function generate(flags: GenerateFlags): Promise<void> {
  const { json, chat, message, system, template, prompt, ...rest } = flags
  const talks = chat || message !== undefined
  if (!talks) {
    const other = Object.entries({ system, template }).find(([, value]) => value !== undefined)?.[0]
    if (other) throw new UsageError(`--${other} goes with --chat or --message TEXT`)
    if (prompt === undefined)
      throw new UsageError(
        '--prompt TEXT is missing; or give --chat, to talk to a model that was tuned on conversations',
      )
    return continueOne({ ...rest, json, prompt })
  }
  if (prompt !== undefined) throw new UsageError('--prompt does not go with --chat; ask with --message TEXT')
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

async function continueOne({ json, ...options }: GenerateFlags & { prompt: string }): Promise<void> {
  const { runGenerate } = await import('../models/generate-command.ts')
  if (!json) endWithReader()
  let begun = false
  const onText = (text: string) => {
    // The prompt first, once the model is there: a failure before leaves stdout empty.
    process.stdout.write(begun ? text : options.prompt + text)
    begun = true
  }
  const result = await runGenerate({ ...options, ...(json ? {} : { onText }) })
  if (json) answer({ json }, result, () => '')
  else process.stdout.write('\n')
}
