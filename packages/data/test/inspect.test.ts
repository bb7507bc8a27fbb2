/** Statistics of a corpus, against simple counts. */
import { describe, expect, test } from 'vitest'
import { hashOf, inspectDocuments, LengthCounts, RepeatCounts } from '../src/index.ts'
import { randomIntegers } from '../src/random.ts'

describe('lengths', () => {
  test('are exact below 65,536, and near above', () => {
    const draw = randomIntegers(3)
    const values = Array.from({ length: 2001 }, () => Math.floor(2 ** (draw(22_000) / 1000)))
    const counts = new LengthCounts()
    for (const value of values) counts.add(value)
    const sorted = values.toSorted((a, b) => a - b)
    const found = counts.summary()!
    expect([found.least, found.greatest]).toEqual([sorted[0], sorted[2000]])
    expect(found.median).toBe(sorted[1000])
    expect(found.mean).toBeCloseTo(values.reduce((a, b) => a + b) / 2001, 6)
    for (const { from, documents } of found.octaves)
      expect(documents).toBe(values.filter((v) => v >= from && v < 2 * from).length)
    const large = new LengthCounts()
    for (const value of [70_000, 1_000_000, 3e9]) large.add(value)
    expect(Math.abs(large.summary()!.median / 1e6 - 1)).toBeLessThan(0.008)
    expect(new LengthCounts().summary()).toBeUndefined()
  })
})

describe('repeats', () => {
  const documents = Array.from({ length: 60_000 }, (_, i) => `document ${i % 40_000}`)
  test('are counted where all different documents fit', () => {
    const repeats = new RepeatCounts()
    for (const text of documents) repeats.add(hashOf(text))
    expect(repeats.summary()).toEqual({ share: 1 / 3, different: 40_000, estimated: false })
  })
  test('are estimated within a few per cent where they do not', () => {
    const repeats = new RepeatCounts(4000)
    for (const text of documents) repeats.add(hashOf(text))
    const { share, different, estimated } = repeats.summary()
    expect(estimated).toBe(true)
    expect(Math.abs(share * 3 - 1)).toBeLessThan(0.06)
    expect(Math.abs(different / 40_000 - 1)).toBeLessThan(0.06)
  })
})

test('texts: characters, bytes, kana, tokens, languages, samples', async () => {
  const texts = ['組木は釘を使わずに木を組む技術である。', 'The quick brown fox jumps over the lazy dog.', '𠮷é', '𠮷é']
  const seen: number[] = []
  const view = await inspectDocuments(texts, {
    encode: (text) => [...text].map(() => 1),
    samples: 10,
    onDocument: () => seen.push(1),
  })
  const encoder = new TextEncoder()
  expect(view).toMatchObject({
    documents: 4,
    documentsWithKana: 1,
    characters: texts.reduce((n, text) => n + [...text].length, 0),
    bytes: texts.reduce((n, text) => n + encoder.encode(text).length, 0),
    tokens: texts.reduce((n, text) => n + [...text].length, 0),
    duplicates: { share: 0.25 },
    samples: texts,
  })
  expect(view.languages.map(({ language }) => language)).toEqual(expect.arrayContaining(['ja', 'en']))
  expect(seen).toHaveLength(4)
  expect((await inspectDocuments(texts, { samples: 1, seed: 1 })).samples).toHaveLength(1)
  expect(await inspectDocuments([])).toMatchObject({ documents: 0, duplicates: { share: 0 }, languages: [] })
})
