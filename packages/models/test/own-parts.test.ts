/** Parts of a decoder block replaced by the user's own: refused parts. */
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { oneKey, parallel, squaredRelu } from '../../../examples/own-block/parts.ts'
import { type DecoderParts, decoderModel, loraModel, nano } from '../src/index.ts'

const architecture = {
  ...nano,
  hiddenSize: 16,
  intermediateSize: 24,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  numKeyValueHeads: 2,
  headDim: 8,
  vocabSize: 30,
  paddedVocabSize: 30,
  maxPositionEmbeddings: 16,
  initializerRange: 0.3,
}

let device: Device
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
})
afterAll(() => device.dispose())

const ids = (list: readonly number[]) => device.tensor(Int32Array.from(list), [1, list.length])

test.each<[string, DecoderParts]>([
  ['feedForward', { feedForward: squaredRelu }],
  ['attention', { attention: oneKey }],
  ['block', { block: parallel(oneKey) }],
])('a %s of one’s own: counted, listed, and the same through a cache', async (_, parts) => {
  const model = decoderModel(architecture, { parts })
  const parameters = model.initialize(device, { seed: 2 })
  expect(Object.keys(parameters)).toEqual(model.parameters.map(({ name }) => name))
  const total = model.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0)
  expect(model.countParameters().total).toBe(total)
  const seen: string[] = []
  const tokens = [3, 9, 27, 21, 3, 9, 7]
  const whole = model.forward(parameters, ids(tokens), {
    linear: (x, weight, name) => {
      seen.push(name)
      return x.matmul(weight.transpose())
    },
  })
  const expected = await whole.logits('last').data()
  expect(seen.slice(0, model.linearLayers.length)).toEqual(
    expect.arrayContaining(model.linearLayers.map(({ name }) => name)),
  )
  const { cache } = model.forward(parameters, ids(tokens.slice(0, 4)), { cache: 'begin' })
  const rest = await model
    .forward(parameters, ids(tokens.slice(4)), { cache })
    .logits('last')
    .data()
  for (const [i, x] of rest.entries()) expect(x).toBeCloseTo(expected[i], 4)
  expect(loraModel(model, { rank: 2, alpha: 4, targets: 'all-linear' }).parameters.length).toBeGreaterThan(0)
})

test('a part that is none, stands beside a block, or repeats a name is refused', () => {
  const make = (parts: object) => () => decoderModel(architecture, { parts })
  expect(make({ mlp: squaredRelu })).toThrow(/there is no part mlp; attention, feedForward and block/)
  expect(make({ block: oneKey, attention: oneKey })).toThrow(/a block replaces both/)
  const again = { ...squaredRelu, parameters: () => [{ name: 'input_layernorm.weight', shape: [16] }] }
  expect(make({ feedForward: again })).toThrow(/named model.layers.0.input_layernorm.weight/)
})
