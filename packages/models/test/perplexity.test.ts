/** Perplexity by sliding windows, as in Transformers' guide. */
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decoderModel, nano, perplexity } from '../src/index.ts'

const model = decoderModel({
  ...nano,
  hiddenSize: 16,
  intermediateSize: 24,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  numKeyValueHeads: 1,
  headDim: 8,
  vocabSize: 30,
  paddedVocabSize: 30,
  maxPositionEmbeddings: 16,
})
const ids = Int32Array.from({ length: 43 }, (_, i) => (i * i * 7 + 3 * i) % 30)

let device: Device
let parameters: ReturnType<typeof model.initialize>
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 2 })
  parameters = model.initialize(device, { seed: 3 })
})
afterAll(() => device.dispose())

/** The loop of Transformers' guide, one window at a time, from logits. */
async function guide(window: number, stride: number): Promise<{ nats: number; tokens: number }> {
  let [nats, tokens, previous] = [0, 0, 0]
  for (let begin = 0; begin < ids.length; begin += stride) {
    const end = Math.min(begin + window, ids.length)
    const fresh = end - previous
    const input = ids.slice(begin, end)
    const logits = await model
      .forward(parameters, device.tensor(input, [1, input.length]))
      .logits()
      .data()
    // labels are the input, with -100 before the last `fresh`; the model shifts them by one.
    for (let i = 1; i < input.length; i++) {
      if (i < input.length - fresh) continue
      const row = Array.from(logits.subarray((i - 1) * 30, i * 30))
      const most = Math.max(...row)
      nats += most + Math.log(row.reduce((s, x) => s + Math.exp(x - most), 0)) - row[input[i]]
      tokens++
    }
    previous = end
    if (end === ids.length) break
  }
  return { nats, tokens }
}

test.each([
  [16, 8],
  [16, 16],
  [10, 3],
])('windows of %i every %i are those of the guide', async (window, stride) => {
  const expected = await guide(window, stride)
  const made = await perplexity(device, model, parameters, ids, { window, stride })
  expect(made.tokens).toBe(expected.tokens)
  expect(made.nats).toBeCloseTo(expected.nats, 4)
  expect(made.perplexity).toBeCloseTo(Math.exp(expected.nats / expected.tokens), 4)
})

test('the number of windows in a pass changes no bit', async () => {
  const results = await Promise.all(
    [1, 2, 3, 8].map((batchSize) => perplexity(device, model, parameters, ids, { batchSize })),
  )
  for (const result of results) expect(result).toEqual(results[0])
})

test('context ids are read, but not predicted', async () => {
  const [all, some] = await Promise.all(
    [[], [7]].map((contextIds) => perplexity(device, model, parameters, [1, 7, 3, 7, 4], { contextIds })),
  )
  expect([all.tokens, some.tokens]).toEqual([4, 2])
  expect(some.nats).toBeLessThan(all.nats)
  await expect(perplexity(device, model, parameters, [1, 7], { contextIds: [7] })).rejects.toThrow(
    /nothing is predicted/,
  )
})

test('a text shorter than a window, and what cannot be', async () => {
  expect((await perplexity(device, model, parameters, [1, 2, 3])).tokens).toBe(2)
  await expect(perplexity(device, model, parameters, [1])).rejects.toThrow(/needs at least two ids, got 1/)
  await expect(perplexity(device, model, parameters, [1, 30])).rejects.toThrow(
    /id 1 must be an integer from 0 to 29, got 30/,
  )
  await expect(perplexity(device, model, parameters, ids, { stride: 17 })).rejects.toThrow(
    /perplexity: stride must be an integer from 1 to 16, got 17/,
  )
})
