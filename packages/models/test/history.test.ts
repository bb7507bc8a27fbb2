/** Feed-forward and recurrent models against PyTorch in double precision (`../vectors/make_history.py`). */
import { readFileSync } from 'node:fs'
import { type Device, grad, init, mean, type Tensor } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { feedForwardModel, Generator, type LanguageModel, type Parameters, recurrentModel } from '../src/index.ts'

const vectors = JSON.parse(readFileSync(new URL('../vectors/history.json', import.meta.url), 'utf8'))
const floats = (base64: string) => new Float32Array(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer)

/** The formula the weights are made by: FNV-1a of the name seeds mulberry32. */
function weightsOf(name: string, shape: readonly number[]): Float32Array {
  let seed = 0x811c9dc5
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 0x01000193) >>> 0
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    seed = (seed + 0x6d2b79f5) >>> 0
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (((t ^ (t >>> 14)) >>> 0) / 4294967296 - 0.5) * 1.2
  })
}

const models: Record<string, LanguageModel> = {
  ...Object.fromEntries(
    (['elman', 'gru', 'lstm'] as const).map((cell) => [
      cell,
      recurrentModel({ ...vectors.sizes, numLayers: vectors.layers, cell, contextLength: 32 }),
    ]),
  ),
  'feed-forward': feedForwardModel({ ...vectors.sizes, window: vectors.window }),
}

let device: Device
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
})
afterAll(() => device.dispose())

const parametersOf = (model: LanguageModel): Parameters =>
  Object.fromEntries(model.parameters.map(({ name, shape }) => [name, device.tensor(weightsOf(name, shape), shape)]))
const ids = (rows: number[][]) => device.tensor(Int32Array.from(rows.flat()), [rows.length, rows[0].length])
const tokens: number[][] = vectors.tokens
const inputs = () => ids(tokens.map((row) => row.slice(0, -1)))
const targets = () => ids(tokens.map((row) => row.slice(1)))

describe.each(Object.keys(models))('%s', (name) => {
  const model = models[name]

  test('logits, loss and every gradient are PyTorch’s', async () => {
    const expected = vectors.models[name]
    const parameters = parametersOf(model)
    closeTo(await model.forward(parameters, inputs()).logits().data(), floats(expected.logits), 'logits')
    const loss = (p: Parameters): Tensor => mean(model.forward(p, inputs()).losses(targets()))
    expect(Math.abs((await loss(parameters).item()) - expected.loss)).toBeLessThan(1e-6)
    const grads = grad(loss)(parameters)
    expect(Object.keys(grads).sort()).toEqual(Object.keys(expected.gradients).sort())
    await device.evaluate(Object.values(grads))
    for (const [key, g] of Object.entries(grads))
      closeTo(await g.data(), floats(expected.gradients[key]), `gradient of ${key}`)
  })

  test('in pieces through the cache, the logits are those of one pass', async () => {
    const parameters = parametersOf(model)
    const row = tokens[0]
    const whole = await model
      .forward(parameters, ids([row]))
      .logits()
      .data()
    const pieces: number[] = []
    let cache: Parameters | undefined
    for (const [from, to] of [
      [0, 2],
      [2, 3],
      [3, row.length],
    ]) {
      const pass = model.forward(parameters, ids([row.slice(from, to)]), { cache: cache ?? 'begin' })
      cache = pass.cache
      pieces.push(...(await pass.logits().data()))
    }
    closeTo(Float32Array.from(pieces), whole, 'logits')
  })

  test('documents in one sequence do not see each other', async () => {
    const parameters = parametersOf(model)
    const [a, b] = [tokens[0].slice(0, 4), tokens[1].slice(0, 5)]
    const documents = ids([[...a.map(() => 3), ...b.map(() => 8)]])
    const packed = await model
      .forward(parameters, ids([[...a, ...b]]), { documents })
      .logits()
      .data()
    const alone = await Promise.all(
      [a, b].map((d) =>
        model
          .forward(parameters, ids([d]))
          .logits()
          .data(),
      ),
    )
    closeTo(packed, Float32Array.from(alone.flatMap((x) => [...x])), 'logits')
    // And without documents they do.
    const joined = await model
      .forward(parameters, ids([[...a, ...b]]))
      .logits()
      .data()
    expect(joined).not.toEqual(packed)
  })

  test('counts what it has, starts alike on every run, and generates', async () => {
    const [first, second] = [model.initialize(device, { seed: 4 }), model.initialize(device, { seed: 4 })]
    let total = 0
    for (const { name: key, shape } of model.parameters) {
      total += shape.reduce((x, y) => x * y)
      expect(await first[key].data()).toEqual(await second[key].data())
    }
    expect(model.countParameters().total).toBe(total)
    const generator = new Generator(device, model, first)
    const made: number[] = []
    for await (const id of generator.generate([1, 2, 3], 4, { temperature: 0 })) made.push(id)
    generator.dispose()
    const logits = await model
      .forward(first, ids([[1, 2, 3, ...made.slice(0, 3)]]))
      .logits('last')
      .data()
    expect(made[3]).toBe([...logits].indexOf(Math.max(...logits)))
  })
})

test('sizes that cannot be are refused by name', () => {
  const sizes = { vocabSize: 10, embeddingSize: 4, hiddenSize: 8 }
  expect(() => recurrentModel({ ...sizes, hiddenSize: 0 })).toThrow(/recurrentModel: hiddenSize must be an integer/)
  expect(() => recurrentModel({ ...sizes, contextLength: 5000 })).toThrow(
    /contextLength must be at most 1024, got 5000/,
  )
  expect(() => recurrentModel({ ...sizes, cell: 'rnn' as never })).toThrow(/cell must be elman, gru, lstm, got rnn/)
  expect(() => recurrentModel({ ...sizes, layers: 2 } as never)).toThrow(/unknown option layers/)
  expect(() => feedForwardModel({ ...sizes, window: 1.5 })).toThrow(/feedForwardModel: window must be an integer/)
})

function closeTo(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  expect(actual.length, what).toBe(expected.length)
  let worst = 0
  for (let i = 0; i < expected.length; i++) worst = Math.max(worst, Math.abs(actual[i] - expected[i]))
  expect(worst, `${what}: largest difference`).toBeLessThan(2e-6)
}
