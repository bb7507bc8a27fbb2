/** Text in, text out. */
import { Generator } from '@kumiki/models'
import type { Device } from '@kumiki/tensor'
import type { Tokenizer } from '@kumiki/tokenizer'
import type { Trainer } from '@kumiki/train'
import { StopStrings } from './stop-strings.ts'

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
  tokenizer: Tokenizer,
  prompt: string,
  options: ContinueOptions,
  onText?: (text: string) => void,
): Promise<string> {
  // In training every document follows the end of another, so a prompt does too.
  const ids = [tokenizer.eosId, ...tokenizer.encode(prompt)]
  const stream = tokenizer.decodeStream()
  // The stream sees the prompt as well: a piece that continues a word must not look like the start of a text.
  for (const id of ids.slice(1)) stream.push(id)
  let text = ''
  const emit = (piece: string) => {
    text += piece
    if (piece) onText?.(piece)
  }
  const stops = new StopStrings(options.stop ?? [])
  for await (const id of generator.generate(ids, options.maxTokens, { ...options, stopIds: [tokenizer.eosId] })) {
    emit(stops.push(stream.push(id)))
    if (stops.found) return text
    if (options.signal) await new Promise((resolve) => setImmediate(resolve))
    options.signal?.throwIfAborted()
  }
  emit(stops.push(stream.end()))
  emit(stops.end())
  return text
}

/** How a model in training continues each prompt. @throws the signal's reason */
export async function sampleTexts(
  device: Device,
  trainer: Trainer,
  tokenizer: Tokenizer,
  prompts: readonly { readonly label: string; readonly prompt: string }[],
  seed: number,
  signal: AbortSignal,
): Promise<{ label: string; prompt: string; text: string }[]> {
  const generator = new Generator(device, trainer.model, trainer.parameters)
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
