/** Held-out figures of a model that is there: perplexity and bits per byte of files. */
import { join } from 'node:path'
import { readCorpusFiles } from '@kumiki/data/node'
import { decoderModel, perplexity } from '@kumiki/models'
import { loadModel, modelFolder } from '@kumiki/models/node'
import { type InitOptions, init } from '@kumiki/tensor'
import { openTokenizer } from '@kumiki/tokenizer/node'
import { exists } from './files.ts'
import { log } from './verb.ts'

export interface EvaluateOptions {
  /** A run folder, a folder as the Hub has it, or `hf:owner/name`. */
  readonly model: string
  readonly text: readonly string[]
  readonly window?: number
  readonly stride?: number
  readonly batchSize: number
  readonly device: 'auto' | 'webgpu' | 'cpu'
  readonly threads?: number
}

export interface TextFigures {
  readonly file: string
  readonly bytes: number
  readonly tokens: number
  readonly natsPerToken: number
  readonly perplexity: number
  readonly bitsPerByte: number
}

export interface EvaluationReport {
  readonly model: string
  readonly device: string
  readonly files: readonly TextFigures[]
  readonly total: Omit<TextFigures, 'file'>
}

/** @throws Error naming the file that is missing, broken or does not belong to the model */
export async function runEvaluate(options: EvaluateOptions): Promise<EvaluationReport> {
  const folder = await modelFolder(options.model)
  const names = ['tokenizer.model', 'tokenizer.json']
  const found = await Promise.all(names.map((name) => exists(join(folder, name))))
  const file = names.find((_, i) => found[i])
  if (!file) throw new Error(`${folder}: there is no ${names.join(' and no ')}; the text cannot be encoded`)
  const tokenizer = await openTokenizer(join(folder, file))
  const corpus = await readCorpusFiles(options.text)
  const device = await init({ backend: options.device, threads: options.threads } as InitOptions)
  try {
    const { architecture, parameters, generation, warnings } = await loadModel(device, folder)
    for (const warning of warnings) log(warning)
    const model = decoderModel(architecture)
    const end =
      generation.eosTokenIds?.[0] ?? ('eosId' in tokenizer && tokenizer.eosId >= 0 ? tokenizer.eosId : undefined)
    if (end === undefined)
      throw new Error(`${folder}: neither the configuration nor the tokenizer says which id ends a text (eos_token_id)`)
    const files: TextFigures[] = []
    for (const { path, documents } of corpus) {
      // As in training: every document follows the end of another, and is followed by its own.
      const ids = [end, ...documents.flatMap((text) => [...idsOf(tokenizer.encode(text)), end])]
      const bytes = documents.reduce((sum, text) => sum + new TextEncoder().encode(text).length, 0)
      const { nats, tokens } = await perplexity(device, model, parameters, ids, options)
      files.push({ file: path, ...figures(nats, tokens, bytes) })
      log(`${path}: ${tokens.toLocaleString('en')} tokens`)
    }
    const sum = (field: 'bytes' | 'tokens') => files.reduce((total, f) => total + f[field], 0)
    const nats = files.reduce((total, f) => total + f.natsPerToken * f.tokens, 0)
    model.dispose()
    return { model: options.model, device: device.name, files, total: figures(nats, sum('tokens'), sum('bytes')) }
  } finally {
    device.dispose()
  }
}

const figures = (nats: number, tokens: number, bytes: number): Omit<TextFigures, 'file'> => ({
  bytes,
  tokens,
  natsPerToken: nats / tokens,
  perplexity: Math.exp(nats / tokens),
  bitsPerByte: nats / Math.LN2 / bytes,
})

/** Hugging Face tokenizers tell more than ids. */
const idsOf = (
  encoded: Int32Array | readonly number[] | { readonly ids: ArrayLike<number> },
): ArrayLike<number> & Iterable<number> => ('ids' in encoded ? Array.from(encoded.ids) : encoded)
