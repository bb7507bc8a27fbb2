/**
 * Writes a model in Hugging Face's layout: config.json, safetensors (one file or shards), generation_config.json. Node
 * only.
 */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { sliceAxis, type Tensor } from '@kumiki/tensor'
import type { ModelArchitecture } from '../architecture.ts'
import { replaceFile } from '../files/atomic-file.ts'
import type { Parameters } from '../language-model.ts'
import { nameOfExpert } from '../parameters.ts'
import { type SafetensorsTensor, safetensorsChunks } from '../safetensors/safetensors.ts'
import { type TokenIds, toHuggingFaceConfig } from './config.ts'
import { type GenerationConfig, toHuggingFaceGenerationConfig } from './generation-config.ts'
import { codesOf } from './stored-tensor.ts'
import { indexFile, shardName, weightsFile } from './weight-files.ts'

export interface SaveOptions extends TokenIds {
  /** Storage format of the weights. Default: that of the tensors. */
  readonly dtype?: 'float32' | 'bfloat16' | 'float16'
  /**
   * Maximum bytes of weights in a file (a larger tensor gets a file of its own); larger models are written as shards
   * with an index. Default 5 GB.
   */
  readonly maxShardBytes?: number
  /** Also writes generation_config.json. */
  readonly generation?: GenerationConfig
}

/**
 * Writes config.json and the weights, one tensor at a time. Weights of an earlier model in the folder are deleted.
 * @throws RangeError for an architecture that no class of Transformers has; TypeError for an integer tensor
 * @example await saveModel('out', model.architecture, parameters, { dtype: 'bfloat16', eosTokenId: 2 })
 */
export async function saveModel(
  folder: string,
  architecture: ModelArchitecture,
  parameters: Parameters,
  options: SaveOptions = {},
): Promise<void> {
  const { dtype, maxShardBytes = 5e9, generation, ...ids } = options
  if (!(maxShardBytes > 0)) throw new RangeError(`saveModel: maxShardBytes must be above 0, got ${maxShardBytes}`)
  const all = Object.entries(parameters).flatMap(([name, t]) => separated(name, t))
  const narrow = (['bfloat16', 'float16'] as const).find((d) => all.some(([, t]) => t.dtype === d))
  const config = toHuggingFaceConfig(architecture, { torchDtype: dtype ?? narrow ?? 'float32', ...ids })
  const shards = cutIntoShards(
    all.map(([name, t]) => codesOf('saveModel', name, t, dtype)),
    maxShardBytes,
  )
  const files = shards.map((_, i) => (shards.length === 1 ? weightsFile : shardName(i, shards.length)))
  for (const [i, { tensors }] of shards.entries())
    await replaceFile(join(folder, files[i]), safetensorsChunks(tensors, { format: 'pt' }))
  if (shards.length > 1) {
    const places = shards.flatMap(({ tensors }, i) => tensors.map(({ name }) => [name, files[i]] as const))
    const index = {
      metadata: { total_size: shards.reduce((sum, { bytes }) => sum + bytes, 0) },
      weight_map: Object.fromEntries(places),
    }
    await replaceFile(join(folder, indexFile), json(index))
  }
  await replaceFile(join(folder, 'config.json'), withFloats(json(config)))
  if (generation)
    await replaceFile(join(folder, 'generation_config.json'), json(toHuggingFaceGenerationConfig(generation)))
  await removeOthers(folder, new Set(shards.length > 1 ? [...files, indexFile] : files))
}

/** Splits the stacked experts of a layer into one tensor per expert, as the files have them. */
function separated(name: string, t: Tensor): [name: string, t: Tensor][] {
  if (t.ndim !== 3) return [[name, t]]
  return Array.from({ length: t.shape[0] }, (_, e) => [
    nameOfExpert(name, e),
    sliceAxis(t, 0, e, e + 1).reshape(t.shape.slice(1)),
  ])
}

/** Fields that transformers 5 accepts only as Python floats: a whole number must be written as 3.0. */
const floats =
  'initializer_range rms_norm_eps rope_theta rope_local_base_freq factor low_freq_factor high_freq_factor attn_logit_softcapping final_logit_softcapping'

function withFloats(text: string): string {
  return text.replace(new RegExp(`^( *"(?:${floats.replaceAll(' ', '|')})": \\d+)(,?)$`, 'gm'), '$1.0$2')
}

const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`

function cutIntoShards(tensors: readonly (SafetensorsTensor & { readonly bytes: number })[], limit: number) {
  const shards: { tensors: SafetensorsTensor[]; bytes: number }[] = []
  for (const tensor of tensors) {
    const last = shards.at(-1)
    if (last && last.bytes + tensor.bytes <= limit) {
      last.tensors.push(tensor)
      last.bytes += tensor.bytes
    } else shards.push({ tensors: [tensor], bytes: tensor.bytes })
  }
  return shards.length > 0 ? shards : [{ tensors: [], bytes: 0 }]
}

/** Deletes weight files of an earlier model, which would be read instead of or together with these. */
async function removeOthers(folder: string, written: ReadonlySet<string>): Promise<void> {
  const stale = (await readdir(folder)).filter(
    (file) => /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/.test(file) && !written.has(file),
  )
  for (const file of stale) await rm(join(folder, file))
}

/**
 * Writes tokenizer_config.json beside a SentencePiece tokenizer.model, so that Transformers (tested with 4.57.6 and
 * 5.24.0) produces the ids a run was trained on, without a beginning-of-text id. It names no tokenizer class, because
 * 5.x reads unigram models correctly only without one. Special tokens written out in a text (`<s>`) become special
 * tokens in Transformers, and plain text here.
 * @param maxLength the model's maximum length in tokens
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
    // Keeps a leading space of the text.
    legacy: true,
    clean_up_tokenization_spaces: false,
    model_max_length: maxLength,
  }
  await replaceFile(join(folder, 'tokenizer_config.json'), `${JSON.stringify(config, null, 2)}\n`)
}
