/** N-gram models: counts, probabilities, and errors of wrong input. */
import { describe, expect, it } from 'vitest'
import { fitNgram } from '../src/history/ngram.ts'

/** A small linear congruential generator: the tests need variety, not quality. */
function random(seed: number) {
  let state = seed
  return (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function corpus(seed: number, documents: number, vocabSize: number, length: number): number[][] {
  const next = random(seed)
  return Array.from({ length: documents }, () => {
    const document: number[] = []
    for (let i = 0, n = next(length); i < n; i++) {
      // A skewed chain: the next id depends on the last one.
      const base = i > 0 ? document[i - 1] * 7 : 3
      document.push((base + next(1 + next(vocabSize))) % vocabSize)
    }
    return document
  })
}

describe('fitNgram', () => {
  it('agrees with counting by hand', () => {
    // "a b a" and "a c", D = 0.5, three symbols. Bigram types: ^a, ab, ba, ac -> continuations a: 2, b: 1, c: 1 of 4.
    const model = fitNgram(
      [
        [0, 1, 0],
        [0, 2],
      ],
      { order: 2, vocabSize: 3, discount: 0.5 },
    )
    const uniform = (0.5 * 3) / 4 / 3
    const a = (2 - 0.5) / 4 + uniform
    const b = (1 - 0.5) / 4 + uniform
    expect(a + 2 * b).toBeCloseTo(1, 12)
    // After a: seen b once and c once. After the start: a, twice.
    expect(model.probability([0], 1)).toBeCloseTo((1 - 0.5) / 2 + ((0.5 * 2) / 2) * b, 12)
    expect(model.probability([0], 0)).toBeCloseTo(((0.5 * 2) / 2) * a, 12)
    expect(model.probability([], 0)).toBeCloseTo((2 - 0.5) / 2 + (0.5 / 2) * a, 12)
    // c was never followed by anything: the unigram level alone.
    expect(model.probability([2], 1)).toBeCloseTo(b, 12)
    const { nats, tokens, natsPerToken } = model.score([[0, 1]])
    expect(tokens).toBe(2)
    expect(nats).toBeCloseTo(-Math.log(model.probability([], 0)) - Math.log(model.probability([0], 1)), 12)
    expect(natsPerToken).toBeCloseTo(nats / 2, 12)
  })

  it('counts unigrams plainly and trigrams over continuation counts', () => {
    const unigram = fitNgram([[0, 0, 1]], { order: 1, vocabSize: 4, discount: 0.5 })
    expect(unigram.probability([3], 0)).toBeCloseTo(1.5 / 3 + (0.5 * 2) / 3 / 4, 12)
    // "a b c", "b b c", "a b a": (b c) was seen after a and after b -> 2; (b a) after a -> 1; (b b) after the start ->
    // 1.
    const trigram = fitNgram(
      [
        [0, 1, 2],
        [1, 1, 2],
        [0, 1, 0],
      ],
      { order: 3, vocabSize: 3, discount: 0.5 },
    )
    // Bigram types: ^a ^b ab bc bb ba -> a: 2, b: 3, c: 1 of 6.
    const c1 = (1 - 0.5) / 6 + (0.5 * 3) / 6 / 3
    const c2 = (2 - 0.5) / 4 + ((0.5 * 3) / 4) * c1
    const c3 = (1 - 0.5) / 2 + ((0.5 * 2) / 2) * c2
    expect(trigram.probability([0, 1], 2)).toBeCloseTo(c3, 12)
    expect(trigram.probability([1, 0, 1], 2)).toBeCloseTo(c3, 12)
    // (c b) was never seen: the bigram level alone.
    expect(trigram.probability([2, 1], 2)).toBeCloseTo(c2, 12)
  })

  it.each([1, 2, 3] as const)('order %i sums to one after any history', (order) => {
    const vocabSize = 40
    const documents = corpus(1, 60, vocabSize, 30)
    const model = fitNgram(documents, { order, vocabSize, endId: 0 })
    const next = random(5)
    const histories = [[], ...corpus(9, 40, vocabSize, 5)]
    for (const document of documents) histories.push(document.slice(0, next(document.length + 1)))
    for (const history of histories) {
      let sum = 0
      for (let token = 0; token < vocabSize; token++) {
        const probability = model.probability(history, token)
        expect(probability).toBeGreaterThan(0)
        sum += probability
      }
      expect(sum).toBeCloseTo(1, 10)
    }
  })

  it('predicts the end and the first token only as told', () => {
    const documents = [[1, 2], [1, 3], []]
    const options = { order: 2, vocabSize: 4 } as const
    expect(fitNgram(documents, options).score(documents).tokens).toBe(4)
    expect(fitNgram(documents, { ...options, endId: 0 }).score(documents).tokens).toBe(7)
    const inner = fitNgram(documents, { ...options, predictFirst: false })
    expect(inner.score(documents).tokens).toBe(2)
    expect(inner.score([[1, 2]]).nats).toBeCloseTo(-Math.log(inner.probability([1], 2)), 12)
  })

  it('prefers the order the data has, and is fast', () => {
    // A trigram source: the next id is fixed by the two before it, nine times out of ten.
    const next = random(3)
    const make = (length: number) => {
      const ids = [next(50), next(50)]
      while (ids.length < length) {
        const fixed = (ids[ids.length - 1] * 13 + ids[ids.length - 2] * 7 + 3) % 50
        ids.push(next(10) < 9 ? fixed : next(50))
      }
      return ids
    }
    const train = Array.from({ length: 100 }, () => make(1000))
    const test = [make(5000)]
    const { user } = process.cpuUsage()
    const [one, two, three] = ([1, 2, 3] as const).map(
      (order) => fitNgram(train, { order, vocabSize: 99_487 }).score(test).natsPerToken,
    )
    const seconds = (process.cpuUsage().user - user) / 1e6
    expect(three).toBeLessThan(two - 1)
    expect(two).toBeLessThan(one + 0.05)
    // 300,000 events counted; the aim is 100,000 in one second, ten times that is a defect.
    expect(seconds).toBeLessThan(10)
  })

  it('names what is wrong', () => {
    const options = { order: 2, vocabSize: 4 } as const
    expect(() => fitNgram([[1, 4]], options)).toThrow(/token 1 of a document must be a token id from 0 to 3, got 4/)
    expect(() => fitNgram([[1.5]], options)).toThrow(/got 1.5/)
    expect(() => fitNgram([], options)).toThrow(/no token to count/)
    expect(() => fitNgram([[1]], { ...options, order: 4 as 3 })).toThrow(/order must be 1, 2 or 3, got 4/)
    expect(() => fitNgram([[1]], { ...options, discount: 1 })).toThrow(/discount must be above 0 and below 1/)
    expect(() => fitNgram([[1]], { ...options, vocabSize: Number.NaN })).toThrow(/vocabSize must be an integer/)
    expect(() => fitNgram([[1]], { ...options, endId: 9 })).toThrow(/endId/)
    expect(() => fitNgram([[1]], options).score([[]])).toThrow(/no token to predict/)
    expect(() => fitNgram([[1]], options).probability([7], 1)).toThrow(/history\[0\]/)
  })
})

it('documents that are no lists are refused: a list of ids is one document, not several', () => {
  expect(() => fitNgram([5, 6, 7] as never, { order: 2, vocabSize: 20 })).toThrow(
    'fitNgram: a document must be a list of token ids, as in [[5, 6, 7]], got 5',
  )
  expect(() => fitNgram([[5, 6]], { order: 2, vocabSize: 20 }).score([5] as never)).toThrow(
    'score: a document must be a list of token ids',
  )
})
