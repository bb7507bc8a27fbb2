/** Which of a folder's tokenizers encodes its texts, and what precedes them. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { openFolderTokenizer } from '../src/models/folder-tokenizer.ts'
import { openFolderEncoder } from '../src/models/held-texts.ts'

const root = mkdtempSync(join(tmpdir(), 'kumiki-folder-tokenizer-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const sentencePiece = fileURLToPath(new URL('../../tokenizer/vectors/unigram.model', import.meta.url))
/** Begins every text with <s>, whose id is 0. */
const withBegin = fileURLToPath(new URL('../../models/vectors/lm-eval/model/tokenizer.json', import.meta.url))

let folders = 0
function folder(files: Record<string, string | object>): string {
  const path = join(root, String(folders++))
  mkdirSync(path)
  for (const [name, content] of Object.entries(files))
    if (typeof content === 'string') cpSync(content, join(path, name))
    else writeFileSync(join(path, name), JSON.stringify(content))
  return path
}

test('tokenizer.json is preferred, and its begin-of-text id precedes a text and is not predicted', async () => {
  const both = folder({ 'tokenizer.json': withBegin, 'tokenizer.model': sentencePiece })
  const { begin, encode, encodeWhole } = await openFolderTokenizer(both, 1)
  expect(begin).toEqual([0])
  expect(encodeWhole('The cat')).toEqual([0, ...encode('The cat')])
  expect((await openFolderEncoder(both, 1)).begin).toEqual([0])
  // A run trained on that tokenizer here: documents followed an end-of-document id.
  const run = await openFolderEncoder(folder({ 'tokenizer.json': withBegin, 'run.json': {} }), 1)
  expect([run.begin, run.endId]).toEqual([[], 1])
})

test('a SentencePiece model is preceded by what Transformers would add', async () => {
  const beginOf = async (config: object, more: Record<string, object> = {}) =>
    (
      await openFolderTokenizer(
        folder({ 'tokenizer.model': sentencePiece, 'tokenizer_config.json': config, ...more }),
        2,
      )
    ).begin
  expect(await beginOf({ add_bos_token: true })).toEqual([1])
  expect(await beginOf({ add_bos_token: false, tokenizer_class: 'LlamaTokenizer' })).toEqual([2])
  expect(await beginOf({ tokenizer_class: 'LlamaTokenizerFast' })).toEqual([1])
  expect(await beginOf({})).toEqual([2])
  expect(await beginOf({ add_bos_token: true }, { 'run.json': {} })).toEqual([2])
  expect(await beginOf({ add_bos_token: true }, { 'run.json': { tuning: { model: 'x' } } })).toEqual([1])
})
