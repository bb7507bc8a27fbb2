/** WordPiece and WordLevel against vectors of `tokenizers`. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  type FullEncodeOptions,
  type FullEncoding,
  loadHuggingFaceTokenizer,
  TokenizerError,
} from '../src/huggingface.ts'

type Row = {
  text: string
  pair?: string
  cut?: { max_length: number; stride?: number; strategy?: string; direction?: 'left' }
  error?: string
  ids: number[]
  tokens: string[]
  offsets: [number, number][]
  typeIds: number[]
  sequenceIds: number[]
  wordIds: number[]
  mask: number[]
  /** Ids, offsets and type ids. */
  overflowing?: [number[], [number, number][], number[]][]
  decoded?: string
  decodedSkip?: string
}
const vectors = JSON.parse(readFileSync(new URL('../vectors/hf/word.json', import.meta.url), 'utf8')) as Record<
  string,
  { file: object; rows: Row[] }
>

const plain = (e: FullEncoding): object => ({
  ids: [...e.ids],
  tokens: e.pieces,
  offsets: e.offsets,
  typeIds: [...e.typeIds],
  sequenceIds: [...e.sequenceIds],
  wordIds: [...e.wordIds],
  mask: [...e.specialTokensMask],
  overflowing: e.overflowing.map((o) => [[...o.ids], o.offsets, [...o.typeIds]]),
})
const wanted = (row: Row): object => ({
  ids: row.ids,
  tokens: row.tokens,
  offsets: row.offsets,
  typeIds: row.typeIds,
  sequenceIds: row.sequenceIds,
  wordIds: row.wordIds,
  mask: row.mask,
  overflowing: row.overflowing ?? [],
})
const STRATEGIES: Record<string, FullEncodeOptions['truncationStrategy']> = {
  only_first: 'onlyFirst',
  only_second: 'onlySecond',
}

describe.each(Object.entries(vectors))('%s, made by tokenizers itself', (_, { file, rows }) => {
  const tokenizer = loadHuggingFaceTokenizer(JSON.stringify(file))

  test('ids, words, type ids, pairs, and what is cut off', () => {
    for (const row of rows) {
      const options: FullEncodeOptions = {
        special: 'all',
        addSpecialTokens: true,
        unit: 'codePoint',
        pair: row.pair,
        maxLength: row.cut?.max_length,
        stride: row.cut?.stride,
        truncationSide: row.cut?.direction,
        truncationStrategy: STRATEGIES[row.cut?.strategy ?? ''],
      }
      const label = JSON.stringify([row.text, row.pair, row.cut])
      // tokenizers does not cut at all where the special tokens alone are more.
      const added = row.mask?.reduce((sum, flag) => sum + flag, 0) ?? 0
      if (row.error || (row.cut && added > row.cut.max_length))
        expect(() => tokenizer.encodeFull(row.text, options), label).toThrow(TokenizerError)
      else expect(plain(tokenizer.encodeFull(row.text, options)), label).toEqual(wanted(row))
    }
  })

  test('decoding, at once and as a stream', () => {
    for (const { ids, decoded, decodedSkip } of rows) {
      if (decoded === undefined) continue
      expect(tokenizer.decode(ids)).toBe(decoded)
      expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(decodedSkip)
      const stream = tokenizer.decodeStream()
      const parts = ids.map((id) => stream.push(id))
      expect(parts.join('') + stream.end()).toBe(decoded)
    }
  })
})
