/** Sampling options against Transformers, their bounds, and custom logits processors. */
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkedSampling, penalize } from '../src/generate/sampling.ts'
import { Generator, recurrentModel, sample } from '../src/index.ts'

const logits = () => Float32Array.from([0, 2, -1, 1.5, 1])
/** Every id that some number draws. */
const drawn = (options: Parameters<typeof sample>[1]) =>
  [...new Set(Array.from({ length: 400 }, (_, i) => sample(logits(), options, i / 400)))].sort()

test('what is kept, as Transformers keeps it', () => {
  const all = { temperature: 1, topK: 0, topP: 1 }
  // softmax: 0.069, 0.510, 0.025, 0.309, 0.188 (of e^0, e^2, ...)
  expect(drawn(all)).toEqual([0, 1, 2, 3, 4])
  expect(drawn({ ...all, topK: 2 })).toEqual([1, 3])
  expect(drawn({ ...all, topP: 0.5 })).toEqual([1, 3])
  expect(drawn({ ...all, minP: 0.3 })).toEqual([1, 3, 4])
  expect(drawn({ ...all, minP: 1 })).toEqual([1])
  // The temperature comes first: at 2 the third is sqrt(e^-1) = 0.61 times as likely as the first.
  expect(drawn({ ...all, temperature: 2, minP: 0.6 })).toEqual([1, 3, 4])
  expect(drawn({ ...all, temperature: 0 })).toEqual([1])
})

test('the repetition penalty pulls scores of the context towards what is unlikely', () => {
  const scores = logits()
  penalize(scores, new Set([1, 2]), 2)
  expect([...scores]).toEqual([0, 1, -2, 1.5, 1])
})

test('options out of bounds are refused by name', () => {
  expect(() => checkedSampling('generate', { minP: 2 })).toThrow(/generate: minP must be from 0 to 1, got 2/)
  expect(() => checkedSampling('generate', { repetitionPenalty: 0 })).toThrow(
    /repetitionPenalty must be above 0, got 0/,
  )
})

let device: Device
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
})
afterAll(() => device.dispose())

test('a logits processor of one’s own sees the context, and has the last word before sampling', async () => {
  const model = recurrentModel({ vocabSize: 12, embeddingSize: 4, hiddenSize: 6, cell: 'elman' })
  const generator = new Generator(device, model, model.initialize(device))
  const seen: number[][] = []
  const ids: number[] = []
  const processLogits = (scores: Float32Array, context: readonly number[]) => {
    seen.push([...context])
    scores.fill(-1e9)
    scores[(context.length * 3) % 12] = 0
  }
  for await (const id of generator.generate([5, 6], 3, { processLogits })) ids.push(id)
  expect(ids).toEqual([6, 9, 0])
  expect(seen).toEqual([
    [5, 6],
    [5, 6, 6],
    [5, 6, 6, 9],
  ])
  generator.dispose()
})
