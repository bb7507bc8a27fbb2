/** N-best segmentation, sampling, and truncation and padding. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fitLength, loadTokenizer, TokenizerError } from '../src/index.ts'

const load = (name: string) => loadTokenizer(readFileSync(new URL(`../vectors/${name}.model`, import.meta.url)))
const unigram = load('unigram')

/** Uniform numbers from a seed (mulberry32). */
function uniform(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

describe('n-best', () => {
  test('the best is what encode gives, scores fall, every one gives the text back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (given) => {
        const text = given.replaceAll('\u2581', '_')
        const best = unigram.encodeNBest(text, 6)
        expect([...best[0].ids]).toEqual([...unigram.encode(text)])
        best.forEach(({ ids, score }, k) => {
          expect(unigram.decode(ids)).toBe(text)
          if (k > 0) expect(score).toBeLessThanOrEqual(best[k - 1].score)
        })
      }),
      { numRuns: 50 },
    )
  })

  test('a long repetitive text ends', () => {
    expect(unigram.encodeNBest('The carpenter '.repeat(100), 20).length).toBe(20)
  })

  test('what cannot be done is said', () => {
    expect(() => load('bpe').encodeNBest('a', 2)).toThrow(/unigram model is needed/)
    expect(() => unigram.encodeNBest('a', 0)).toThrow(/count is 0/)
    expect(() => unigram.sampleEncode('a', { alpha: -1 })).toThrow(TokenizerError)
  })
})

describe('sampling', () => {
  test('gives the text back, varies, and is decided by the numbers', () => {
    const text = 'The carpenter built a wooden box and found an old dictionary.'
    const seen = new Set<string>()
    const random = uniform(1)
    for (let k = 0; k < 50; k++) {
      const ids = unigram.sampleEncode(text, { alpha: 0.2, random })
      expect(unigram.decode(ids)).toBe(text)
      seen.add(String(ids))
    }
    expect(seen.size).toBeGreaterThan(20)
    expect(unigram.sampleEncode(text, { random: uniform(7) })).toEqual(
      unigram.sampleEncode(text, { random: uniform(7) }),
    )
    expect([...unigram.sampleEncode(text, { alpha: 200 })]).toEqual([...unigram.encode(text)])
    expect([...unigram.sampleEncode('')]).toEqual([])
  })

  test('each segmentation as often as its probability says', () => {
    const all = unigram.encodeNBest(' box', 1024)
    const total = all.reduce((sum, { score }) => sum + Math.exp(score), 0)
    const wanted = new Map<string, number>()
    for (const { ids, score } of all) {
      wanted.set(String(ids), (wanted.get(String(ids)) ?? 0) + Math.exp(score) / total)
    }
    const counts = new Map<string, number>()
    const random = uniform(3)
    for (let k = 0; k < 20_000; k++) {
      const key = String(unigram.sampleEncode(' box', { alpha: 1, random }))
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    for (const [key, share] of wanted) expect((counts.get(key) ?? 0) / 20_000).toBeCloseTo(share, 1.7)
  })
})

test('beginning and end only where asked', () => {
  const ids = [...unigram.encode('a')]
  expect([...unigram.encode('a', { addBos: true, addEos: true })]).toEqual([unigram.bosId, ...ids, unigram.eosId])
  expect([...unigram.encode('a', {})]).toEqual(ids)
})

describe('fitLength', () => {
  const sequences = [[1, 2, 3], [4], []]
  const plain = (options: Parameters<typeof fitLength>[1]) => {
    const { ids, attentionMask } = fitLength(sequences, options)
    return { ids: ids.map((list) => [...list]), mask: attentionMask.map((list) => [...list]) }
  }

  test('cuts and pads on either side', () => {
    expect(plain({ maxLength: 2 })).toEqual({ ids: [[1, 2], [4], []], mask: [[1, 1], [1], []] })
    expect(plain({ maxLength: 2, truncationSide: 'left' }).ids).toEqual([[2, 3], [4], []])
    expect(plain({ padding: 'longest', padId: 9 }).ids).toEqual([
      [1, 2, 3],
      [4, 9, 9],
      [9, 9, 9],
    ])
    expect(plain({ padding: 'maxLength', maxLength: 2, padId: 9, paddingSide: 'left', padToMultipleOf: 4 })).toEqual({
      ids: [
        [9, 9, 1, 2],
        [9, 9, 9, 4],
        [9, 9, 9, 9],
      ],
      mask: [
        [0, 0, 1, 1],
        [0, 0, 0, 1],
        [0, 0, 0, 0],
      ],
    })
  })

  test('what cannot be met is said', () => {
    expect(() => fitLength(sequences, { padding: 'longest' })).toThrow(/padId is -1/)
    expect(() => fitLength(sequences, { padding: 'maxLength', padId: 0 })).toThrow(/maxLength is missing/)
    expect(() => fitLength(sequences, { maxLength: -1 })).toThrow(/maxLength is -1/)
    expect(() => fitLength(sequences, { padToMultipleOf: 0 })).toThrow(TokenizerError)
    expect(() => fitLength(sequences, { padding: 'x' as 'none' })).toThrow(/'longest'/)
  })
})
