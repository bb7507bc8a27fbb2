/**
 * Opens a model for generation and evaluation: a model's folder, an adapter with its base model, or `hf:OWNER/NAME`.
 */
import { join } from 'node:path'
import { type DecoderModel, decoderModel, type ModelArchitecture, mergeAdapter, type Parameters } from '@kumiki/models'
import { type LoadedModel, loadAdapter, loadModel, modelFolder } from '@kumiki/models/node'
import type { Device } from '@kumiki/tensor'
import { exists, readJson } from '../files/files.ts'
import { log } from '../verb.ts'

export interface OpenCheckpoint {
  readonly architecture: ModelArchitecture
  readonly model: DecoderModel
  readonly parameters: Parameters
  readonly generation: LoadedModel['generation']
}

/** The folders of a checkpoint's parts. */
export interface CheckpointFolders {
  readonly folder: string
  /** The folder of the weights: an adapter's base model, else the folder itself. */
  readonly weights: string
  /** The folder of the tokenizer: published adapters often have none, and use their base model's. */
  readonly tokenizer: string
}

/** @throws Error naming a missing folder, or an adapter whose base model is missing */
export async function checkpointFolders(checkpoint: string): Promise<CheckpointFolders> {
  const folder = await modelFolder(checkpoint)
  if (!(await exists(folder)))
    throw new Error(`${folder}: no such folder; give the folder of a model, of a fine-tuned model or hf:OWNER/NAME`)
  const adapter = join(folder, 'adapter_config.json')
  const isAdapter = !(await exists(join(folder, 'config.json'))) && (await exists(adapter))
  if (!isAdapter) return { folder, weights: folder, tokenizer: folder }
  const weights = await baseOf(adapter)
  const own = await Promise.all(['tokenizer.json', 'tokenizer.model'].map((name) => exists(join(folder, name))))
  return { folder, weights, tokenizer: own.includes(true) ? folder : weights }
}

/** The folder of the base model that an adapter names. */
async function baseOf(file: string): Promise<string> {
  const { base_model_name_or_path: name } = (await readJson(file)) as Record<string, unknown>
  if (typeof name !== 'string' || name === '')
    throw new Error(
      `${file}: base_model_name_or_path is missing; set it to the folder or the Hub's name of the adapter's base model`,
    )
  if (await exists(name)) return name
  if (/^[\w.-]+\/[\w.-]+$/.test(name)) return modelFolder(`hf:${name}`)
  throw new Error(
    `${file}: the base model ${name} does not exist; restore it, or set base_model_name_or_path to its new path`,
  )
}

/** Loads the weights, with an adapter merged into its base model. Warnings are logged. */
export async function openCheckpoint(device: Device, folders: CheckpointFolders): Promise<OpenCheckpoint> {
  const { folder, weights } = folders
  // On the cpu, products with bfloat16 weights have the bits of products with the same numbers in float32, and are
  // faster. An adapter is merged in float32.
  const dtype = device.kind === 'cpu' && weights === folder ? 'compact' : 'float32'
  const { architecture, parameters, generation, warnings } = await loadModel(device, weights, { dtype })
  for (const warning of warnings) log(warning)
  const model = decoderModel(architecture)
  if (weights === folder) return { architecture, model, parameters, generation }
  const adapter = await loadAdapter(device, folder, model)
  return { architecture, model, parameters: mergeAdapter(model, parameters, adapter), generation }
}

/** @throws Error if the tokenizer has more tokens than the model's embedding has rows */
export function checkVocabulary(folder: string, tokens: number, { vocabSize }: ModelArchitecture): void {
  if (tokens > vocabSize)
    throw new Error(
      `${folder}: the tokenizer has ${tokens} tokens, but the model's embedding has only ${vocabSize} rows; give the tokenizer of this model`,
    )
}
