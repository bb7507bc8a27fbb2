/** Packing of documents into sequences: best fit, masks, and Megatron-LM's order. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { bestFit, packBestFit } from '../src/batches/best-fit.ts'
import { RandomState } from '../src/megatron/numpy-random.ts'
import { SampleOrder } from '../src/megatron/sample-order.ts'

it('best fit: every document once, none over, within 11/9 of the least there could be', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 }),
      fc.integer({ min: 50, max: 90 }),
      (lengths, capacity) => {
        const sequences = bestFit(lengths, capacity)
        expect(sequences.flat().sort((a, b) => a - b)).toEqual(lengths.flatMap((length, i) => (length > 0 ? [i] : [])))
        let total = 0
        for (const row of sequences) {
          const sum = row.reduce((all, document) => all + lengths[document], 0)
          expect(sum).toBeLessThanOrEqual(capacity)
          total += sum
        }
        // Best fit never leaves two sequences that would fit into one.
        const half = sequences.filter(
          (row) => row.reduce((all, document) => all + lengths[document], 0) * 2 <= capacity,
        )
        expect(half.length).toBeLessThanOrEqual(1)
        expect(sequences.length).toBeLessThanOrEqual(Math.max(1, Math.ceil((2 * total) / capacity)))
      },
    ),
    { numRuns: 60 },
  )
  expect(bestFit([6, 5, 4, 3, 2], 10)).toEqual([
    [0, 2],
    [1, 3, 4],
  ])
  expect(() => bestFit([3, 11], 10)).toThrow('length of document 1 must be an integer from 0 to 10')
})

it('10,000 documents of lengths as of text are packed with under 1 % padding', () => {
  const random = new RandomState(1)
  const lengths = Array.from({ length: 10_000 }, () =>
    Math.min(1024, Math.floor(30 * Math.exp((3.5 * random.next()) / 2 ** 32))),
  )
  const sequences = bestFit(lengths, 1024)
  const total = lengths.reduce((sum, length) => sum + length, 0)
  expect(sequences.length).toBeLessThanOrEqual(Math.ceil(total / 1024 / 0.99))
})

it('packed documents: targets stay within a document, masks hold, ends are cut and counted', () => {
  const packed = packBestFit(
    [
      [1, 2, 3],
      [4, 5],
      [6, 7, 8, 9, 10, 11],
    ],
    5,
    {
      masks: [
        [1, 0, 1],
        [1, 1],
        [1, 1, 1, 1, 1, 1],
      ],
    },
  )
  expect(packed).toMatchObject({ sequences: 2, cut: 1, padding: 0 })
  expect([...packed.inputs]).toEqual([6, 7, 8, 9, 10, 1, 2, 3, 4, 5])
  expect([...packed.targets]).toEqual([7, 8, 9, 10, -1, -1, 3, -1, 5, -1])
  expect([...packed.positions]).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 0, 1])
  expect([...packed.segments]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 2, 2])
  expect(packBestFit([[1]], 3, { padId: 9 }).inputs).toEqual(Int32Array.of(1, 9, 9))
  expect(() => packBestFit([[]], 3)).toThrow('no tokens')
})

it('Megatron-LM’s order: samples lie end to end in the stream, each once, whatever the lengths', () => {
  fc.assert(
    fc.property(
      fc
        .array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 700 })
        .filter((all) => all.some((n) => n > 1)),
      fc.integer({ min: 2, max: 50 }),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      (lengths, sequenceLength, samples, seed) => {
        const sequenceLengths = Int32Array.from(lengths)
        const order = new SampleOrder({ sequenceLengths, begin: 0, end: lengths.length, sequenceLength, samples, seed })
        expect(order.length).toBeGreaterThanOrEqual(samples)
        const stream = Array.from(order.documentOrder).flatMap((sequence) =>
          Array.from({ length: lengths[sequence] }, (_, offset) => sequence * 100 + offset),
        )
        const seen = new Set<number>()
        for (let place = 0; place < order.length; place++) {
          const sample = order.shuffleOrder[place]
          seen.add(sample)
          const tokens = order
            .parts(place)
            .flatMap(({ sequence, offset, length }) => Array.from({ length }, (_, i) => sequence * 100 + offset + i))
          expect(tokens).toEqual(stream.slice(sample * sequenceLength, (sample + 1) * sequenceLength + 1))
        }
        expect(seen.size).toBe(order.length)
      },
    ),
    { numRuns: 25 },
  )
})
