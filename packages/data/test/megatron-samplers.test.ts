/**
 * Batch-size ramps and random orders against Megatron-LM's calculator and samplers (vectors/make_megatron_samplers.py).
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { RandomOrder, Replay, StepSizes } from '../src/index.ts'

interface Ramp {
  readonly start: number
  readonly increment: number
  readonly samples: number
  readonly full: number
  readonly micro: number
  readonly dp: number
  readonly decrease: boolean
  readonly sizes: readonly number[]
}
interface Order {
  readonly total: number
  readonly micro: number
  readonly dp: number
  readonly sharding: boolean
  readonly consumed: number
  readonly numbers: readonly number[]
}
const vectors: { ramps: Ramp[]; orders: Order[] } = JSON.parse(
  readFileSync(new URL('../vectors/megatron-samplers.json', import.meta.url), 'utf8'),
)

test.each(vectors.ramps)(
  'batches from $start to $full over $samples samples',
  ({ micro, dp, decrease, full, sizes, ...ramp }) => {
    const steps = new StepSizes(full, { ...ramp, ...(decrease && { multiple: micro * dp }) })
    let consumed = 0
    sizes.forEach((size, i) => {
      expect(steps.range(i + 1)).toEqual({ from: consumed, to: consumed + size })
      expect([steps.stepOf(consumed), steps.stepOf(consumed + size - 1), steps.stepsIn(consumed)]).toEqual([
        i + 1,
        i + 1,
        i,
      ])
      consumed += size
    })
  },
)

test.each(vectors.orders)(
  'a random order of $total for $dp ranks, sharding $sharding',
  ({ total, micro, dp, sharding, consumed, numbers }) => {
    const order = new RandomOrder({ total, microBatchSize: micro, dataParallel: dp, dataSharding: sharding })
    expect(numbers.map((_, i) => order.sampleAt(consumed + i))).toEqual(numbers)
  },
)

test('a replay with both finds what its steps read', () => {
  const sequenceLengths = Int32Array.from({ length: 60 }, (_, i) => 5 + ((i * 7) % 13))
  const index = { sequenceLengths, documentIndex: Float64Array.from({ length: 61 }, (_, i) => i) }
  const replay = new Replay({
    datasets: [
      { prefix: 'a', weight: 2, index },
      { prefix: 'b', weight: 1, index },
    ],
    globalBatchSize: 16,
    sequenceLength: 8,
    samples: 150,
    split: null,
    rampup: { start: 4, increment: 4, samples: 60 },
    cyclic: { microBatchSize: 2, dataParallel: 2, dataSharding: true },
  })
  const all = Array.from({ length: replay.steps }, (_, i) => replay.step(i + 1))
  expect(all.map(({ length }) => length)).toEqual([
    ...Array(5).fill(4),
    ...Array(3).fill(8),
    ...Array(2).fill(12),
    ...all.slice(10).map(() => 16),
  ])
  const read = all.flatMap((samples, i) =>
    samples.flatMap(({ dataset, row, parts }) =>
      dataset === 1
        ? parts.flatMap(({ document, ...part }) => (document === 7 ? [{ step: i + 1, row, ...part }] : []))
        : [],
    ),
  )
  expect(read.length).toBeGreaterThan(0)
  expect(replay.find(1, 7)).toEqual(read)
})

test('numbers that Megatron-LM refuses are refused', () => {
  expect(() => new StepSizes(256, { start: 10, increment: 32, samples: 100 })).toThrow(
    /positive multiple of INCREMENT 32/,
  )
  expect(() => new StepSizes(256, { start: 256, increment: 32, samples: 100 })).toThrow(/positive multiple/)
  expect(() => new StepSizes(256, { start: 0, increment: 32, samples: 100 })).toThrow(/START must be/)
  expect(() => new StepSizes(100, { start: 5, increment: 5, samples: 100, multiple: 7 })).toThrow(
    /a batch of 5 is smaller than micro batch x data-parallel size, 7/,
  )
  const random = { microBatchSize: 4, dataParallel: 4, dataSharding: true }
  expect(() => new RandomOrder({ ...random, total: 15 })).toThrow(
    /15 samples are fewer than one micro batch of every rank \(16\)/,
  )
  expect(() => new RandomOrder({ ...random, total: 3e8 })).toThrow(/can be reproduced/)
})
