/** Mixtures of experts: outputs, routing losses, gradients, and upcycling of a dense model. */
import { compile, type Device, grad, groupedMatmul, init, mean, sliceAxis, type Tensor } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mixtureOfExperts } from '../src/decoder/experts.ts'
import { decoderModel, type ModelArchitecture, nano, type Parameters, upcycle } from '../src/index.ts'

const dense: ModelArchitecture = {
  ...nano,
  hiddenSize: 16,
  intermediateSize: 24,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  numKeyValueHeads: 1,
  headDim: 8,
  vocabSize: 30,
  paddedVocabSize: 30,
  maxPositionEmbeddings: 32,
}
const experts = { numExperts: 4, numExpertsPerToken: 2, intermediateSize: 12, tensorNames: 'qwen3_moe' } as const

let device: Device
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
})
afterAll(() => device.dispose())

const tokens = (n: number, rows = 1) =>
  device.tensor(
    Int32Array.from({ length: n * rows }, (_, i) => (i * i * 7 + 3 * i) % 30),
    [rows, n],
  )
const far = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from({ length: a.length }, (_, i) => Math.abs(a[i] - b[i])))

describe('a mixture of experts', () => {
  test('gives what every expert computed in full and weighted gives', async () => {
    const architecture = { ...dense, numHiddenLayers: 1, experts }
    const model = decoderModel(architecture)
    const p = model.initialize(device, { seed: 2 })
    const prefix = 'model.layers.0.mlp'
    // A dense model's block with the mixture written out: the last hidden states differ by the MLP alone.
    const x = device.tensor(
      Float32Array.from({ length: 5 * 16 }, (_, i) => Math.sin(i * 1.3)),
      [5, 16],
    )
    const router = await x.matmul(p[`${prefix}.gate.weight`].transpose()).softmax().data()
    const outputs = await Promise.all(
      Array.from({ length: 4 }, async (_, e) => {
        const w = (name: string) => {
          const all = p[`${prefix}.experts.${name}.weight`]
          return sliceAxis(all, 0, e, e + 1).reshape(all.shape.slice(1))
        }
        const gate = x.matmul(w('gate_proj').transpose())
        return gate
          .silu()
          .mul(x.matmul(w('up_proj').transpose()))
          .matmul(w('down_proj').transpose())
          .data()
      }),
    )
    const expected = new Float32Array(5 * 16)
    for (let r = 0; r < 5; r++) {
      const ranked = [0, 1, 2, 3].sort((a, b) => router[r * 4 + b] - router[r * 4 + a]).slice(0, 2)
      const total = ranked.reduce((s, e) => s + router[r * 4 + e], 0)
      for (const e of ranked)
        for (let c = 0; c < 16; c++) expected[r * 16 + c] += (router[r * 4 + e] / total) * outputs[e][r * 16 + c]
    }
    const grouped = (y: Tensor, weight: Tensor, sizes: Tensor) => groupedMatmul(y, weight, sizes, { transposeB: true })
    const context = { architecture, parameters: p, routings: [], store: (t: Tensor) => t, grouped } as never
    const actual = await mixtureOfExperts(context, 0, x.reshape([1, 5, 16])).data()
    expect(far(actual, expected)).toBeLessThan(1e-6)
  })

  test('routers are kept even by what they add to the loss, which evaluation leaves out', async () => {
    const model = decoderModel({ ...dense, experts }, { auxiliaryLoss: 0.5, routerZLoss: 0.1 })
    const p = model.initialize(device, { seed: 1 })
    const pass = model.forward(p, tokens(12, 2))
    const { loss, metrics } = pass.auxiliary!
    const values = Object.fromEntries(
      await Promise.all(Object.entries(metrics).map(async ([k, t]) => [k, await t.item()])),
    )
    // Both are sums over the two layers.
    expect(await loss.item()).toBeCloseTo(2 * (0.5 * values.expertBalance + 0.1 * values.routerZLoss), 5)
    expect(values.expertBalance).toBeGreaterThan(0.9)
    expect(values.expertLoad).toBeGreaterThanOrEqual(1)
    expect(values.expertLoad).toBeLessThanOrEqual(2)
    expect(values.routerEntropy).toBeLessThanOrEqual(Math.log(4) + 1e-6)
    const router = 'model.layers.1.mlp.gate.weight'
    const gradient = grad((q: Parameters) => model.forward(q, tokens(12, 2)).auxiliary!.loss)(p)
    expect(Math.max(...(await gradient[router].data()).map(Math.abs))).toBeGreaterThan(1e-4)
    const unweighted = decoderModel({ ...dense, experts }, { auxiliaryLoss: 0, routerZLoss: 0 })
    const losses = (m: typeof model) => m.forward(p, tokens(12)).losses(tokens(12)).data()
    expect(await losses(model)).toEqual(await losses(unweighted))
  })

  test('every parameter has the gradient of finite differences', async () => {
    const model = decoderModel({ ...dense, numHiddenLayers: 1, experts: { ...experts, normTopKProb: false } })
    const p = model.initialize(device, { seed: 3 })
    const loss = compile((q: Parameters) => {
      const pass = model.forward(q, tokens(9))
      return mean(pass.losses(tokens(9))).add(pass.auxiliary!.loss)
    })
    const analytic = grad((q: Parameters) => {
      const pass = model.forward(q, tokens(9))
      return mean(pass.losses(tokens(9))).add(pass.auxiliary!.loss)
    })(p)
    for (const name of ['gate', 'experts.gate_proj', 'experts.up_proj', 'experts.down_proj']) {
      const key = `model.layers.0.mlp.${name}.weight`
      const g = Float32Array.from(await analytic[key].data())
      const at = g.reduce((best, v, i) => (Math.abs(v) > Math.abs(g[best]) ? i : best), 0)
      const moved = async (by: number) => {
        const values = Float32Array.from(await p[key].data())
        values[at] += by
        return (await (await loss({ ...p, [key]: device.tensor(values, p[key].shape) })).item()) as number
      }
      const numeric = ((await moved(2e-3)) - (await moved(-2e-3))) / 4e-3
      expect(Math.abs(numeric - g[at]), key).toBeLessThan(2e-3 + 0.02 * Math.abs(g[at]))
    }
    loss.dispose()
  })
})

