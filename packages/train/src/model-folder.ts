/** A model on disk as Hugging Face tools expect it: config.json, model.safetensors. Node only. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Parameters } from '@kumiki/models'
import {
  fromHuggingFaceConfig,
  type ModelArchitecture,
  parameterShapes,
  toHuggingFaceConfig,
} from '@kumiki/models/configs'
import { type SafetensorsDtype, type SafetensorsTensor, safetensorsChunks } from '@kumiki/models/safetensors'
import { cast, type Device, type DType, type HostArray } from '@kumiki/tensor'
import { writeFileAtomically } from './atomic-file.ts'
import { openWeights, type WeightFiles } from './weight-files.ts'

const dtypes: Partial<Record<SafetensorsDtype, DType>> = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' }

/** Writes config.json and model.safetensors with the tensors' own formats. */
export async function saveModel(
  folder: string,
  architecture: ModelArchitecture,
  parameters: Parameters,
  ids: { bosTokenId?: number; eosTokenId?: number; padTokenId?: number } = {},
): Promise<void> {
  const narrow = Object.values(parameters).some((t) => t.dtype === 'bfloat16')
  const tensors = Object.entries(parameters).map(([name, t]): SafetensorsTensor => {
    const dtype = (Object.keys(dtypes) as SafetensorsDtype[]).find((k) => dtypes[k] === t.dtype)
    if (!dtype)
      throw new TypeError(`saveModel: ${name} is ${t.dtype}, which safetensors files of Llama models do not hold`)
    return { name, dtype, shape: t.shape, data: async () => bytesOf(await t.codes()) }
  })
  const config = toHuggingFaceConfig(architecture, { torchDtype: narrow ? 'bfloat16' : 'float32', ...ids })
  await writeFileAtomically(join(folder, 'model.safetensors'), safetensorsChunks(tensors, { format: 'pt' }))
  await writeFileAtomically(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
}

/**
 * Writes tokenizer_config.json beside a SentencePiece tokenizer.model, so that Transformers (held against 4.57.6 and 5.24.0) gives the ids a run
 * was trained on: no beginning of text. It names no class: 5.x reads unigram models right only without one. Special tokens written out in a
 * text (`<s>`) are special tokens there and plain text here.
 * @param maxLength tokens the model takes
 */
export async function saveTokenizerConfig(
  folder: string,
  pieces: { readonly bos: string; readonly eos: string; readonly unk: string },
  maxLength: number,
): Promise<void> {
  const config = {
    add_bos_token: false,
    add_eos_token: false,
    bos_token: pieces.bos,
    eos_token: pieces.eos,
    unk_token: pieces.unk,
    // A text that begins with a space keeps it.
    legacy: true,
    clean_up_tokenization_spaces: false,
    model_max_length: maxLength,
  }
  await writeFileAtomically(join(folder, 'tokenizer_config.json'), `${JSON.stringify(config, null, 2)}\n`)
}

function bytesOf(codes: HostArray): Uint8Array {
  return new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength)
}

export interface LoadedModel {
  readonly architecture: ModelArchitecture
  readonly parameters: Parameters
  /** What a user should know: tensors that were not read, tables that are not tied. */
  readonly warnings: readonly string[]
}

/**
 * Reads config.json and the weights (one file or shards), as float32 tensors. Tensors are read one after another: files of any size.
 * Where the configuration ties the tables but the files hold two that differ, they are not tied, as in Transformers 5.
 * @throws Error naming file and field, for files that are missing, broken, or do not belong together
 */
export async function loadModel(device: Device, folder: string): Promise<LoadedModel> {
  const configured = await readConfig(folder)
  const weights = await openWeights(folder)
  try {
    const warnings: string[] = []
    const architecture = await untieWhereTheyDiffer(configured, weights, warnings)
    const parameters: Parameters = {}
    const used = new Set<string>()
    for (const { name, shape } of parameterShapes(architecture)) {
      // A tied table may be stored under the name of the other.
      const stored = name === embedding && !weights.has(embedding) && architecture.tieWordEmbeddings ? head : name
      used.add(stored)
      const { file, dtype: storedDtype, shape: found } = weights.info(stored)
      const dtype = dtypes[storedDtype]
      if (!dtype) throw new Error(`${file}: ${stored} is stored as ${storedDtype}; F32, BF16 and F16 can be read`)
      if (found.length !== shape.length || found.some((d, i) => d !== shape[i])) {
        throw new Error(`${file}: ${stored} is [${found.join(', ')}], but config.json calls for [${shape.join(', ')}]`)
      }
      const bytes = await weights.read(stored)
      const Codes = dtype === 'float32' ? Float32Array : Uint16Array
      const codes = new Codes(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / Codes.BYTES_PER_ELEMENT)
      const tensor = cast(device.tensorFromCodes(codes, shape, dtype), 'float32')
      await device.evaluate(tensor)
      parameters[name] = tensor
    }
    const unread = weights
      .names()
      .filter((name) => !used.has(name) && name !== head && !/rotary_emb\.inv_freq$/.test(name))
    if (unread.length > 0)
      warnings.push(
        `${folder}: ${unread.length} tensor${unread.length === 1 ? '' : 's'} of the weights ${unread.length === 1 ? 'has' : 'have'} no place in the model and ${unread.length === 1 ? 'is' : 'are'} not read: ${unread.slice(0, 3).join(', ')}${unread.length > 3 ? ', ...' : ''}`,
      )
    return { architecture, parameters, warnings }
  } finally {
    await weights.close()
  }
}

const embedding = 'model.embed_tokens.weight'
const head = 'lm_head.weight'

async function readConfig(folder: string): Promise<ModelArchitecture> {
  const file = join(folder, 'config.json')
  const text = await readFile(file, 'utf8').catch(async (error) => {
    if (error.code === 'ENOENT' && (await exists(join(folder, 'run.json'))))
      throw new Error(
        `${folder}: the run has no model yet, since its training has not finished; go on with: kumiki train --resume ${folder}`,
      )
    throw new Error(
      `${file}: cannot be read (${error.code ?? error.message}); give the folder of a run or of a Llama model`,
    )
  })
  try {
    return fromHuggingFaceConfig(JSON.parse(text))
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message.replace(/^config\.json: /, '')}`)
  }
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

async function untieWhereTheyDiffer(
  architecture: ModelArchitecture,
  weights: WeightFiles,
  warnings: string[],
): Promise<ModelArchitecture> {
  if (!architecture.tieWordEmbeddings || !weights.has(head) || !weights.has(embedding)) return architecture
  const [a, b] = [await weights.read(embedding), await weights.read(head)]
  const same = weights.info(embedding).dtype === weights.info(head).dtype && Buffer.compare(a, b) === 0
  if (same) return architecture
  warnings.push(
    `${weights.info(head).file}: config.json ties the two tables, but ${head} differs from ${embedding}: they are not tied; set tie_word_embeddings to false`,
  )
  return { ...architecture, tieWordEmbeddings: false }
}
