/** `kumiki generate`: continues text from a run folder, or from any folder with config.json, model.safetensors and tokenizer.model. */
import { join } from 'node:path'
import { decoderModel, Generator, streamText } from '@kumiki/models'
import { loadModel, modelFolder } from '@kumiki/models/node'
import { type InitOptions, init } from '@kumiki/tensor'
import { type HuggingFaceTokenizer, openTokenizer, type Tokenizer } from '@kumiki/tokenizer/node'
import { exists } from '../files/files.ts'
import { log } from '../verb.ts'
import { type ContinueOptions, continueText } from './sampling.ts'

export interface GenerateCommandOptions extends ContinueOptions {
  readonly checkpoint: string
  readonly prompt: string
  readonly device: 'auto' | 'webgpu' | 'cpu'
  readonly threads?: number
  /** Called with each piece of text as it is made. */
  readonly onText?: (text: string) => void
}

export async function runGenerate(
  options: GenerateCommandOptions,
): Promise<{ prompt: string; text: string; device: string; seconds: number }> {
  const started = performance.now()
  const folder = await modelFolder(options.checkpoint)
  const tokenizer = await openFolderTokenizer(folder)
  const device = await init({ backend: options.device, threads: options.threads } as InitOptions)
  try {
    const { architecture, parameters, warnings, generation } = await loadModel(device, folder)
    for (const warning of warnings) log(warning)
    if (architecture.vocabSize < tokenizer.vocabSize)
      throw new Error(
        `${options.checkpoint}: the tokenizer has ${tokenizer.vocabSize} pieces, the model only ${architecture.vocabSize} rows; they do not belong together`,
      )
    const generator = new Generator(device, decoderModel(architecture), parameters)
    const text =
      'tokenToId' in tokenizer
        ? await continueAsEncoded(generator, tokenizer, generation.eosTokenIds ?? [], options)
        : await continueText(generator, tokenizer, options.prompt, options, options.onText)
    generator.dispose()
    return { prompt: options.prompt, text, device: device.name, seconds: (performance.now() - started) / 1000 }
  } finally {
    device.dispose()
  }
}

/** tokenizer.model where there is one, else tokenizer.json. @throws Error naming the folder */
async function openFolderTokenizer(folder: string): Promise<Tokenizer | HuggingFaceTokenizer> {
  for (const name of ['tokenizer.model', 'tokenizer.json'])
    if ((await exists(join(folder, name))) === true)
      return (await openTokenizer(join(folder, name))) as Tokenizer | HuggingFaceTokenizer
  const fault =
    (await exists(folder)) === false
      ? 'there is no such folder'
      : 'there is no tokenizer.model and no tokenizer.json in it'
  throw new Error(`${folder}: ${fault}; --checkpoint needs the folder of a finished run, of a model, or hf:OWNER/NAME`)
}

/** The prompt as its tokenizer encodes it, with its special tokens. */
async function continueAsEncoded(
  generator: Generator,
  tokenizer: HuggingFaceTokenizer,
  stopIds: readonly number[],
  { prompt, maxTokens, onText, ...options }: GenerateCommandOptions,
): Promise<string> {
  const encoded = [...tokenizer.encode(prompt, { addSpecialTokens: true })]
  const ids = encoded.length > 0 ? encoded : stopIds.slice(0, 1)
  const decoder = { decodeStream: () => tokenizer.decodeStream({ skipSpecialTokens: true }) }
  let text = ''
  for await (const piece of streamText(generator, decoder, ids, maxTokens, { ...options, stopIds })) {
    text += piece
    onText?.(piece)
  }
  return text
}
