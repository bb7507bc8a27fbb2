/** Where a model in a folder comes from: a run from nothing, a run that tuned another model, or neither. */
import { join } from 'node:path'
import { exists, readJson } from '../files/files.ts'

const readObject = async (folder: string, name: string) => {
  const file = join(folder, name)
  return (await exists(file)) ? ((await readJson(file)) as Record<string, unknown> | null) : undefined
}

const tuningOf = (record: Record<string, unknown> | null | undefined) =>
  record?.tuning as { model?: unknown } | null | undefined

/** Whether a folder is that of a run that trained its model from nothing. */
export async function isOwnRun(folder: string): Promise<boolean> {
  const record = await readObject(folder, 'run.json')
  return record !== undefined && !tuningOf(record)
}

/**
 * The model that a fine-tuned model or an adapter was made from: a folder or `hf:OWNER/NAME`. Undefined for other
 * models.
 */
export async function baseModelOf(folder: string): Promise<string | undefined> {
  const tuned = tuningOf(await readObject(folder, 'run.json'))?.model
  if (typeof tuned === 'string' && tuned !== '') return tuned
  const named = (await readObject(folder, 'adapter_config.json'))?.base_model_name_or_path
  if (typeof named !== 'string' || named === '') return undefined
  // PEFT names models of the Hub without `hf:`.
  return (await exists(named)) || !/^[\w.-]+\/[\w.-]+$/.test(named) ? named : `hf:${named}`
}
