/** Text of a continuation as it is made: whole characters, up to a stop string. */
import type { GenerateOptions, Generator } from './generator.ts'
import { StopStrings } from './stop-strings.ts'

/** A decoder for ids that come one at a time, as the tokenizers of @kumiki/tokenizer give it; it never shows half a character. */
export interface IdDecoder {
  push(id: number): string
  end(): string
}

export interface StreamTextOptions extends GenerateOptions {
  /** The text ends before the first of these, which may stand across tokens. */
  readonly stop?: readonly string[]
  /** Ends it between two tokens, with its reason. */
  readonly signal?: AbortSignal
}

/**
 * @param tokenizer gives a decoder for this text
 * @param prompt token ids, as `Generator.generate` takes them
 * @yields pieces of the continuation; what could be the beginning of a stop string or a part of a character is held back until it is known
 * @example
 * const generator = new Generator(device, model, parameters)
 * let text = ''
 * for await (const piece of streamText(generator, tokenizer, tokenizer.encode('むかし'), 8, { seed: 1, stop: ['\n\n'] })) text += piece
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
 * The same for several prompts at once, of any lengths, as `Generator.generateBatch` continues them: each row becomes what it would be alone.
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
    // The decoder sees the prompt as well, but for what ends a text: a piece that continues a word must not look like the start of one.
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
