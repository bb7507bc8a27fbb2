/** A loss over a vocabulary and its gradient, by rows: values, memory, and that the logits are computed once. */
import { afterEach, describe, expect, test } from 'vitest'
import {
  compile,
  crossEntropy,
  type Device,
  init,
  linearCrossEntropy,
  matmul,
  type Tensor,
  valueAndGrad,
} from '../src/index.ts'

const wave = (n: number, f: number) => Float32Array.from({ length: n }, (_, i) => 2 * Math.sin(i * f))

describe.each(['cpu', 'webgpu'] as const)('linearCrossEntropy on %s', (backend) => {
  let device: Device
  afterEach(() => device.dispose())

  const [tokens, vocabulary, hidden] = [70, 330, 24]
  const inputs = () => [
    device.tensor(wave(tokens * hidden, 0.37), [tokens, hidden]),
    device.tensor(wave(vocabulary * hidden, 0.11), [vocabulary, hidden]),
  ]
  /** Ignored tokens among them. */
  const ids = (outside = -1) => {
    const all = Int32Array.from({ length: tokens }, (_, i) => (i % 9 === 4 ? -1 : (i * 97) % vocabulary))
    if (outside >= 0) all[outside] = vocabulary
    return device.tensor(all, [tokens])
  }
  type Reduce = (losses: Tensor) => Tensor
  const whole = (reduce: Reduce, zLoss: number) => (targets: Tensor) => (p: Tensor[]) =>
    reduce(crossEntropy(matmul(p[0], p[1].swapAxes(0, 1)), targets, { zLoss }))
  const inRows = (reduce: Reduce, zLoss: number, chunk: number) => (targets: Tensor) => (p: Tensor[]) =>
    reduce(linearCrossEntropy(p[0], p[1], targets, { zLoss, chunk }))
  const results = async (loss: (targets: Tensor) => (p: Tensor[]) => Tensor, targets: Tensor) => {
    const f = compile((p: Tensor[], t: Tensor) => valueAndGrad(loss(t))(p))
    const { value, grads } = await f(inputs(), targets)
    return { text: f.explain(), all: await Promise.all([value, ...grads].map((t) => t.data())) }
  }
  const mean: Reduce = (losses) => losses.mean()
  /** Its gradient depends on the loss, so the loss is computed before. */
  const ofSquares: Reduce = (losses) => losses.square().mean()

  test.each([
    ['mean, one chunk', mean, 0, vocabulary],
    ['mean', mean, 0, 120],
    ['mean with z-loss, few rows at a time', mean, 1e-2, 15],
    ['squares', ofSquares, 0, 120],
    ['squares with z-loss', ofSquares, 1e-2, 120],
  ] as const)('%s: as the loss of all logits', async (_, reduce, zLoss, chunk) => {
    device = await init({ backend })
    const wanted = await results(whole(reduce, zLoss), ids())
    const got = await results(inRows(reduce, zLoss, chunk), ids())
    for (const [k, values] of got.all.entries()) {
      const scale = Math.max(...wanted.all[k].map(Math.abs))
      for (const [i, value] of values.entries()) expect(Math.abs(value - wanted.all[k][i])).toBeLessThan(3e-6 * scale)
    }
  })

  test('logits are computed once for the loss and its gradient', async () => {
    device = await init({ backend })
    const products = (text: string) => text.split('\n').filter((line) => /= matmul/.test(line)).length
    const rows = 25 // 70 rows in three parts
    const chunk = Math.ceil((rows * vocabulary) / tokens)
    expect(products((await results(inRows(mean, 0, chunk), ids())).text)).toBe(9)
    // The loss by columns, and then the gradient.
    expect(products((await results(inRows(ofSquares, 0, chunk), ids())).text)).toBe(Math.ceil(vocabulary / chunk) + 9)
  })

  test('a target outside the vocabulary gives NaN, in the gradient too', async () => {
    device = await init({ backend })
    const { all } = await results(inRows(mean, 0, 120), ids(33))
    expect(all[0][0]).toBeNaN()
    const dx = all[1]
    expect(dx.slice(33 * hidden, 34 * hidden).every(Number.isNaN)).toBe(true)
    expect(dx.slice(0, 33 * hidden).every(Number.isFinite)).toBe(true)
  })

  test('no tokens', async () => {
    device = await init({ backend })
    const empty = [device.tensor([], [0, 4]), device.tensor(wave(12, 1), [3, 4])]
    const none = device.tensor(new Int32Array(0), [0])
    const { value, grads } = valueAndGrad((p: Tensor[]) => linearCrossEntropy(p[0], p[1], none, { chunk: 2 }).sum())(
      empty,
    )
    expect(await value.item()).toBe(0)
    expect(Array.from(await grads[1].data())).toEqual(new Array(12).fill(0))
  })

  test('in training, memory for the logits of half as many tokens as the hidden size', async () => {
    device = await init({ backend })
    const [t, v, h] = [4096, 50_000, 512]
    const step = compile(
      (w: Tensor, x: Tensor, targets: Tensor) => {
        const { value, grads } = valueAndGrad((p: Tensor) => linearCrossEntropy(x, p, targets).mean())(w)
        return { value, w: w.sub(grads) }
      },
      { donate: [0] },
    )
    const zeros = (...shape: number[]) => device.tensor(new Float32Array(shape[0] * shape[1]), shape)
    await step.prepare(zeros(v, h), zeros(t, h), device.tensor(new Int32Array(t), [t]))
    const matrix = v * h * 4
    // The logits, the gradient, and what a product packs at a time; all logits are eight matrices.
    expect(step.memory().temporaryBytes).toBeLessThan(2.6 * matrix)
  })
})
