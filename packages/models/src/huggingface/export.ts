/** A model written as Hugging Face tools expect it: config.json, safetensors (whole or in shards), generation_config.json. Node only. */
import { join } from 'node:path'
import type { HostArray } from '@kumiki/tensor'
import type { ModelArchitecture } from '../architecture.ts'
import { replaceFile } from '../files/atomic-file.ts'
import type { Parameters } from '../language-model.ts'
import { type SafetensorsDtype, type SafetensorsTensor, safetensorsChunks } from '../safetensors/safetensors.ts'
import { toHuggingFaceConfig } from './config.ts'
import { dtypes } from './import.ts'

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
  await replaceFile(join(folder, 'model.safetensors'), safetensorsChunks(tensors, { format: 'pt' }))
  await replaceFile(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
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
  await replaceFile(join(folder, 'tokenizer_config.json'), `${JSON.stringify(config, null, 2)}\n`)
}

function bytesOf(codes: HostArray): Uint8Array {
  return new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength)
}
