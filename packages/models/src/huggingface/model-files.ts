/** Which files of a folder on the Hub belong to the model: configuration, weights, tokenizer, card and licence. */
import { copyFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { indexFile, weightsFile } from './weight-files.ts'

const tokenizerFiles = [
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'spiece.model',
  'chat_template.jinja',
  'chat_template.json',
]

/** The model's card, which states its licence, and the texts that a licence may require to be passed on. */
const cardFile = 'README.md'
const isLicenceFile = (name: string) =>
  /^(?:licen[cs]e|notice|use_policy)(?:[-_][\w-]{1,40})?(?:\.(?:md|txt|pdf))?$/i.test(name)

/**
 * Selects a model's files; files in subfolders are never selected.
 * @param names files of the repository
 * @returns files to download
 */
export function modelFiles(names: readonly string[]): string[] {
  const shards = names.filter((name) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(name))
  const weights = names.includes(weightsFile) ? [weightsFile] : [indexFile, ...shards]
  const licences = names.filter(isLicenceFile)
  const adapter = ['adapter_config.json', 'adapter_model.safetensors']
  const configurations = ['config.json', 'generation_config.json']
  const wanted = [...configurations, ...tokenizerFiles, ...weights, ...adapter, cardFile, ...licences]
  return wanted.filter((name) => names.includes(name))
}

/**
 * Copies the tokenizer's files and generation_config.json into another model folder, and overwrites files there.
 * @returns the names of the files that were copied
 */
export async function copyTokenizerFiles(from: string, to: string): Promise<string[]> {
  const there = await readdir(from)
  const files = [...tokenizerFiles, 'generation_config.json'].filter((name) => there.includes(name))
  for (const file of files) await copyFile(join(from, file), join(to, file))
  return files
}

/**
 * Copies the licence's texts (LICENSE, NOTICE and the like) into another model folder, and overwrites files there.
 * @returns the names of the files that were copied
 */
export async function copyLicenceFiles(from: string, to: string): Promise<string[]> {
  const entries = await readdir(from, { withFileTypes: true })
  const files = entries.filter((entry) => !entry.isDirectory() && isLicenceFile(entry.name)).map(({ name }) => name)
  for (const file of files) await copyFile(join(from, file), join(to, file))
  return files
}
