/** Text in, text out. */
import { Generator, type Parameters, streamText } from '@kumiki/models'
import type { Device } from '@kumiki/tensor'
import type { Trainer } from '@kumiki/train'
import type { TextTokenizer } from './text-tokenizer.ts'

export interface ContinueOptions {
  readonly maxTokens: number
  readonly temperature: number
  readonly topP: number
  readonly topK: number
  readonly minP?: number
  readonly repetitionPenalty?: number
  /** The text ends before the first of these. */
  readonly stop?: readonly string[]
  readonly seed: number
  /** Ends it between two tokens, with its reason. */
  readonly signal?: AbortSignal
}

/** Continues a prompt until the end of the document or maxTokens; returns the continuation alone. */
export async function continueText(
  generator: Generator,
  tokenizer: TextTokenizer,
  prompt: string,
  options: ContinueOptions,
  onText?: (text: string) => void,
): Promise<string> {
  // In training every document follows the end of another, so a prompt does too.
  const ids = [tokenizer.eosId, ...tokenizer.encode(prompt)]
  let text = ''
  const { maxTokens, signal } = options
  for await (const piece of streamText(generator, tokenizer, ids, maxTokens, {
    ...options,
    stopIds: [tokenizer.eosId],
  })) {
    text += piece
    onText?.(piece)
    // Lets a signal in.
    if (signal) await new Promise((resolve) => setImmediate(resolve))
  }
  return text
}

/** How a model in training continues each prompt. @throws the signal's reason */
export async function sampleTexts(
  device: Device,
  trainer: Trainer,
  tokenizer: TextTokenizer,
  prompts: readonly { readonly label: string; readonly prompt: string }[],
  seed: number,
  signal: AbortSignal,
  parameters: Parameters = trainer.parameters,
): Promise<{ label: string; prompt: string; text: string }[]> {
  const generator = new Generator(device, trainer.model, parameters)
  try {
    const samples = []
    for (const { label, prompt } of prompts) {
      const options = { maxTokens: 60, temperature: 0.7, topP: 0.95, topK: 0, seed, signal }
      samples.push({ label, prompt, text: await continueText(generator, tokenizer, prompt, options) })
    }
    return samples
  } finally {
    generator.dispose()
  }
}