describe('upcycling', () => {
  test('plain copies give the dense model’s logits', async () => {
    const model = decoderModel(dense)
    const p = model.initialize(device, { seed: 5 })
    const made = await upcycle(device, dense, p, { numExperts: 4, numExpertsPerToken: 2 })
    const mixture = decoderModel(made.architecture)
    expect(Object.keys(made.parameters)).toEqual(mixture.parameters.map(({ name }) => name))
    const logits = async (m: typeof model, q: Parameters) => m.forward(q, tokens(10)).logits().data()
    expect(far(await logits(mixture, made.parameters), await logits(model, p))).toBeLessThan(1e-5)
    await expect(upcycle(device, made.architecture, p, { numExperts: 4, numExpertsPerToken: 2 })).rejects.toThrow(
      /upcycle: the model has experts already/,
    )
  })

  test('dropping draws a share of the inner width anew, with the statistics of what it was', async () => {
    const wide = { ...dense, intermediateSize: 400, numHiddenLayers: 1 }
    const p = decoderModel(wide).initialize(device, { seed: 5 })
    const { parameters } = await upcycle(device, wide, p, {
      numExperts: 3,
      numExpertsPerToken: 2,
      dropRatio: 0.25,
      seed: 9,
    })
    const block = 'model.layers.0.block_sparse_moe.experts'
    const of = async (name: string) => Float32Array.from(await parameters[`${block}.${name}.weight`].data())
    const before = await p['model.layers.0.mlp.gate_proj.weight'].data()
    const [gate, up, down] = [await of('w1'), await of('w3'), await of('w2')]
    const beforeUp = await p['model.layers.0.mlp.up_proj.weight'].data()
    const beforeDown = await p['model.layers.0.mlp.down_proj.weight'].data()
    const rows = [0, 1, 2].map((e) =>
      Array.from({ length: 400 }, (_, i) => i).filter((i) => gate[e * 6400 + i * 16] !== before[i * 16]),
    )
    for (const [e, dropped] of rows.entries()) {
      expect(dropped).toHaveLength(100)
      for (let i = 0; i < 400; i++) {
        const anew = dropped.includes(i)
        expect(up[e * 6400 + i * 16 + 3] !== beforeUp[i * 16 + 3]).toBe(anew)
        expect(down[e * 6400 + 5 * 400 + i] !== beforeDown[5 * 400 + i]).toBe(anew)
      }
      const spread = (values: number[]) => Math.sqrt(values.reduce((s, v) => s + v * v, 0) / values.length)
      const anew = dropped.flatMap((i) => [...gate.subarray(e * 6400 + i * 16, e * 6400 + i * 16 + 16)])
      const old = dropped.flatMap((i) => [...before.subarray(i * 16, i * 16 + 16)])
      expect(spread(anew) / spread(old)).toBeGreaterThan(0.9)
      expect(spread(anew) / spread(old)).toBeLessThan(1.1)
    }
    // Experts differ.
    expect(rows[0]).not.toEqual(rows[1])
  })
})
