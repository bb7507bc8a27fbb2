/** Text in, text out. */
import type { Generator } from '@kumiki/models'
import type { Tokenizer } from '@kumiki/tokenizer'

export interface ContinueOptions {
  readonly maxTokens: number
  readonly temperature: number
  readonly topP: number
  readonly topK: number
  readonly seed: number
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
    onText?.(piece)
  }
  for await (const id of generator.generate(ids, options.maxTokens, { ...options, stopIds: [tokenizer.eosId] }))
    emit(stream.push(id))
  emit(stream.end())
  return text
}
