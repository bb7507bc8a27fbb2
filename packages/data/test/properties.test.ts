/** Properties of batches, mixes and token files for random documents. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { batches, decodeIndexedDataset, encodeIndexedDataset, mixSources, packEvaluation } from '../src/index.ts'

const document = fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 30 })
const documents = fc.array(document, { minLength: 1, maxLength: 30 })
const eosId = 0
const tokensOf = (given: readonly number[][]) =>
  given.reduce((sum, { length }) => sum + (length === 0 ? 0 : length + 1), 0)

describe('for any documents', () => {
  it('a restored iterator goes on as the first did', () => {
    fc.assert(
      fc.property(
        documents,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(2 ** 32 - 1),
        fc.nat(40),
        (given, sequenceLength, batchSize, seed, steps) => {
          fc.pre(tokensOf(given) > sequenceLength)
          const options = { documents: given, sequenceLength, batchSize, eosId, seed }
          const first = batches(options)
          for (let i = 0; i < steps; i++) first.next()
          const second = batches(options)
          second.restore(JSON.parse(JSON.stringify(first.state())))
          for (let i = 0; i < 5; i++) expect(second.next()).toEqual(first.next())
          expect(second.state()).toEqual(first.state())
        },
      ),
    )
  })

  it('an epoch shows each pair of neighbours once', () => {
    fc.assert(
      fc.property(documents, fc.integer({ min: 1, max: 9 }), (given, sequenceLength) => {
        fc.pre(tokensOf(given) > sequenceLength)
        const data = batches({ documents: given, sequenceLength, batchSize: 1, eosId })
        // Within documents: how often each (input, target) may come up at most.
        const allowed = new Map<string, number>()
        for (const ids of given) {
          const closed = [...ids, eosId]
          for (let i = 1; i < closed.length; i++) {
            const key = `${closed[i - 1]} ${closed[i]}`
            allowed.set(key, (allowed.get(key) ?? 0) + 1)
          }
        }
        let seen = 0
        while (data.state().epoch === 0) {
          const { inputs, targets } = data.next().value!
          for (let i = 0; i < inputs.length; i++) {
            seen++
            if (inputs[i] === eosId) continue
            const key = `${inputs[i]} ${targets[i]}`
            allowed.set(key, (allowed.get(key) ?? 0) - 1)
            expect(allowed.get(key)).toBeGreaterThanOrEqual(0)
          }
        }
        expect(seen).toBe(data.sequencesPerEpoch * sequenceLength)
      }),
    )
  })

  it('evaluation windows hold every token once', () => {
    fc.assert(
      fc.property(documents, fc.integer({ min: 1, max: 40 }), fc.boolean(), (given, sequenceLength, apart) => {
        fc.pre(tokensOf(given) > 0)
        const set = packEvaluation(given, sequenceLength, { eosId, layout: apart ? 'document' : 'stream' })
        const expected = given.flatMap((ids) => (ids.length === 0 ? [] : [...ids, eosId]))
        expect([...set.targets].filter((id) => id !== -1)).toEqual(expected)
        expect(set.tokens).toBe(expected.length)
      }),
    )
  })

  it('token files come back', () => {
    fc.assert(
      fc.property(documents, fc.constantFrom(301, 70_000), (given, vocabSize) => {
        const { bin, idx } = encodeIndexedDataset(given, { vocabSize })
        expect(decodeIndexedDataset(bin, idx).map((ids) => [...ids])).toEqual(given)
      }),
    )
  })

  it('a broken .idx is refused or read, never anything else', () => {
    const { bin, idx } = encodeIndexedDataset([[1, 2], [3], [4, 5, 6]], { vocabSize: 10 })
    fc.assert(
      fc.property(fc.nat(idx.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const broken = idx.slice()
        broken[at] ^= change
        try {
          decodeIndexedDataset(bin, broken)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('a mix is as large as its repeats ask, within a document', () => {
    const size = (given: readonly number[][]) => given.reduce((sum, { length }) => sum + length, 0)
    fc.assert(
      fc.property(documents, fc.double({ min: 0, max: 4, noNaN: true }), fc.nat(), (given, repeats, seed) => {
        const rest = { name: 'rest', documents: [[1]] }
        const { documents: mixed } = mixSources([{ name: 'given', documents: given, repeats }, rest], { seed })
        expect(Math.abs(size(mixed) - 1 - repeats * size(given))).toBeLessThanOrEqual(30)
      }),
    )
  })
})
