/** One id where a list belongs and unknown units of offsets are refused, not read as nothing or as the default. */
import { expect, test } from 'vitest'
import { loadHuggingFaceTokenizer } from '../src/huggingface.ts'
import { loadTokenizer } from '../src/index.ts'
import { trainUnigram } from '../src/train.ts'

const lines = ['木を組む。', 'Joinery holds without nails.']
const options = { vocabSize: 300, byteFallback: true, hardVocabLimit: false }
const tokenizers = [
  loadTokenizer(trainUnigram(lines, options)),
  loadHuggingFaceTokenizer(JSON.stringify({ model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: [] } })),
]

test.each(tokenizers)('decode and encodeWithOffsets', (tokenizer) => {
  for (const ids of [5, undefined, null, '12', {}, true])
    expect(() => tokenizer.decode(ids as never)).toThrow(/^decode: a list of ids is needed, as \[5, 17\], got \w+$/)
  expect(tokenizer.decode([])).toBe('')
  const ids = tokenizer.encode('ab')
  expect(tokenizer.decode([...ids])).toBe(tokenizer.decode(ids))
  expect(tokenizer.decode(ids)).toMatch(/a ?b/)
  expect(() => tokenizer.encodeWithOffsets('ab', { unit: 'byte' as never })).toThrow(
    'offsets: the unit is "byte"; utf16 or codePoint is needed',
  )
  expect(tokenizer.encodeWithOffsets('ab', { unit: 'utf16' })).toEqual(tokenizer.encodeWithOffsets('ab'))
})
