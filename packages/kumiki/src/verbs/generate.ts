/** `kumiki generate` */
import type { Command } from 'commander'
import { endWithReader } from '../closed-output.ts'
import { deviceOptions, integer, real } from '../flag-values.ts'
import { addVerb, answer } from '../verb.ts'

interface GenerateFlags {
  checkpoint: string
  prompt: string
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
    'Continue a text with a trained model.',
    (c) =>
      c
        .requiredOption('--checkpoint <folder>', 'a run folder: config.json, model.safetensors, tokenizer.model')
        .requiredOption('--prompt <text>', 'the text to continue')
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

async function generate({ json, ...options }: GenerateFlags): Promise<void> {
  const { runGenerate } = await import('../generate-command.ts')
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
