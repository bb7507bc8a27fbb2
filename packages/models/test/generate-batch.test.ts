/** Batched generation with caches of every format and size: the text of one prompt at a time with a float32 cache. */
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { roomFor } from '../src/generate/sizes.ts'
import {
  type CacheDType,
  decoderModel,
  feedForwardModel,
  type GenerateOptions,
  Generator,
  type LanguageModel,
  loraModel,
  type ModelArchitecture,
  nano,
  outputLayer,
  recurrentModel,
} from '../src/index.ts'

const tiny: ModelArchitecture = {
  ...nano,
  hiddenSize: 16,
  intermediateSize: 32,
  numHiddenLayers: 1,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 4,
  vocabSize: 40,
  paddedVocabSize: 40,
  maxPositionEmbeddings: 200,
  initializerRange: 0.4,
}

let device: Device
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
})
afterAll(() => device.dispose())

const prompt = (length: number, from: number) => Array.from({ length }, (_, i) => (7 * i + from) % 40)

async function alone(generator: Generator, ids: readonly number[], count: number, options: GenerateOptions) {
  const out: number[] = []
  for await (const id of generator.generate(ids, count, options)) out.push(id)
  return out
}

async function together(
  generator: Generator,
  prompts: readonly number[][],
  count: number,
  options: GenerateOptions,
): Promise<number[][]> {
  const out: number[][] = prompts.map(() => [])
  for await (const { row, id } of generator.generateBatch(prompts, count, options)) out[row].push(id)
  return out
}

const models: Record<string, () => LanguageModel> = {
  llama: () => decoderModel(tiny),
  'windows and caps': () =>
    decoderModel({
      ...tiny,
      slidingWindow: 5,
      numHiddenLayers: 2,
      slidingLayers: [true, false],
      attentionSoftcap: 5,
      logitSoftcap: 3,
      localRopeTheta: 100,
      family: 'gemma2',
    } as unknown as ModelArchitecture),
  'dynamic positions': () =>
    decoderModel({ ...tiny, maxPositionEmbeddings: 16, ropeScaling: { type: 'dynamic', factor: 4 } }),
  mixture: () =>
    decoderModel({ ...tiny, experts: { numExperts: 4, numExpertsPerToken: 2, intermediateSize: 16 } } as never),
  'with adapters': () => loraModel(decoderModel(tiny), { rank: 2, alpha: 4, targets: ['q_proj'] }),
  lstm: () => recurrentModel({ vocabSize: 40, embeddingSize: 6, hiddenSize: 8 }),
  'feed-forward': () => feedForwardModel({ vocabSize: 40, window: 3, embeddingSize: 6, hiddenSize: 8 }),
}

test.each(Object.keys(models))(
  '%s: a batch makes what each prompt makes alone, whatever stands beside it',
  async (name) => {
    const model = models[name]()
    const generator = new Generator(device, model, model.initialize(device, { seed: 5 }))
    const prompts = [prompt(3, 1), prompt(19, 2)]
    const options = { temperature: 1, seed: 8 }
    const made = await together(generator, prompts, 8, options)
    for (const [row, ids] of prompts.entries())
      expect(made[row], `row ${row}`).toEqual(await alone(generator, ids, 8, { ...options, seed: 8 + row }))
    generator.dispose()
  },
)

test('rows end by themselves, and the others go on in a smaller batch', async () => {
  const model = decoderModel(tiny)
  const generator = new Generator(device, model, model.initialize(device, { seed: 5 }))
  const prompts = [prompt(3, 1), prompt(19, 2), prompt(7, 11)]
  const whole = await together(generator, prompts, 8, { temperature: 1 })
  // One ends at its third token, another at its fifth.
  const stopIds = [whole[0][2], whole[2][4]]
  const made = await together(generator, prompts, 8, { temperature: 1, stopIds })
  const cut = (ids: number[]) =>
    ids.slice(0, Math.min(...stopIds.map((id) => ids.indexOf(id)).map((i) => (i < 0 ? 8 : i))))
  expect(made).toEqual(whole.map(cut))
  expect(new Set(made.map(({ length }) => length)).size).toBeGreaterThan(1)
  generator.dispose()
})

