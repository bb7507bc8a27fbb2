/** The decoder: key/value cache, linear rules, documents, generation, and refused options. */
import { type Device, init, type Tensor } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  decoderModel,
  type ForwardOptions,
  Generator,
  type LanguageModel,
  type ModelArchitecture,
  nano,
  outputLayer,
  type Parameters,
} from '../src/index.ts'

const tiny: ModelArchitecture = {
  ...nano,
  hiddenSize: 32,
  intermediateSize: 64,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 8,
  vocabSize: 50,
  paddedVocabSize: 50,
  maxPositionEmbeddings: 16,
  initializerRange: 0.3,
}

let device: Device
let parameters: Parameters
const model = decoderModel(tiny)
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
  parameters = model.initialize(device, { seed: 3 })
})
afterAll(() => device.dispose())

const ids = Array.from({ length: 16 }, (_, i) => (7 * i + 3) % 50)
const tensor = (list: readonly number[], rows = 1) => device.tensor(Int32Array.from(list), [rows, list.length / rows])
const far = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from({ length: Math.max(a.length, b.length) }, (_, i) => Math.abs(a[i] - b[i])))

describe('a pass with a cache', () => {
  const whole = async (tokens: Tensor) => (await model.forward(parameters, tokens).logits().data()) as Float32Array

  test('gives the logits of the whole sequence, however it is cut', async () => {
    const two = [...ids, ...ids.map((id) => (id * 3 + 1) % 50)]
    for (const rows of [1, 2]) {
      const all = two.slice(0, 16 * rows)
      const expected = await whole(tensor(all, rows))
      for (const cuts of [[16], [5, 1, 1, 9], [1, 7, 8], [15, 1]]) {
        let at = 0
        let cache: ForwardOptions['cache'] = 'begin'
        for (const length of cuts) {
          const part = Array.from({ length: rows }, (_, r) => all.slice(16 * r + at, 16 * r + at + length)).flat()
          const pass = model.forward(parameters, tensor(part, rows), { cache })
          const logits = (await pass.logits().data()) as Float32Array
          for (let r = 0; r < rows; r++) {
            const from = (16 * r + at) * 50
            const mine = logits.subarray(r * length * 50, (r + 1) * length * 50)
            expect(far(mine, expected.subarray(from, from + length * 50)), `${cuts} at ${at}`).toBeLessThan(1e-5)
          }
          const last = (await pass.logits('last').data()) as Float32Array
          expect(far(last.subarray(-50), logits.subarray(-50))).toBeLessThan(1e-6)
          cache = pass.cache!
          at += length
        }
      }
    }
  })

  test('in bfloat16 and with a linear rule of its own, as without one', async () => {
    const seen = new Set<string>()
    const linear: ForwardOptions['linear'] = (x, weight, name) => {
      seen.add(name)
      return x.matmul(weight.transpose())
    }
    const begun = model.forward(parameters, tensor(ids.slice(0, 9)), { cache: 'begin', linear })
    const next = model.forward(parameters, tensor(ids.slice(9, 10)), { cache: begun.cache, linear })
    const expected = await whole(tensor(ids.slice(0, 10)))
    expect(far(await next.logits().data(), expected.subarray(-50))).toBeLessThan(1e-5)
    expect([...seen]).toEqual(model.linearLayers.map(({ name }) => name))
    expect(model.linearLayers[8]).toEqual({ name: 'model.layers.1.self_attn.k_proj.weight', role: 'key', block: 1 })
  })
})

test('documents in one sequence do not see each other', async () => {
  const documents = tensor([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
  const together = await model
    .forward(parameters, tensor(ids.slice(0, 10)), { documents })
    .logits()
    .data()
  const first = await model
    .forward(parameters, tensor(ids.slice(0, 5)))
    .logits()
    .data()
  expect(far(together.slice(0, 250), first)).toBeLessThan(1e-5)
  const other = tensor([9, 8, 7, 6, 5, ...ids.slice(5, 10)])
  const after = await model.forward(parameters, other, { documents }).logits().data()
  expect(far(together.slice(250), after.slice(250))).toBeLessThan(1e-6)
})

test('what the decoder does not compute is refused by name', () => {
  expect(() => decoderModel({ ...tiny, alibi: { slope: 2 } } as ModelArchitecture)).toThrow(
    /alibi is not supported by the decoder, got \{"slope":2\}; remove it/,
  )
  expect(() => decoderModel({ ...tiny, ropeScaling: { type: 'yarn', factor: 2 } } as never)).toThrow(
    /ropeScaling must be linear, dynamic or llama3, got \{"type":"yarn"/,
  )
  expect(decoderModel({ ...tiny, qkNorm: false }).parameters).toEqual(model.parameters)
  expect(() => model.forward(parameters, tensor([...ids, 1]))).toThrow(/seq at most 16 \(maxPositionEmbeddings\)/)
})

test('a generator gives what whole passes give, beyond its context too', async () => {
  const generator = new Generator(device, model, parameters)
  const prompt = ids.slice(0, 6)
  const generated: number[] = []
  for await (const id of generator.generate(prompt, 20, { temperature: 0 })) generated.push(id)
  let context = [...prompt]
  for (const id of generated) {
    const logits = await model.forward(parameters, tensor(context)).logits('last').data()
    expect(id).toBe([...logits].indexOf(Math.max(...logits)))
    // Once the context is full its older half is dropped.
    context = context.length === 16 ? [...context, id].slice(-8) : [...context, id]
  }
  expect(generated).toHaveLength(20)
  generator.dispose()
})

test('rotary tables are made for each device, and again after dispose', async () => {
  const one = decoderModel(tiny)
  const other = await init({ backend: 'reference' })
  const onOther = one.initialize(other, { seed: 3 })
  const a = await one.forward(parameters, tensor(ids)).logits('last').data()
  const b = await one
    .forward(onOther, other.tensor(Int32Array.from(ids), [1, 16]))
    .logits('last')
    .data()
  expect(far(a, b)).toBeLessThan(1e-5)
  one.dispose()
  other.dispose()
  expect(await one.forward(parameters, tensor(ids)).logits('last').data()).toEqual(a)
})

test('a generator says which model keeps no cache', async () => {
  const plain: LanguageModel = {
    ...model,
    name: 'a bag of words',
    initialize: model.initialize,
    countParameters: () => ({ total: 1 }),
    flopsPerToken: () => 1,
    forward: (p) => outputLayer(p.x, p.table),
  }
  const p = { x: device.tensor([[[1, 2]]]), table: device.tensor([[1, 2]]) }
  const generator = new Generator(device, plain, p)
  await expect(generator.generate([1], 1).next()).rejects.toThrow(/the model a bag of words has no cache/)
  generator.dispose()
})
