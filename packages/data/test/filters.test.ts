/** Filters: language, personal data, order and counts, near duplicates. */
import { expect, it } from 'vitest'
import { type EachKey, findDuplicates } from '../src/clean/duplicates.ts'
import { applyFilters, emptyCounts, type Filter } from '../src/clean/filter.ts'
import { languageFilter } from '../src/clean/language.ts'
import { minhash } from '../src/clean/minhash.ts'
import { personalDataFilter } from '../src/clean/personal-data.ts'
import { characterFilter, japaneseFilter, lengthFilter, repetitionFilter } from '../src/clean/text-rules.ts'
import { randomIntegers } from '../src/random.ts'

const prose =
  '組木は、釘を使わずに木と木を組み合わせる技法である。古い寺の柱には、何百年も前の仕事がいまも残っている。\nそれを見た大工は、道具を置いて長いあいだ黙っていた。'
const english =
  'The carpenter looked at the joint for a long while, put down his tools and went to see the other side of the beam.'
const longer = `${english} Nobody else in town had ever seen how those old pieces fit together without any nails.`

it.each<[string, Filter, string, unknown]>([
  ['length keeps', lengthFilter({ min: 3, max: 1000 }), prose, true],
  ['length drops', lengthFilter({ min: 3 }), 'ab', { drop: 'below 3' }],
  ['characters keeps', characterFilter(), english, true],
  ['characters drops', characterFilter(), '1 2 3 4 5 ---- 66 77', { drop: 'too few letters' }],
  ['symbols', characterFilter(), '# one # two # three', { drop: 'too many symbols' }],
  ['repetition keeps', repetitionFilter(), prose, true],
  ['repetition keeps English', repetitionFilter(), english, true],
  ['repeated lines', repetitionFilter(), 'buy now\nbuy now\nbuy now\nand here', { drop: 'repeated lines' }],
  [
    'one n-gram',
    repetitionFilter(),
    'spam eggs and spam eggs or spam eggs then spam eggs',
    { drop: 'one frequent 2-gram' },
  ],
  ['repeated n-grams', repetitionFilter(), `${longer} ${longer}`, { drop: 'repeated 5-grams' }],
  ['japanese keeps', japaneseFilter(), prose, true],
  ['kana', japaneseFilter(), english, { drop: 'too few kana' }],
  ['punctuation', japaneseFilter(), 'トップページ ログイン おすすめ ランキング', { drop: 'too little punctuation' }],
  ['sentences', japaneseFilter(), '春、夏のセール\n秋、冬のセール', { drop: 'too few ends of sentences' }],
])('%s', (_, filter, text, verdict) => {
  expect(filter.apply(text)).toEqual(verdict)
})

it('languages are told apart, and an unknown one is refused', async () => {
  const filter = await languageFilter(['ja'])
  expect(filter.apply(prose)).toBe(true)
  expect(filter.apply(english)).toEqual({ drop: 'en' })
  await expect(languageFilter(['klingon'])).rejects.toThrow('language "klingon" is not supported')
})

it('personal data are masked where check digits hold, and nothing else', () => {
  const mask = personalDataFilter().apply
  expect(mask('to a.b+c@mail.example.co.jp, 03-1234-5678 or 09012345678')).toBe('to <EMAIL>, <PHONE> or <PHONE>')
  expect(mask('card 4111 1111 1111 1111, not 4111 1111 1111 1112')).toBe('card <CARD>, not 4111 1111 1111 1112')
  expect(mask('number 123456789018, not 123456789012')).toBe('number <NUMBER>, not 123456789012')
  expect(mask('8.8.8.8 but not 127.0.0.1, version 1.2.3 or 2001-10-12')).toBe(
    '<IP> but not 127.0.0.1, version 1.2.3 or 2001-10-12',
  )
})

it('filters run in order, one of one’s own among them, and count what they did', () => {
  const counts = emptyCounts()
  const own: Filter = { name: 'no-ads', apply: (text) => (text.includes('PR:') ? { drop: 'advertisement' } : true) }
  const filters = [lengthFilter({ min: 3 }), own, personalDataFilter()]
  const kept = ['ab', 'PR: buy', 'mail x@y.org', 'plain'].map((text) => applyFilters(filters, text, counts))
  expect(kept).toEqual([null, null, 'mail <EMAIL>', 'plain'])
  expect(counts).toEqual({
    documents: 4,
    kept: 2,
    changed: { 'personal-data': 1 },
    dropped: {
      'length: below 3': { count: 1, samples: ['ab'] },
      'no-ads: advertisement': { count: 1, samples: ['PR: buy'] },
    },
  })
})

it('MinHash: planted near-duplicates are found as 20 bands of 10 promise, others not; the memory of a table changes nothing', () => {
  const draw = randomIntegers(5)
  const words = (n: number) => Array.from({ length: n }, () => `w${draw(5000)}`)
  const documents: string[] = []
  const planted: [number, number][] = []
  for (let i = 0; i < 40; i++) {
    const original = words(120)
    documents.push(original.join(' '))
    // Two words of 120 changed leave about 106 of 126 shingles: Jaccard 0.84.
    const near = [...original]
    near[20 + draw(20)] = 'changed'
    near[80 + draw(20)] = 'changed too'
    planted.push([documents.length - 1, documents.length])
    documents.push(near.join(' '))
    documents.push(words(120).join(' '))
  }
  documents.push(documents[0])
  const keys = documents.map((text, i) => {
    const key = new Uint32Array(44)
    key.set([i === documents.length - 1 ? 1 : i + 1, 7, i === documents.length - 1 ? 0 : i, 9])
    key.set(minhash(text), 4)
    return key
  })
  const each: EachKey = (visit) => {
    for (const [document, key] of keys.entries()) visit(key, 0, document)
  }
  const verdicts = findDuplicates(documents.length, each, true)
  const found = planted.filter(([first, second]) => verdicts[first] === 0 && verdicts[second] === 2).length
  expect(found / planted.length).toBeGreaterThan(0.85)
  const wrong = documents.filter((_, i) => i % 3 === 2 && i < 120 && verdicts[i] !== 0)
  expect(wrong).toEqual([])
  expect(verdicts[documents.length - 1]).toBe(1)
  expect(findDuplicates(documents.length, each, true, 2000)).toEqual(verdicts)
})
