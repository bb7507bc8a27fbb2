/** Second derivatives: every op against finite differences of its gradient, and against PyTorch's double backward. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ReferenceBackend } from '../src/backends/reference/reference-backend.ts'
import { Device } from '../src/device.ts'
import { isFloat } from '../src/dtype.ts'
import * as k from '../src/index.ts'
import { apply, type Tensor } from '../src/tensor.ts'
import { pullBack } from '../src/transforms/vjp.ts'
import { nameOf, random, valuesOf } from './conformance-cases.ts'
import { opTable } from './op-table.ts'

const double = new Device(new ReferenceBackend({ double: true }))
afterAll(() => double.dispose())

/** A tensor whose values the double-precision reference keeps exactly. */
function exact(values: Float64Array, shape: readonly number[], dtype: k.DType = 'float32'): Tensor {
  const t = double.tensor(values, shape, dtype)
  if (dtype === 'float32') (double.bufferOf(t.value.storage!) as { exact?: Float64Array }).exact = values.slice()
  return t
}

async function valuesOfTensor(t: Tensor): Promise<Float64Array> {
  const owned = t.device ? t : t.add(double.tensor(0))
  await owned.evaluate()
  return (double.backend as ReferenceBackend).exactValues(owned.value.storage!.buffer!)!
}

/** Every float output times fixed random weights, summed. */
function weighted(outs: readonly (Tensor | undefined)[], seed: number): Tensor | undefined {
  const next = random(seed)
  const terms = outs.flatMap((o) =>
    o && isFloat(o.dtype)
      ? [
          o
            .mul(
              exact(
                Float64Array.from({ length: o.size }, () => next() - 0.5),
                o.shape,
              ),
            )
            .sum(),
        ]
      : [],
  )
  return terms.length ? terms.reduce((a, b) => a.add(b)) : undefined
}

const cases = opTable.flatMap((op) =>
  (op.samples ?? []).flatMap((sample) => {
    const size = sample.inputs.reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0)
    const fits = sample.differentiable !== false && size > 0 && size <= 800
    return fits && (op.gradient || op.definition) ? [{ op, sample, name: nameOf(op, sample) }] : []
  }),
)

test('every op with a gradient is there, but those that have none of its own or are part of another', () => {
  const tried = new Set(cases.map(({ op }) => op))
  const left = opTable.filter((op) => (op.gradient || op.definition) && !tried.has(op)).map((op) => op.name)
  expect(left.sort()).toEqual(
    (
      'less lessEqual equal notEqual sign floor bitcast bitwiseAnd bitwiseOr bitwiseXor shiftLeft shiftRight cast barrier stopGradient argMax ' +
      'rmsNormGradient attentionGradient linearCrossEntropyGradient'
    )
      .split(' ')
      .sort(),
  )
})

describe('the gradient of a weighted sum of gradients, by finite differences', () => {
  test.each(cases)('$name', async ({ op, sample }) => {
    const values = valuesOf(sample, 17)
    const inner = (v: readonly Float64Array[]) => {
      const ins = v.map((x, i) => exact(x, sample.inputs[i].shape, sample.inputs[i].dtype))
      const out = weighted(apply(op, ins, sample.attrs ?? {}), 99)!
      const floats = ins.filter((t) => isFloat(t.dtype))
      return { ins, loss: weighted(pullBack([out], [double.tensor(1)], floats, double), 7) }
    }
    const { ins, loss } = inner(values)
    if (!loss) return
    const grads = pullBack([loss], [double.tensor(1)], ins, double)
    const h = 1e-5
    const pick = random(5)
    for (const [i, x] of ins.entries()) {
      if (!isFloat(x.dtype)) continue
      const analytic = grads[i] && (await valuesOfTensor(grads[i]))
      for (let c = 0; c < Math.min(x.size, 2); c++) {
        const at = Math.floor(pick() * x.size)
        const moved = async (d: number) =>
          (
            await valuesOfTensor(
              inner(values.map((y, k) => (k === i ? y.map((z, j) => (j === at ? z + d : z)) : y))).loss!,
            )
          )[0]
        const numeric = ((await moved(h)) - (await moved(-h))) / (2 * h)
        expect(
          Math.abs(numeric - (analytic?.[at] ?? 0)),
          `input ${i}[${at}]: numeric ${numeric}, analytic ${analytic?.[at]}`,
        ).toBeLessThan(3e-4 * Math.max(1, Math.abs(numeric)))
      }
    }
  })
})

interface Vectors {
  readonly cases: Record<string, { shapes: number[][]; first: number[][]; second: number[][] }>
}
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../vectors/second-derivatives.json', import.meta.url), 'utf8'),
)

const operations: Record<string, (device: Device, ...xs: Tensor[]) => Tensor> = {
  rmsNorm: (_, x, w) => k.rmsNorm(x, w),
  crossEntropy: (d, x) => k.crossEntropy(x, d.tensor(Int32Array.of(1, 3)), { zLoss: 0.1 }),
  linearCrossEntropy: (d, x, w) => k.linearCrossEntropy(x, w, d.tensor(Int32Array.of(1, 3)), { zLoss: 0.05, chunk: 2 }),
  attention: (_, q, key, v) => k.attention(q, key, v),
  softmax: (_, x) => k.softmax(x),
  logSoftmax: (_, x) => k.logSoftmax(x),
  logSumExp: (_, x) => k.logSumExp(x),
  silu: (_, x) => k.silu(x),
  swiglu: (_, a, b) => k.swiglu(a, b),
  max: (_, x) => k.square(k.max(x, -1)),
  topK: (_, x) => k.square(k.topK(x, 2).values),
}

describe("PyTorch's double backward", () => {
  const devices: Device[] = []
  beforeAll(async () => {
    for (const backend of ['reference', 'cpu', 'webgpu'] as const) devices.push(await k.init({ backend }))
  })
  afterAll(() => {
    for (const d of devices) d.dispose()
  })

  test('has every case', () => expect(Object.keys(operations).sort()).toEqual(Object.keys(vectors.cases).sort()))

  test.each(Object.entries(vectors.cases))('%s', async (name, { shapes, first, second }) => {
    for (const device of devices) {
      const wave = (shape: readonly number[], step: number) =>
        device.tensor(
          Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1 + i * step)),
          shape,
        )
      const inner = (xs: Tensor[]) => {
        const y = operations[name](device, ...xs)
        return y.mul(wave(y.shape, 0.7)).sum()
      }
      const xs = shapes.map((s, i) => wave(s, 2 * i + 1))
      const gradient = k.grad(inner)
      const twice = k.grad((xs: Tensor[]) =>
        gradient(xs)
          .map((g, i) => g.mul(wave(g.shape, 0.3 + i)).sum())
          .reduce((a, b) => a.add(b)),
      )
      const results = [gradient(xs), twice(xs)].map((gs) => gs.map((g) => (g.device ? g : g.add(device.tensor(0)))))
      await device.evaluate(results)
      for (const [what, got, want] of [
        ['first', results[0], first],
        ['second', results[1], second],
      ] as const) {
        for (const [i, g] of got.entries()) {
          const values = await g.data()
          const scale = Math.max(1, ...want[i].map(Math.abs))
          for (const [j, w] of want[i].entries())
            if (!(Math.abs(values[j] - w) <= 2e-5 * scale))
              throw new Error(`${device.kind}: ${what}, input ${i}[${j}]: ${values[j]}, PyTorch has ${w}`)
        }
      }
    }
  })
})
