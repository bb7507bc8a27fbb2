/**
 * `kumiki generate`: continues texts from a run folder, an adapter, or any folder with config.json, weights and a
 * tokenizer.
 */
import { type CacheDType, Generator, streamTexts } from '@kumiki/models'
import { type InitOptions, init } from '@kumiki/tensor'
import { type FolderTokenizer, openFolderTokenizer, tokenizerFileOf } from './folder-tokenizer.ts'
import { checkpointFolders, checkVocabulary, openCheckpoint } from './open-checkpoint.ts'
import type { ContinueOptions } from './sampling.ts'

/** Maps flag values to dtypes of the tensor core. */
export const cacheFormats = {
  f32: 'float32',
  bf16: 'bfloat16',
  fp8: 'float8_e4m3fn',
} as const satisfies Record<string, CacheDType>

export type CacheFormat = keyof typeof cacheFormats

export interface GenerateCommandOptions extends ContinueOptions {
  readonly checkpoint: string
  readonly prompts: readonly string[]
  /** Prompts per batch. Default 8. It changes only the speed. */
  readonly batchSize?: number
  /** Storage format of the key-value cache. Default f32. */
  readonly cacheFormat?: CacheFormat
  readonly device: 'auto' | 'webgpu' | 'cpu'
  readonly threads?: number
  /** Called with each piece of generated text. @param prompt index of the prompt it continues */
  readonly onText?: (text: string, prompt: number) => void
}

export interface GeneratedTexts {
  readonly texts: readonly { readonly prompt: string; readonly text: string }[]
  readonly device: string
  readonly seconds: number
}

/** @throws Error naming an invalid folder or file, or a prompt that is too long */
export async function runGenerate(options: GenerateCommandOptions): Promise<GeneratedTexts> {
  const started = performance.now()
  const { prompts, maxTokens, batchSize = 8, seed, cacheFormat = 'f32', onText } = options
  const folders = await checkpointFolders(options.checkpoint)
  // Fail for a missing tokenizer before the weights are read.
  await tokenizerFileOf(folders.tokenizer)
  const device = await init({ backend: options.device, threads: options.threads } as InitOptions)
  try {
    const { architecture, model, parameters, generation } = await openCheckpoint(device, folders)
    const tokenizer = await openFolderTokenizer(folders.tokenizer, generation.eosTokenIds?.[0])
    checkVocabulary(options.checkpoint, tokenizer.vocabSize, architecture)
    const { decoder, encode, stopIds } = encodingOf(tokenizer, generation.eosTokenIds ?? [])
    const ids = prompts.map(encode)
    const context = architecture.maxPositionEmbeddings
    for (const [i, { length }] of ids.entries())
      if (length >= context)
        throw new Error(
          `${prompts.length === 1 ? 'the prompt' : `prompt ${i + 1}`} has ${length} tokens, but the model's context length is ${context}; shorten it`,
        )
    const generator = new Generator(device, model, parameters, { cacheDtype: cacheFormats[cacheFormat] })
    const texts = prompts.map(() => '')
    for (let from = 0; from < prompts.length; from += batchSize) {
      // Row i of the batch draws with seed + i, so the texts do not depend on the batch size.
      const sampling = { ...options, stopIds, seed: (seed + from) % 2 ** 32 }
      const batch = ids.slice(from, from + batchSize)
      for await (const { row, text } of streamTexts(generator, decoder, batch, maxTokens, sampling)) {
        texts[from + row] += text
        onText?.(text, from + row)
      }
    }
    generator.dispose()
    return {
      texts: prompts.map((prompt, i) => ({ prompt, text: texts[i] })),
      device: device.name,
      seconds: (performance.now() - started) / 1000,
    }
  } finally {
    device.dispose()
  }
}

/** How prompts are encoded and texts decoded, and the ids that end a text. */
function encodingOf({ tokenizer, eosId, encodeWhole }: FolderTokenizer, eosIds: readonly number[]) {
  const stopIds = [...new Set([...eosIds, ...(eosId === undefined ? [] : [eosId])])]
  return {
    decoder:
      'tokenToId' in tokenizer
        ? { decodeStream: () => tokenizer.decodeStream({ skipSpecialTokens: true }) }
        : tokenizer,
    encode: (prompt: string): readonly number[] => {
      const encoded = encodeWhole(prompt)
      return encoded.length > 0 ? encoded : stopIds.slice(0, 1)
    },
    stopIds,
  }
}
