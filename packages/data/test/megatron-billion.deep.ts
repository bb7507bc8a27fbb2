/** A dataset of 1e9 tokens: Megatron-LM's own indexes, by hash, and what a replay of it costs. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Replay } from '../src/megatron/replay.ts'

const { billion } = JSON.parse(
  readFileSync(new URL('../vectors/megatron-batches-0.16.1.json', import.meta.url), 'utf8'),
)
const sha = (array: Int32Array | Uint32Array) =>
  createHash('sha256')
    .update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    .digest('hex')

it('1e9 tokens: document, sample and shuffle index', () => {
  const count = 2_500_000
  const sequenceLengths = Int32Array.from({ length: count }, (_, i) => 200 + ((Math.imul(i, 2654435761) >>> 7) % 400))
  const documentIndex = Float64Array.from({ length: count + 1 }, (_, i) => i)
  const before = process.memoryUsage().arrayBuffers
  const began = performance.now()
  const replay = new Replay({
    datasets: [{ prefix: 'billion', index: { sequenceLengths, documentIndex } }],
    sequenceLength: billion.seq,
    samples: billion.samples,
    seed: billion.seed,
    split: '100,0,0',
    globalBatchSize: 1024,
  })
  const step = replay.step(200)
  const seconds = (performance.now() - began) / 1000
  const bytes = process.memoryUsage().arrayBuffers - before
  console.info(`step 200 in ${seconds.toFixed(2)} s, ${(bytes / 2 ** 20).toFixed(0)} MiB kept`)
  expect(step).toHaveLength(1024)
  const order = replay.order.order(0)
  expect(order.tokensPerEpoch).toBe(billion.tokens)
  expect(sha(order.documentOrder)).toBe(billion.documentIndex)
  expect(sha(order.shuffleOrder)).toBe(billion.shuffleIndex)
  const place = new Map(Array.from(order.shuffleOrder, (sample, at) => [sample, at]))
  billion.sampleIndex.forEach(([entry, offset]: number[], i: number) => {
    const at = place.get(i * 40_000)
    if (at === undefined) return
    expect(order.parts(at)[0]).toMatchObject({ sequence: order.documentOrder[entry], offset })
  })
  expect(bytes).toBeLessThan(64 * 2 ** 20)
})
