/** Continues texts with a model in training or a loaded one. */
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
  /** Generation ends before the first of these texts. */
  readonly stop?: readonly string[]
  readonly seed: number
  /** Stops generation between two tokens; its reason is thrown. */
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
  // As in training, an end-of-document id precedes the text.
  const ids = [tokenizer.eosId, ...tokenizer.encode(prompt)]
  let text = ''
  const { maxTokens, signal } = options
  for await (const piece of streamText(generator, tokenizer, ids, maxTokens, {
    ...options,
    stopIds: [tokenizer.eosId],
  })) {
    text += piece
    onText?.(piece)
    // Yields to the event loop, so that a signal can arrive.
    if (signal) await new Promise((resolve) => setImmediate(resolve))
  }
  return text
}

/** Samples a continuation of each prompt from a model in training. @throws the signal's reason */
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
