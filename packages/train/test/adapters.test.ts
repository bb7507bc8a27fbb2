/** Training of adapters on frozen base models in bfloat16 and 8 bits. */
import {
  adapterOf,
  blockScaledModel,
  decoderModel,
  initializeAdapter,
  type LanguageModel,
  loraModel,
  loraTrainable,
  mergeAdapter,
} from '@kumiki/models'
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bf16, Trainer } from '../src/index.ts'
import { lossesOf, tiny, tinyOptions } from './tiny.ts'

let device: Device
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
})
afterAll(() => device.dispose())

// Frozen tables of ordinary first weights would hardly tell tokens apart.
const tinyModel = decoderModel({ ...tiny, initializerRange: 0.3 })
const config = { rank: 4, alpha: 16, targets: 'all-linear' } as const
const adapted = loraModel(tinyModel, config)

/** A trainer of adapters alone. */
async function trainerOf(model: LanguageModel, narrow?: ReturnType<typeof blockScaledModel>) {
  const base = tinyModel.initialize(device, { seed: 1 })
  const all = { ...base, ...initializeAdapter(device, adapted, { seed: 2 }).parameters }
  const parameters = narrow ? await narrow.narrow(all) : all
  const options = tinyOptions(device, { precision: bf16 })
  return Trainer.create({ ...options, model, parameters, trainable: loraTrainable, schedule: () => 2e-2 })
}

test('adapters alone are trained, on a base in bfloat16 and in 8 bits; the base costs its storage', async () => {
  const in8 = blockScaledModel(adapted)
  const [wide, narrow] = [await trainerOf(adapted), await trainerOf(in8, in8)]
  const all = Trainer.create(tinyOptions(device, { precision: bf16 }))
  const before = (await narrow.snapshot()).arrays
  for (const trainer of [wide, narrow]) {
    const losses = await lossesOf(trainer, 15)
    expect(losses[14]).toBeLessThan(losses[0] - 0.2)
  }
  await lossesOf(all, 1)
  const { arrays } = await narrow.snapshot()
  const adapters = in8.parameters.map(({ name }) => name).filter((name) => name.includes('.lora_'))
  for (const name of adapters)
    expect(arrays.get(`params.${name}`)!.data).not.toEqual(before.get(`params.${name}`)!.data)
  // Adapters and moments, nothing of the base.
  expect(arrays.size).toBe(3 * adapters.length)
  const sizes = new Map(tinyModel.parameters.map(({ name, shape }) => [name, shape.reduce((a, b) => a * b, 1)]))
  const layers = tinyModel.linearLayers.reduce((sum, { name }) => sum + sizes.get(name)!, 0)
  // Each linear weight: 2 bytes, or 1 and two for 32 of them.
  const [a, b, c] = [all.memory(), wide.memory(), narrow.memory()]
  // Buffers are rounded up: the scales of these small layers by up to 64 bytes each.
  const saved = layers * (2 - 1 - 2 / 32)
  expect(b.inputBytes - c.inputBytes).toBeGreaterThan(saved - 64 * tinyModel.linearLayers.length)
  expect(b.inputBytes - c.inputBytes).toBeLessThanOrEqual(saved)
  // 14 bytes a weight where everything is trained.
  expect(a.inputBytes - b.inputBytes).toBeGreaterThan(layers * 12 * 0.5)
  expect(c.peakBytes).toBeLessThan(b.peakBytes)
  const merged = mergeAdapter(tinyModel, wide.parameters, adapterOf(adapted, wide.masterParameters()))
  expect(Object.keys(merged)).toEqual(tinyModel.parameters.map(({ name }) => name))
  expect(merged['model.layers.0.mlp.up_proj.weight'].dtype).toBe('bfloat16')
  for (const trainer of [wide, narrow, all]) trainer.dispose()
})

test('a run on a base in 8 bits that is resumed has the bits of an unbroken one', async () => {
  const in8 = blockScaledModel(adapted)
  const whole = await trainerOf(in8, in8)
  const losses = await lossesOf(whole, 5)
  const first = await trainerOf(in8, in8)
  await lossesOf(first, 3)
  const second = await trainerOf(in8, in8)
  await second.restore(await first.snapshot())
  expect(second.parameters['model.layers.0.mlp.up_proj.weight'].dtype).toBe('float8_e4m3fn')
  expect(await lossesOf(second, 5)).toEqual(losses.slice(3))
  const [a, b] = [await whole.snapshot(), await second.snapshot()]
  for (const [name, { data }] of a.arrays) expect(b.arrays.get(name)!.data, name).toEqual(data)
  expect(b.frozen).toEqual(a.frozen)
  for (const trainer of [whole, first, second]) trainer.dispose()
})
