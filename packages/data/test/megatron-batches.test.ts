/** Sample order against Megatron-LM and NumPy, and its search by step and by document. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { megatronBatches } from '../src/megatron/megatron-batches.ts'
import { RandomState } from '../src/megatron/numpy-random.ts'
import { Replay, readDataPath } from '../src/megatron/replay.ts'
import { TrainingOrder } from '../src/megatron/training-order.ts'

interface Case {
  name: string
  counts: number[]
  weights?: number[]
  least?: number
  samples: number
  seq: number
  seed?: number
  split?: string | null
  part?: 'train' | 'valid' | 'test'
  reset?: boolean
  length: number
  datasets: string
  tokens: string
  positions?: string
  lossMask?: string
}

const folder = new URL('../vectors/', import.meta.url)
const vectors = readdirSync(folder)
  .filter((file) => /^megatron-batches-.*\.json$/.test(file))
  .map((file) => ({ file, ...JSON.parse(readFileSync(new URL(file, folder), 'utf8')) }))
const sha = (array: Int32Array | Uint32Array) =>
  createHash('sha256')
    .update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    .digest('hex')

// The formulas of make_megatron_batches.py.
const lengthOf = (dataset: number, i: number, least: number) =>
  least + (((Math.imul(i, 2654435761) + dataset * 97 + 13) >>> 7) % 60)
const tokenOf = (dataset: number, i: number, k: number, n: number) =>
  k === n - 1 ? 0 : ((dataset * 7919 + i * 31 + k * 7) % 30000) + 1

describe.each(vectors)('$file', ({ file, shuffles, cases }) => {
  it('numpy.random.RandomState(seed).shuffle', () => {
    for (const { seed, count, sha256 } of shuffles) {
      const array = Uint32Array.from({ length: count }, (_, i) => i)
      new RandomState(seed).shuffle(array)
      expect(sha(array), `seed ${seed}`).toBe(sha256)
    }
  })

  it.each(cases as Case[])('every sample of: $name', (given) => {
    const { counts, weights, least = 2, samples, seq, seed, split = '100,0,0', part } = given
    const sequenceLengths = counts.map((count, d) =>
      Int32Array.from({ length: count }, (_, i) => lengthOf(d, i, least)),
    )
    const options = {
      datasets: sequenceLengths.map((lengths, d) => ({
        name: String(d),
        sequenceLengths: lengths,
        ...(weights && { weight: weights[d] }),
        sequence: (i: number, offset: number, length: number) =>
          Int32Array.from({ length }, (_, k) => tokenOf(d, i, offset + k, lengths[i])),
      })),
      sequenceLength: seq,
      samples,
      split,
      ...(seed !== undefined && { seed }),
      ...(part && { part }),
      surplus: /-0\.(\d|10)\./.test(file) ? ('until 0.10' as const) : ('from 0.11' as const),
    }
    const order = new TrainingOrder(options)
    if (given.name.includes('the last apart'))
      expect(order.order(0)).toMatchObject({ epochs: 3, separateLastEpoch: true })
    if (given.name.includes('together')) expect(order.order(0)).toMatchObject({ epochs: 4, separateLastEpoch: false })
    expect(order.samples).toBe(given.length)
    const all = order.slice(0, order.samples)
    expect(sha(Int32Array.from(all, ({ dataset }) => dataset))).toBe(given.datasets)
    const tokens = new Int32Array(all.length * (seq + 1))
    let at = 0
    for (const sample of all)
      for (const { sequence, offset, length } of order.parts(sample))
        for (let k = offset; k < offset + length; k++)
          tokens[at++] = tokenOf(sample.dataset, sequence, k, sequenceLengths[sample.dataset][sequence])
    expect(at).toBe(tokens.length)
    expect(sha(tokens)).toBe(given.tokens)
    if (!given.reset) return
    const batches = [
      ...megatronBatches({ ...options, batchSize: 1, eodId: 0, resetPositions: true, maskEodLoss: true }),
    ]
    expect(sha(Int32Array.from(batches.flatMap(({ positions }) => [...positions])))).toBe(given.positions)
    const mask = Int32Array.from(
      batches.flatMap(({ targets }) => [...targets]),
      (target) => (target < 0 ? 0 : 1),
    )
    expect(sha(mask)).toBe(given.lossMask)
  })
})

const small = {
  datasets: [
    {
      prefix: 'a',
      weight: 2,
      index: { sequenceLengths: Int32Array.of(5, 9, 3, 7), documentIndex: Float64Array.of(0, 1, 3, 4) },
    },
    {
      prefix: 'b',
      weight: 1,
      index: { sequenceLengths: Int32Array.of(11, 2), documentIndex: Float64Array.of(0, 1, 2) },
    },
  ],
  sequenceLength: 4,
  samples: 24,
  globalBatchSize: 4,
  split: '1,0,0',
}

it('steps and documents are found from either side', () => {
  const replay = new Replay(small)
  expect(replay.steps).toBe(6)
  for (const [dataset, documents] of [
    [0, 3],
    [1, 2],
  ]) {
    for (let document = 0; document < documents; document++) {
      const expected = []
      for (let step = 1; step <= replay.steps; step++)
        for (const sample of replay.step(step))
          for (const part of sample.parts)
            if (sample.dataset === dataset && part.document === document)
              expected.push({ step, row: sample.row, offset: part.offset, tokens: part.tokens })
      expect(expected.length).toBeGreaterThan(0)
      expect(replay.find(dataset, document)).toEqual(expected)
    }
  }
  expect(() => replay.step(7)).toThrow('step must be from 1 to 6')
  expect(() => replay.find(0, 3)).toThrow('document must be from 0 to 2 in a')
})

it('a walk goes on where its state was taken', () => {
  const datasets = small.datasets.map(({ prefix, weight, index: { sequenceLengths } }) => ({
    name: prefix,
    weight,
    sequenceLengths,
    sequence: (sequence: number, offset: number, length: number) =>
      Int32Array.from({ length }, (_, k) => sequence * 100 + offset + k),
  }))
  const make = () => megatronBatches({ ...small, datasets, batchSize: 4 })
  const walk = make()
  walk.next()
  const state = JSON.parse(JSON.stringify(walk.state()))
  const again = make()
  again.restore(state)
  expect(again.next()).toEqual(walk.next())
  expect(() => megatronBatches({ ...small, datasets, batchSize: 4, seed: 1 }).restore(state)).toThrow('other datasets')
})

it('reads --data-path and refuses what Megatron-LM would fail on, or never return from', () => {
  expect(readDataPath(['30', 'x', '7e9', 'y'])).toEqual([
    { weight: 30, prefix: 'x' },
    { weight: 7e9, prefix: 'y' },
  ])
  expect(readDataPath(['x', 'y'])).toEqual([{ prefix: 'x' }, { prefix: 'y' }])
  expect(() => readDataPath(['30', 'x', 'y', 'z'])).toThrow('some datasets have a weight')
  const datasets = [{ name: 'empty', sequenceLengths: new Int32Array(3) }]
  expect(() => new TrainingOrder({ datasets, sequenceLength: 4, samples: 3 })).toThrow(
    'dataset "empty": the split has 3',
  )
  expect(() => new TrainingOrder({ datasets, sequenceLength: 4, samples: 3, split: '0,1' })).toThrow('nothing to train')
})
