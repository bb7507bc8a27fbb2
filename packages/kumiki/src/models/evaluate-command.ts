/** Held-out figures of a model that is there: perplexity and bits per byte of files. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readCorpusFiles } from '@kumiki/data/node'
import { decoderModel, perplexity, scoreTask, type TaskEncoder, type TaskScores } from '@kumiki/models'
import { loadModel, loadTask, modelFolder } from '@kumiki/models/node'
import { type InitOptions, init } from '@kumiki/tensor'
import { configuredTokens, textTemplate } from '@kumiki/tokenizer/chat'
import { openTokenizer } from '@kumiki/tokenizer/node'
import { exists } from '../files/files.ts'
import { log } from '../verb.ts'

export interface EvaluateOptions {
  /** A run folder, a folder as the Hub has it, or `hf:owner/name`. */
  readonly model: string
  readonly text: readonly string[]
  /** Tasks as lm-evaluation-harness writes them, YAML files. */
  readonly task?: readonly string[]
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
  /** Of all files; none where there are none. */
  readonly total?: Omit<TextFigures, 'file'>
  readonly tasks: readonly TaskScores[]
}

/** @throws Error naming the file that is missing, broken or does not belong to the model */
export async function runEvaluate(options: EvaluateOptions): Promise<EvaluationReport> {
  const folder = await modelFolder(options.model)
  const names = ['tokenizer.model', 'tokenizer.json']
  const found = await Promise.all(names.map((name) => exists(join(folder, name))))
  const file = names.find((_, i) => found[i])
  if (!file) throw new Error(`${folder}: there is no ${names.join(' and no ')}; the text cannot be encoded`)
  const tokenizer = await openTokenizer(join(folder, file))
  const corpus = options.text.length > 0 ? await readCorpusFiles(options.text) : []
  const tasks = await Promise.all((options.task ?? []).map((path) => loadTask(path)))
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
    const scores: TaskScores[] = []
    const encoder = tasks.length > 0 ? await taskEncoder(folder, end) : undefined
    for (const task of tasks) {
      scores.push(await scoreTask(device, model, parameters, task, encoder!, textTemplate, options))
      log(`${task.name}: ${task.documents.length.toLocaleString('en')} documents`)
    }
    const sum = (field: 'bytes' | 'tokens') => files.reduce((total, f) => total + f[field], 0)
    const nats = files.reduce((total, f) => total + f.natsPerToken * f.tokens, 0)
    model.dispose()
    const total = files.length > 0 ? { total: figures(nats, sum('tokens'), sum('bytes')) } : {}
    return { model: options.model, device: device.name, files, ...total, tasks: scores }
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

/** How lm-evaluation-harness encodes with this folder's tokenizer: tokenizer.json where there is one; else a text follows the end of another. */
async function taskEncoder(folder: string, end: number): Promise<TaskEncoder> {
  const json = join(folder, 'tokenizer.json')
  if ((await exists(json)) === true) {
    const tokenizer = await openTokenizer(json)
    if (!('tokenToId' in tokenizer)) throw new Error(`${json}: it is no tokenizer of Hugging Face's`)
    const ids = (text: string, addSpecialTokens: boolean) => Array.from(tokenizer.encode(text, { addSpecialTokens }))
    const config = await readFile(join(folder, 'tokenizer_config.json'), 'utf8').catch(() => '{}')
    const begin = configuredTokens(JSON.parse(config)).bos_token
    const prefixId = begin === undefined ? -1 : tokenizer.tokenToId(begin)
    return {
      encode: (text) => ids(text, true),
      encodeAlone: (text) => ids(text, false),
      prefixId: prefixId >= 0 ? prefixId : end,
    }
  }
  const tokenizer = await openTokenizer(join(folder, 'tokenizer.model'))
  const encodeAlone = (text: string): number[] => Array.from(idsOf(tokenizer.encode(text)))
  return { encode: (text) => [end, ...encodeAlone(text)], encodeAlone, prefixId: end }
}
