/** `kumiki generate`: continues text from a run folder, or from any folder with config.json, model.safetensors and tokenizer.model. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decoderModel, Generator } from '@kumiki/models'
import { loadModel } from '@kumiki/models/node'
import { type InitOptions, init } from '@kumiki/tensor'
import { loadTokenizer } from '@kumiki/tokenizer'
import { exists } from './files.ts'
import { type ContinueOptions, continueText } from './sampling.ts'
import { log } from './verb.ts'

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
  const file = join(options.checkpoint, 'tokenizer.model')
  const model = await readFile(file).catch(async (error) => {
    const fault =
      (await exists(options.checkpoint)) === false
        ? 'there is no such folder'
        : (await exists(join(options.checkpoint, 'tokenizer.json')))
          ? 'there is a tokenizer.json alone; a SentencePiece model is needed'
          : `it cannot be read (${error.code ?? error.message})`
    throw new Error(`${file}: ${fault}; --checkpoint needs the folder of a finished run`)
  })
  const tokenizer = loadTokenizer(model)
  const device = await init({ backend: options.device, threads: options.threads } as InitOptions)
  try {
    const { architecture, parameters, warnings } = await loadModel(device, options.checkpoint)
    for (const warning of warnings) log(warning)
    if (architecture.vocabSize < tokenizer.vocabSize)
      throw new Error(
        `${options.checkpoint}: the tokenizer has ${tokenizer.vocabSize} pieces, the model only ${architecture.vocabSize} rows; they do not belong together`,
      )
    const generator = new Generator(device, decoderModel(architecture), parameters)
    const text = await continueText(generator, tokenizer, options.prompt, options, options.onText)
    generator.dispose()
    return { prompt: options.prompt, text, device: device.name, seconds: (performance.now() - started) / 1000 }
  } finally {
    device.dispose()
  }
}
