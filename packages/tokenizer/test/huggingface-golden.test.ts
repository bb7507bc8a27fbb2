/** Hub files against ids of Hugging Face's `tokenizers`. The files are outside the repository because of their size. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { loadHuggingFaceTokenizer } from '../src/huggingface.ts'

const folder = new URL('../../../../shared/tokenizer/hf/', import.meta.url)
const here = existsSync(folder)
const NAMES = ['ver2.2-10-20-30', 'mistral-7b-v0.1']
const CASES = 1957
if (!here)
  console.warn(`tokenizer: the goldens of tokenizer.json files are not here: ${NAMES.length * CASES} cases SKIPPED`)

describe.skipIf(!here).each(NAMES)('%s', (name) => {
  test('ids, offsets, special tokens, decoded text', () => {
    const tokenizer = loadHuggingFaceTokenizer(readFileSync(new URL(`${name}.tokenizer.json`, folder)))
    const rows = readFileSync(new URL(`${name}.golden.jsonl`, folder), 'utf8')
      .trimEnd()
      .split('\n')
    expect(rows.length).toBe(CASES)
    for (const line of rows) {
      const row = JSON.parse(line)
      const options = { special: 'all', unit: 'codePoint' } as const
      const { ids, offsets } = tokenizer.encodeWithOffsets(row.text, options)
      expect({ ids: [...ids], offsets }, row.name).toEqual({ ids: row.ids, offsets: row.offsets })
      expect([...tokenizer.encode(row.text, { ...options, addSpecialTokens: true })], row.name).toEqual(
        row.with_special,
      )
      expect(tokenizer.decode(row.ids), row.name).toBe(row.decoded)
      expect(tokenizer.decode(row.ids, { skipSpecialTokens: true }), row.name).toBe(row.decoded_skip)
      const stream = tokenizer.decodeStream()
      expect(row.ids.map((id: number) => stream.push(id)).join('') + stream.end(), row.name).toBe(row.decoded)
    }
  })
})
