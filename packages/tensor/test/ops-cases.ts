/** Operations by name with results of PyTorch (vectors/make_ops.py). */
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { isFloat } from '../src/dtype.ts'
import type { Tensor } from '../src/index.ts'
import * as k from '../src/index.ts'
import { pullBack } from '../src/transforms/vjp.ts'

type Numbers = readonly (number | string)[]
interface Input {
  readonly shape: readonly number[]
  readonly low?: number
  readonly high?: number
  readonly data?: Numbers
  readonly ints?: readonly number[]
}
export interface OpCase {
  readonly name: string
  readonly inputs: readonly Input[]
  readonly results: readonly { shape: readonly number[]; data: Numbers }[]
  readonly first?: readonly Numbers[]
  readonly second?: readonly Numbers[]
}
/** Operations by name with PyTorch's answers (vectors/make_ops.py). */
export const opCases = (
  JSON.parse(readFileSync(new URL('../vectors/ops.json', import.meta.url), 'utf8')) as { cases: readonly OpCase[] }
).cases.map((c, i) => ({ ...c, title: `${c.name} (${i})` }))

/** By the first word of a case: what is called, with the other words. */
const calls: Record<string, (x: readonly Tensor[], rest: readonly string[]) => Tensor | readonly Tensor[]> = {
  gelu: ([x], [form]) => k.gelu(x, form === 'tanh' ? 'tanh' : 'none'),
  leakyRelu: ([x]) => k.leakyRelu(x, 0.1),
  clamp: ([x], [form]) => (form === 'low' ? k.clamp(x, 0) : x.clamp(-0.5, 1)),
  pow: ([a, b], [power]) => (b ? k.pow(a, b) : a.pow(Number(power))),
  nanToNum: ([x]) => k.nanToNum(x, 0.5),
  min: ([x], [form]) => (form === 'all' ? k.min(x) : k.min(x, -1)),
  argMin: ([x], [form]) => k.argMin(x, form === 'special' ? -1 : 0),
  argMax: ([x]) => k.argMax(x, 0),
  prod: ([x], [form]) => (form === 'all' ? k.prod(x) : k.prod(x, 1)),
  any: ([x]) => k.any(x, 1),
  all: ([x]) => k.all(x, 1),
  variance: ([x], [form]) =>
    form === 'all' ? x.variance() : form === '0' ? x.variance([0, 1], true, 0) : x.variance(1),
  std: ([x]) => k.std(x, 0),
  norm: ([x], [p]) => k.norm(x, p === undefined || p === 'zero' ? { axes: 1 } : { p: numberOf(p), axes: -1 }),
  softmax: ([x], [axis]) => k.softmax(x, Number(axis)),
  logSoftmax: ([x], [axis]) => k.logSoftmax(x, Number(axis)),
  logSumExp: ([x], [axis, more]) => (more ? k.logSumExp(x, [0, 2], true) : k.logSumExp(x, Number(axis))),
  cumsum: ([x], [form]) => (form === 'reverse' ? x.cumsum(0, true) : x.cumsum()),
  sort: ([x], [form]) => (form === '0' ? k.sort(x, 0, true).values : k.sort(x).values),
  argSort: ([x], [form]) => k.argSort(x, -1, form === 'descending'),
  gather: ([x, ids]) => k.gather(x, ids, 1),
  scatterAdd: ([x, ids, s]) => k.scatterAdd(x, ids, s, 1),
  scatter: ([x, ids, s]) => k.scatter(x, ids, s, 1),
  oneHot: ([ids]) => k.oneHot(ids, 4),
  stack: (list) => k.stack(list, 1),
  split: ([x], [form]) => k.split(x, form === 'sizes' ? [1, 3, 1] : 2, 1),
  squeeze: ([x], [axis]) => (axis ? x.squeeze(Number(axis)) : x.squeeze()),
  expandDims: ([x]) => x.expandDims(-1),
  pad: ([x], [mode]) =>
    mode
      ? k.pad(x, [[0, 0], [2, 1]], mode as k.PadMode) // biome-ignore format: one line a case
      : k.pad(x, [[0, 1], [1, 2]], 'constant', 0.5), // biome-ignore format: one line a case
  tril: ([x], [diagonal]) => k.tril(x, Number(diagonal ?? 0)),
  triu: ([x], [form]) => k.triu(x, form === 'special' ? 1 : 0),
  roll: ([x], [form]) => (form === 'back' ? k.roll(x, -7) : k.roll(x, 2)),
  repeat: ([x]) => k.repeat(x, 2, 1),
  tile: ([x]) => k.tile(x, [2, 1, 3]),
  meshgrid: (list) => k.meshgrid(list),
  eye: () => k.eye(3, 4),
  linspace: () => k.linspace(-1, 2, 7),
  ones: () => k.ones([2, 3]),
  einsum: (list, [equation]) => k.einsum(equation, ...list),
  layerNorm: ([x, a, b]) => k.layerNorm(x, a, b),
  groupNorm: ([x, a, b]) => k.groupNorm(x, 2, a, b),
  batchNorm: ([x, a, b], [form]) =>
    form === 'kept' ? k.batchNorm(x, { mean: a, variance: b }) : k.batchNorm(x, { weight: a, bias: b }),
  conv1d: ([x, w, b], [form]) =>
    form ? k.conv1d(x, w, undefined, { stride: 2, dilation: 2, groups: 2 }) : k.conv1d(x, w, b, { padding: 1 }),
  conv2d: ([x, w]) => k.conv2d(x, w, undefined, { padding: [1, 0], stride: [2, 1] }),
  maxPool1d: ([x]) => k.maxPool1d(x, 3, { stride: 2 }),
  maxPool2d: ([x]) => k.maxPool2d(x, 2, { padding: 1 }),
  avgPool1d: ([x]) => k.avgPool1d(x, 3, { stride: 1, padding: 1 }),
  avgPool2d: ([x]) => k.avgPool2d(x, [2, 3]),
  nllLoss: ([x, ids]) => k.nllLoss(k.logSoftmax(x), ids),
  stopGradient: ([x]) => k.mul(x, x.stopGradient()),
}
const numberOf = (text: string) => Number(text.replace('inf', 'Infinity'))
const operations = k as unknown as Record<string, (...xs: Tensor[]) => Tensor>

