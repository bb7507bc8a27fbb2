/** A user's own kind of model, a gated recurrent network, in everything that training does with a model. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Generator, type LanguageModel, linear, outputLayer } from '@kumiki/models'
import { concatenate, type Device, full, init, mul, sliceAxis, take } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bf16, fp8Current, Trainer, type TrainerOptions } from '../src/index.ts'
import { loadCheckpoint, saveCheckpoint } from '../src/node.ts'
import { documents, expectEqualStates, heldOut, lossesOf, tinyOptions } from './tiny.ts'

// A model of another kind, as a user writes one: a minimal gated recurrent unit, h = (1 - z) h + z c, with z and c from
// the token alone.
const [vocabSize, hidden, contextLength] = [50, 32, 64]

const recurrent: LanguageModel = {
  name: 'gated recurrent unit',
  contextLength,
  vocabSize,
  parameters: [
    { name: 'embedding', shape: [vocabSize, hidden] },
    { name: 'gate.weight', shape: [hidden, hidden] },
    { name: 'gate.bias', shape: [hidden] },
    { name: 'candidate.weight', shape: [hidden, hidden] },
    { name: 'head', shape: [vocabSize, hidden] },
  ],
  linearLayers: [
    { name: 'gate.weight', role: 'gate', block: 0 },
    { name: 'candidate.weight', role: 'candidate', block: 0 },
  ],
  initialize(device, { seed = 0 } = {}) {
    let n = 1000 * seed
    const weights = (shape: readonly number[]) =>
      Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => 0.3 * Math.sin(++n * 12.9898))
    return Object.fromEntries(
      recurrent.parameters.map(({ name, shape }) => [name, device.tensor(weights(shape), shape)]),
    )
  },
  forward(p, tokens, { activations, linear: rule, cache } = {}) {
    const layer = rule ?? ((x, weight) => linear(x, weight, activations))
    const x = take(p.embedding, tokens).astype('float32') // [B, T, C]
    const [batch, seq] = tokens.shape
    const z = layer(x, p['gate.weight'], 'gate.weight').add(p['gate.bias']).sigmoid()
    const c = layer(x, p['candidate.weight'], 'candidate.weight').tanh()
    let h = cache && cache !== 'begin' ? cache.h : full([batch, 1, hidden], 0)
    const states = Array.from({ length: seq }, (_, t) => {
      const at = (y: typeof x) => sliceAxis(y, 1, t, t + 1)
      h = h.add(mul(at(z), at(c).sub(h)))
      return h
    })
    return { ...outputLayer(concatenate(states, 1), p.head, activations), ...(cache && { cache: { h } }) }
  },
  countParameters: () => ({
    total: recurrent.parameters.reduce((n, { shape }) => n + shape.reduce((a, b) => a * b), 0),
  }),
  flopsPerToken: () => 6 * hidden * (2 * hidden + vocabSize),
}

let device: Device
let folder: string
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
  folder = await mkdtemp(join(tmpdir(), 'kumiki-own-model-'))
})
afterAll(async () => {
  device.dispose()
  await rm(folder, { recursive: true })
})

const options = (extra: Partial<TrainerOptions> = {}): TrainerOptions => ({
  ...tinyOptions(device, { seed: 1, precision: bf16 }),
  model: recurrent,
  schedule: () => 3e-2,
  ...extra,
})

describe('a recurrent model of a user’s own', () => {
  test('trains, evaluates, and resumes from a checkpoint bit for bit', async () => {
    const whole = Trainer.create(options())
    const losses = await lossesOf(whole, 60)
    expect(losses[0]).toBeGreaterThan(3.5)
    expect(losses[59]).toBeLessThan(1.5)
    expect((await whole.evaluate(heldOut(documents))).natsPerToken).toBeLessThan(1.7)
    const first = Trainer.create(options())
    await lossesOf(first, 25)
    const second = Trainer.create(options())
    await second.restore(await loadCheckpoint(await saveCheckpoint(folder, await first.snapshot())))
    expect(await lossesOf(second, 60)).toEqual(losses.slice(25))
    await expectEqualStates(whole, second)
    // It generates by its state what whole passes give, and has learned to count.
    const generator = new Generator(device, recurrent, whole.parameters)
    const counted: number[] = []
    for await (const id of generator.generate([8, 9, 10], 5, { temperature: 0 })) counted.push(id)
    expect(counted.slice(0, 2)).toEqual([11, 12])
    const tokens = device.tensor(Int32Array.of(8, 9, 10, ...counted.slice(0, 4)), [1, 7])
    const logits = await recurrent.forward(whole.parameters, tokens).logits('last').data()
    expect(counted[4]).toBe([...logits].indexOf(Math.max(...logits)))
    generator.dispose()
    for (const t of [whole, first, second]) t.dispose()
  })

  test('runs its linear layers on 8 bits', async () => {
    const trainer = Trainer.create(options({ precision: fp8Current }))
    const losses = await lossesOf(trainer, 30)
    expect(losses[29]).toBeLessThan(2.7)
    expect(trainer.explain().match(/= matmul\b.*float8.*float8/g)).toHaveLength(6)
    trainer.dispose()
    const idle: LanguageModel = {
      ...recurrent,
      linearLayers: [...recurrent.linearLayers, { name: 'head', role: 'head', block: 1 }],
    }
    await expect(lossesOf(Trainer.create(options({ model: idle, precision: fp8Current })), 1)).rejects.toThrow(
      /fp8: head is among the model's linearLayers, but its forward pass does not compute it/,
    )
  })
})
