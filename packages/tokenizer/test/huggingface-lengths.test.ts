/** Truncation and padding given in tokenizer.json, against `tokenizers`. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type FullEncoding, loadHuggingFaceTokenizer } from '../src/huggingface.ts'

type Wanted = {
  ids: number[]
  tokens: string[]
  typeIds: number[]
  attentionMask: number[]
  specialTokensMask: number[]
  wordIds: number[]
  offsets: [number, number][]
  overflowing: Wanted[]
}
type Call = {
  texts: (string | [string, string])[]
  addSpecialTokens: boolean
  batch: Wanted[]
  last: Wanted
}
const { cases } = JSON.parse(readFileSync(new URL('../vectors/hf/padding.json', import.meta.url), 'utf8')) as {
  cases: { file: Record<string, unknown>; calls: Call[] }[]
}

const plain = (e: FullEncoding): Wanted => ({
  ids: [...e.ids],
  tokens: e.pieces,
  typeIds: [...e.typeIds],
  attentionMask: [...e.attentionMask],
  specialTokensMask: [...e.specialTokensMask],
  wordIds: [...e.wordIds],
  offsets: e.offsets,
  overflowing: e.overflowing.map(plain),
})

test.each(cases.map(({ file, calls }) => [JSON.stringify([file.truncation, file.padding]), file, calls] as const))(
  '%s',
  (_, file, calls) => {
    const tokenizer = loadHuggingFaceTokenizer(JSON.stringify(file))
    for (const { texts, addSpecialTokens, batch, last } of calls) {
      expect(tokenizer.encodeBatch(texts, { addSpecialTokens }).map(plain)).toEqual(batch)
      const text = texts.at(-1)!
      const [first, pair] = typeof text === 'string' ? [text, undefined] : text
      expect(plain(tokenizer.encodeFull(first, { pair, addSpecialTokens, asFile: true }))).toEqual(last)
      // Unless it is asked for, nothing is cut or padded.
      expect(tokenizer.encodeFull(first, { pair, addSpecialTokens }).attentionMask).not.toContain(0)
    }
  },
)

test('what the file says can be read, and what is broken is named', () => {
  const [{ file }] = cases
  const tokenizer = loadHuggingFaceTokenizer(JSON.stringify(file))
  expect(tokenizer.padding).toEqual({ length: 8, side: 'right', multipleOf: 1, id: 3, typeId: 0, token: '[PAD]' })
  expect(tokenizer.truncation).toMatchObject({ maxLength: 7, stride: 1 })
  expect(tokenizer.encodeFull('a b c d', { asFile: true, maxLength: 2, stride: 0 }).overflowing).toHaveLength(1)
  const load = (own: object) => () => loadHuggingFaceTokenizer(JSON.stringify({ ...file, ...own }))
  expect(load({ padding: { strategy: { Fixed: 2 ** 30 } } })).toThrow('padding.strategy.Fixed is 1073741824')
  expect(load({ padding: { strategy: 'Longest' } })).toThrow('padding.strategy "Longest" is not supported')
  expect(load({ truncation: { max_length: 4, direction: 'Up' } })).toThrow('truncation.direction "Up"')
  expect(load({ truncation: 7 })).toThrow('truncation is number; an object is needed')
})
