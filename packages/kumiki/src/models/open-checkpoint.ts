/** What generates and is measured: a model's folder, an adapter beside its base, or `hf:OWNER/NAME`. */
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

/** Where the parts of a checkpoint lie. */
export interface CheckpointFolders {
  readonly folder: string
  /** Of the weights: the folder, or that of an adapter's base. */
  readonly weights: string
  /** Of the tokenizer: adapters of others often come without one, and have their base's. */
  readonly tokenizer: string
}

/** @throws Error naming the folder that is not there, or the adapter whose base is not */
export async function checkpointFolders(checkpoint: string): Promise<CheckpointFolders> {
  const folder = await modelFolder(checkpoint)
  if (!(await exists(folder)))
    throw new Error(`${folder}: there is no such folder; give a model, a tuned one or hf:OWNER/NAME`)
  const adapter = join(folder, 'adapter_config.json')
  const isAdapter = !(await exists(join(folder, 'config.json'))) && (await exists(adapter))
  if (!isAdapter) return { folder, weights: folder, tokenizer: folder }
  const weights = await baseOf(adapter)
  const own = await Promise.all(['tokenizer.json', 'tokenizer.model'].map((name) => exists(join(folder, name))))
  return { folder, weights, tokenizer: own.includes(true) ? folder : weights }
}

/** The base that an adapter names. */
async function baseOf(file: string): Promise<string> {
  const { base_model_name_or_path: name } = (await readJson(file)) as Record<string, unknown>
  if (typeof name !== 'string' || name === '')
    throw new Error(`${file}: base_model_name_or_path is missing; the adapter's base cannot be found`)
  if (await exists(name)) return name
  if (/^[\w.-]+\/[\w.-]+$/.test(name)) return modelFolder(`hf:${name}`)
  throw new Error(
    `${file}: its base ${name} is not there any more; put it back, or name its new place under base_model_name_or_path`,
  )
}

/** Loads the weights; those of an adapter worked into its base's. What is remarkable is logged. */
export async function openCheckpoint(device: Device, folders: CheckpointFolders): Promise<OpenCheckpoint> {
  const { folder, weights } = folders
  const { architecture, parameters, generation, warnings } = await loadModel(device, weights)
  for (const warning of warnings) log(warning)
  const model = decoderModel(architecture)
  if (weights === folder) return { architecture, model, parameters, generation }
  const adapter = await loadAdapter(device, folder, model)
  return { architecture, model, parameters: mergeAdapter(model, parameters, adapter), generation }
}

/** @throws Error where a tokenizer has ids that the model has no row for */
export function checkVocabulary(folder: string, tokens: number, { vocabSize }: ModelArchitecture): void {
  if (tokens > vocabSize)
    throw new Error(
      `${folder}: the tokenizer has ${tokens} tokens, the model only ${vocabSize} rows; they do not belong together`,
    )
}
