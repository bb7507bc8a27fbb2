/** Encoding, offsets, n-best and decoding against vectors of SentencePiece. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { loadTokenizer } from '../src/index.ts'

type Vectors = {
  model: string
  size: number
  special: { unk: number; bos: number; eos: number; pad: number }
  cases: {
    text: string
    ids: number[]
    pieces: string[]
    offsets: [number, number][]
    decoded: string
    best?: { ids: number[]; score: number }[]
  }[]
  decode: { ids: number[]; decoded: string }[]
}

const folder = new URL('../vectors/', import.meta.url)
const names = readdirSync(folder).filter((name) => name.endsWith('.json'))

describe.each(names)('%s, made by SentencePiece itself', (name) => {
  const vectors = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Vectors
  const tokenizer = loadTokenizer(readFileSync(new URL(vectors.model, folder)))

  test('sizes and special ids', () => {
    expect(existsSync(new URL(vectors.model, folder))).toBe(true)
    expect(tokenizer.vocabSize).toBe(vectors.size)
    const { unkId: unk, bosId: bos, eosId: eos, padId: pad } = tokenizer
    expect({ unk, bos, eos, pad }).toEqual(vectors.special)
  })

  test('encode gives the ids', () => {
    for (const { text, ids } of vectors.cases) expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(ids)
  })

  test('encodeWithOffsets gives ids, pieces and offsets', () => {
    for (const { text, ids, pieces, offsets } of vectors.cases) {
      const encoding = tokenizer.encodeWithOffsets(text)
      expect({ ...encoding, ids: [...encoding.ids] }, JSON.stringify(text)).toEqual({ ids, pieces, offsets })
    }
  })

  test('encodeNBest gives the best with their scores', () => {
    const cases = vectors.cases.filter(({ best }) => best !== undefined)
    expect(cases.length).toBeGreaterThanOrEqual(/unigram.json|rules.json/.test(name) ? 30 : 0)
    for (const { text, best } of cases) {
      const found = tokenizer.encodeNBest(text, 4).map(({ ids, score }) => ({ ids: [...ids], score }))
      expect(found, JSON.stringify(text)).toEqual(best)
    }
  })

  test('decode gives the text', () => {
    for (const { ids, decoded } of vectors.decode) expect(tokenizer.decode(ids), JSON.stringify(ids)).toBe(decoded)
    for (const { ids, decoded, text } of vectors.cases)
      expect(tokenizer.decode(ids), JSON.stringify(text)).toBe(decoded)
  })
})
