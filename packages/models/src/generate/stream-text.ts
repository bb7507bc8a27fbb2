/** Streams the text of a continuation in whole characters, up to a stop string. */
import type { GenerateOptions, Generator } from './generator.ts'
import { StopStrings } from './stop-strings.ts'

/**
 * An incremental decoder of ids, as `decodeStream` of @kumiki/tokenizer returns it. It gives only whole characters.
 */
export interface IdDecoder {
  push(id: number): string
  end(): string
}

export interface StreamTextOptions extends GenerateOptions {
  /** The text ends before the first of these, which may span tokens. */
  readonly stop?: readonly string[]
  /** Aborts between two tokens with the signal's reason. */
  readonly signal?: AbortSignal
}

/**
 * Generates the text of a continuation piece by piece.
 * @param tokenizer creates the incremental decoder
 * @param prompt token ids, as `Generator.generate` takes them
 * @yields pieces of the continuation; a possible beginning of a stop string and an incomplete character are held back
 * until the next token
 * @example
 * const generator = new Generator(device, model, parameters)
 * let text = ''
 * const options = { seed: 1, stop: ['\n\n'] }
 * const prompt = tokenizer.encode('むかし')
 * for await (const piece of streamText(generator, tokenizer, prompt, 8, options)) text += piece
 * generator.dispose()
 */
export async function* streamText(
  generator: Generator,
  tokenizer: { decodeStream(): IdDecoder },
  prompt: ArrayLike<number>,
  maxTokens: number,
  options: StreamTextOptions = {},
): AsyncGenerator<string> {
  for await (const { text } of streamTexts(generator, tokenizer, [prompt], maxTokens, options)) yield text
}

/**
 * `streamText` for a batch of prompts of any lengths (`Generator.generateBatch`). Each row's text is what it would be
 * alone.
 * @yields a piece and the row it belongs to
 */
export async function* streamTexts(
  generator: Generator,
  tokenizer: { decodeStream(): IdDecoder },
  prompts: readonly ArrayLike<number>[],
  maxTokens: number,
  options: StreamTextOptions = {},
): AsyncGenerator<{ readonly row: number; readonly text: string }> {
  const { stop = [], stopIds = [], signal, endsWith } = options
  const rows = prompts.map((prompt) => {
    const decoder = tokenizer.decodeStream()
    // The decoder also gets the prompt, except end-of-text ids, so that a piece that continues a word is not decoded as
    // the start of one.
    for (const id of Array.from(prompt)) if (!stopIds.includes(id)) decoder.push(id)
    return { decoder, stops: new StopStrings(stop) }
  })
  const tokens = generator.generateBatch(prompts, maxTokens, {
    ...options,
    endsWith: (token) => rows[token.row].stops.found || (endsWith?.(token) ?? false),
  })
  for await (const { row, id } of tokens) {
    const { decoder, stops } = rows[row]
    const text = stops.push(decoder.push(id))
    if (text) yield { row, text }
    signal?.throwIfAborted()
  }
  for (const [row, { decoder, stops }] of rows.entries()) {
    const text = stops.found ? '' : stops.push(decoder.end()) + stops.end()
    if (text) yield { row, text }
  }
}