const wave = (n: number, by: number) => Array.from({ length: n }, (_, i) => Math.sin(1 + i * by))
const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)

function inputsOn(device: k.Device, inputs: readonly Input[]): Tensor[] {
  return inputs.map(({ shape, low = 0, high = 0, data, ints }, i) => {
    if (ints) return device.tensor(Int32Array.from(ints), shape)
    const values = data?.map(Number) ?? wave(sizeOf(shape), 2 * i + 1).map((x) => low + ((high - low) * (x + 1)) / 2)
    return device.tensor(values, shape)
  })
}

function weighted(outs: readonly (Tensor | undefined)[], first: number, device: k.Device): Tensor {
  const terms = outs.flatMap((o, i) =>
    o && isFloat(o.dtype) ? [k.sum(k.mul(o, device.tensor(wave(o.size, first + i), o.shape)))] : [],
  )
  return terms.reduce((a, b) => k.add(a, b), device.tensor(0))
}

/** Results, gradients (order 1) and gradients of gradients (order 2) of a case on a device. */
export async function expectPyTorch(c: OpCase, device: k.Device, order: 0 | 1 | 2): Promise<void> {
  const [word, ...rest] = c.name.split(/ (?!->)/)
  const call = calls[word] ?? ((xs) => operations[word](...xs))
  const xs = inputsOn(device, c.inputs)
  const results = [call(xs, rest)].flat() as Tensor[]
  const floats = xs.filter((x) => isFloat(x.dtype))
  const pull = (loss: Tensor) => pullBack([loss], [device.tensor(1)], floats, device)
  const first = c.first && order > 0 ? pull(weighted(results, 0.7, device)) : []
  const second = c.second && order > 1 ? pull(weighted(first, 0.3, device)) : []
  const here = (list: readonly (Tensor | undefined)[]) =>
    list
      .map((t, i) => t ?? k.zeros(floats[i].shape))
      .map((t) => (t.device ? t : k.add(t, device.tensor(0, [], t.dtype))))
  const made = [here(results), here(first), here(second)]
  await device.evaluate(made.flat())
  const all = [c.results.map((r) => r.data), c.first ?? [], c.second ?? []]
  for (const [i, want] of c.results.entries()) expect(results[i].shape, `shape of result ${i}`).toEqual(want.shape)
  for (const [n, list] of made.entries())
    for (const [i, t] of list.entries())
      close(
        `${device.kind}: ${['result', 'gradient', 'second gradient'][n]} ${i}`,
        await t.data(),
        all[n][i],
        [2e-6, 1e-5, 5e-5][n],
      )
}

function close(what: string, actual: ArrayLike<number>, expected: Numbers, tolerance: number): void {
  const want = expected.map(Number)
  expect(actual.length, what).toBe(want.length)
  const scale = Math.max(1, ...want.filter(Number.isFinite).map(Math.abs))
  const wrong = want.findIndex((w, i) => !(Object.is(actual[i], w) || Math.abs(actual[i] - w) <= tolerance * scale))
  if (wrong >= 0) throw new Error(`${what}, element ${wrong}: ${actual[wrong]}, PyTorch has ${want[wrong]}`)
}
