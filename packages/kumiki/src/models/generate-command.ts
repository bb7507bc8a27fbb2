/** `kumiki generate`: continues texts from a run folder, an adapter, or any folder with config.json, weights and a tokenizer. */
import { join } from 'node:path'
import { type CacheDType, Generator, streamTexts } from '@kumiki/models'
import { type InitOptions, init } from '@kumiki/tensor'
import { type HuggingFaceTokenizer, openTokenizer, type Tokenizer } from '@kumiki/tokenizer/node'
import { exists } from '../files/files.ts'
import { checkpointFolders, checkVocabulary, openCheckpoint } from './open-checkpoint.ts'
import type { ContinueOptions } from './sampling.ts'

/** Names of the flag to formats of the tensor core. */
export const cacheFormats = {
  f32: 'float32',
  bf16: 'bfloat16',
  fp8: 'float8_e4m3fn',
} as const satisfies Record<string, CacheDType>

export type CacheFormat = keyof typeof cacheFormats

export interface GenerateCommandOptions extends ContinueOptions {
  readonly checkpoint: string
  readonly prompts: readonly string[]
  /** Prompts that are worked on together. Default 8. It changes the time alone. */
  readonly batchSize?: number
  /** How keys and values of the tokens so far are stored. Default f32. */
  readonly cacheFormat?: CacheFormat
  readonly device: 'auto' | 'webgpu' | 'cpu'
  readonly threads?: number
  /** Called with each piece of text as it is made. @param prompt which it continues, by its place */
  readonly onText?: (text: string, prompt: number) => void
}

export interface GeneratedTexts {
  readonly texts: readonly { readonly prompt: string; readonly text: string }[]
  readonly device: string
  readonly seconds: number
}

/** @throws Error naming the folder or file that is wrong, or the prompt that is too long */
export async function runGenerate(options: GenerateCommandOptions): Promise<GeneratedTexts> {
  const started = performance.now()
  const { prompts, maxTokens, batchSize = 8, seed, cacheFormat = 'f32', onText } = options
  const folders = await checkpointFolders(options.checkpoint)
  const tokenizer = await openFolderTokenizer(folders.tokenizer)
  const device = await init({ backend: options.device, threads: options.threads } as InitOptions)
  try {
    const { architecture, model, parameters, generation } = await openCheckpoint(device, folders)
    checkVocabulary(options.checkpoint, tokenizer.vocabSize, architecture)
    const { decoder, encode, stopIds } = asContinued(tokenizer, generation.eosTokenIds ?? [])
    const ids = prompts.map(encode)
    const context = architecture.maxPositionEmbeddings
    for (const [i, { length }] of ids.entries())
      if (length >= context)
        throw new Error(
          `${prompts.length === 1 ? 'the prompt' : `prompt ${i + 1}`} has ${length} tokens, and the model's context holds ${context}; shorten it`,
        )
    const generator = new Generator(device, model, parameters, { cacheDtype: cacheFormats[cacheFormat] })
    const texts = prompts.map(() => '')
    for (let from = 0; from < prompts.length; from += batchSize) {
      // Each draws from a stream of its own, whatever stands beside it.
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

/** tokenizer.model where there is one, else tokenizer.json. @throws Error naming the folder */
async function openFolderTokenizer(folder: string): Promise<Tokenizer | HuggingFaceTokenizer> {
  for (const name of ['tokenizer.model', 'tokenizer.json'])
    if ((await exists(join(folder, name))) === true)
      return (await openTokenizer(join(folder, name))) as Tokenizer | HuggingFaceTokenizer
  throw new Error(
    `${folder}: there is no tokenizer.model and no tokenizer.json in it; --checkpoint needs the folder of a finished run, of a model, or hf:OWNER/NAME`,
  )
}

/** How a text is continued: as a run's own tokenizer sees it, after the end of another; as a tokenizer.json says, with its special tokens. */
function asContinued(tokenizer: Tokenizer | HuggingFaceTokenizer, eosIds: readonly number[]) {
  if (!('tokenToId' in tokenizer))
    return {
      decoder: tokenizer,
      encode: (prompt: string): readonly number[] => [tokenizer.eosId, ...tokenizer.encode(prompt)],
      stopIds: [tokenizer.eosId],
    }
  return {
    decoder: { decodeStream: () => tokenizer.decodeStream({ skipSpecialTokens: true }) },
    encode: (prompt: string): readonly number[] => {
      const encoded = [...tokenizer.encode(prompt, { addSpecialTokens: true })]
      return encoded.length > 0 ? encoded : eosIds.slice(0, 1)
    },
    stopIds: eosIds,
  }
}