test('a batch whose rows reach the end of the context at different times', async () => {
  const model = decoderModel({ ...tiny, maxPositionEmbeddings: 20 })
  const generator = new Generator(device, model, model.initialize(device, { seed: 5 }))
  const prompts = [prompt(15, 3), prompt(4, 8)]
  const made = await together(generator, prompts, 18, { temperature: 0 })
  for (const [row, ids] of prompts.entries())
    expect(made[row]).toEqual(await alone(generator, ids, 18, { temperature: 0 }))
  generator.dispose()
})

describe('a cache', () => {
  // Largest error of a logit. Logits deviate by 1.7 here, and weights of 0.4 make attention sharp: a hard case.
  test.each<[CacheDType, number]>([
    ['float32', 1e-5],
    ['bfloat16', 0.1],
    ['float8_e4m3fn', 0.8],
    ['float8_e5m2', 1.3],
  ])('in %s gives the logits of a pass without one within %d, and grows', async (dtype, tolerance) => {
    const model = decoderModel(tiny)
    const parameters = model.initialize(device, { seed: 3 })
    const tokens = [prompt(66, 3), prompt(66, 20)]
    const tensor = (from: number, to: number) => {
      const part = tokens.map((row) => row.slice(from, to))
      return device.tensor(Int32Array.from(part.flat()), [2, to - from])
    }
    const whole = (await model.forward(parameters, tensor(0, 66)).logits().data()) as Float32Array
    const lengths = device.tensor(Int32Array.of(63, 61), [2])
    let cache = model.forward(parameters, tensor(0, 63), { cache: 'begin', cacheOptions: { room: 64, dtype }, lengths })
      .cache!
    let far = 0
    for (let at = 63; at < 66; at++) {
      const next = device.tensor(Int32Array.of(tokens[0][at], tokens[1][at - 2]), [2, 1])
      const pass = model.forward(parameters, next, { cache, cacheOptions: { room: at < 64 ? 64 : 96, dtype } })
      const logits = (await pass.logits().data()) as Float32Array
      for (const [row, place] of [at, 66 + at - 2].entries())
        for (let i = 0; i < 40; i++) far = Math.max(far, Math.abs(logits[row * 40 + i] - whole[place * 40 + i]))
      cache = pass.cache!
    }
    expect(far).toBeLessThan(tolerance)
    // A narrow cache that changes nothing would be a wide one.
    if (dtype !== 'float32') expect(far).toBeGreaterThan(1e-4)
    expect([cache['layers.0.keys'].dtype, cache['layers.0.keys'].shape[1]]).toEqual([dtype, 96])
  })

  test('of a format or size that cannot be is refused by name', () => {
    const model = decoderModel(tiny)
    const parameters = model.initialize(device)
    const tokens = device.tensor(Int32Array.of(1, 2, 3), [1, 3])
    const begin = (cacheOptions: object) => () => model.forward(parameters, tokens, { cache: 'begin', cacheOptions })
    expect(begin({ room: 2 })).toThrow(/cacheOptions.room must be an integer from 3 .* to 200 .*, got 2/)
    expect(begin({ room: 201 })).toThrow(/got 201/)
    expect(begin({ dtype: 'float16' })).toThrow(/cacheOptions.dtype must be float32, bfloat16, .*, got float16/)
  })

  test('has room for little more than is needed', () => {
    for (const tokens of [1, 64, 65, 97, 129, 1000]) {
      expect(roomFor(tokens, 4096)).toBeGreaterThanOrEqual(tokens)
      expect(roomFor(tokens, 4096)).toBeLessThanOrEqual(Math.max(64, 1.5 * tokens))
    }
    expect(roomFor(1000, 1010)).toBe(1010)
  })
})

test('what a batch cannot take is refused by the number of its prompt', async () => {
  const takesOneLength: LanguageModel = {
    ...decoderModel(tiny),
    name: 'one length',
    supportsPadding: false,
    forward: (p) => outputLayer(p.x, p.table),
  }
  const generator = new Generator(device, takesOneLength, { x: device.tensor([[[1]]]), table: device.tensor([[1]]) })
  const first = (prompts: number[][]) => generator.generateBatch(prompts, 1).next()
  await expect(first([[1], [2, 3]])).rejects.toThrow(/the prompts have 1, 2 tokens, and the model one length does not/)
  await expect(first([[1], []])).rejects.toThrow(/prompt 1 is empty/)
  await expect(first([[1], [40]])).rejects.toThrow(/token 0 of prompt 1 must be an integer from 0 to 39/)
  generator.dispose()
})
