/** Which files of a model folder on the Hub belong to the model: its configuration, weights and tokenizer. */
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

/**
 * Selects a model's files; files in subfolders are never selected.
 * @param names files of the repository
 * @returns files to download
 */
export function modelFiles(names: readonly string[]): string[] {
  const shards = names.filter((name) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(name))
  const weights = names.includes(weightsFile) ? [weightsFile] : [indexFile, ...shards]
  const wanted = ['config.json', 'generation_config.json', ...tokenizerFiles, ...weights]
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
