/** Training of mixtures of experts, in float32 and 8 bits. */
import { decoderModel } from '@kumiki/models'
import { concatenate, type Device, grad, init, mul, slice, sum, type Tensor } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blockScaledGrouped, tensorScaledGrouped } from '../src/fp8/grouped.ts'
import { blockScaledLinear, tensorScaledLinear } from '../src/fp8/linear.ts'
import { bf16, fp8Current, fp8Hybrid, type PrecisionPolicy, type StepMetrics, Trainer } from '../src/index.ts'
import { documents, heldOut, tiny, tinyOptions } from './tiny.ts'

const experts = { numExperts: 4, numExpertsPerToken: 2, intermediateSize: 32, tensorNames: 'qwen3_moe' } as const
const model = decoderModel({ ...tiny, experts })

let device: Device
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 2 })
})
afterAll(() => device.dispose())

test('a mixture of experts learns, tells of its routers, and evaluates without what they add', async () => {
  const trainer = Trainer.create({ ...tinyOptions(device, { seed: 1, precision: bf16 }), model })
  const seen: StepMetrics[] = []
  for await (const metrics of trainer.run(40)) seen.push(metrics)
  expect(seen[39].loss).toBeLessThan(0.7 * seen[0].loss)
  const { expertLoad, routerEntropy, expertBalance, routerZLoss } = seen[39] as unknown as Record<string, number>
  expect(expertLoad).toBeGreaterThanOrEqual(1)
  expect(expertLoad).toBeLessThanOrEqual(2)
  expect(routerEntropy).toBeGreaterThan(0.8 * Math.log(4))
  expect(expertBalance).toBeGreaterThan(0.9)
  expect(routerZLoss).toBeGreaterThan(0)
  expect((await trainer.evaluate(heldOut(documents))).natsPerToken).toBeLessThan(1.1 * seen[39].loss)
  // Experts are stored narrow, with a float32 copy.
  expect(trainer.parameters['model.layers.0.mlp.experts.up_proj.weight'].dtype).toBe('bfloat16')
  trainer.dispose()
})

test('the loss that is reported is that of the text, in one part or two', async () => {
  const first = async (accumulation: number, precision = bf16) => {
    const trainer = Trainer.create({ ...tinyOptions(device, { seed: 1, accumulation, precision }), model })
    let loss = Number.NaN
    for await (const metrics of trainer.run(1)) loss = metrics.loss
    trainer.dispose()
    return loss
  }
  const whole = await first(1)
  expect(await first(2)).toBeCloseTo(whole, 5)
  expect(Math.abs((await first(1, fp8Current)) - whole)).toBeLessThan(0.05)
})

describe('experts on 8 bits', () => {
  const [rows, width, out, groups] = [[64, 32], 64, 32, 2]
  const values = (count: number, salt: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * salt) * 3)
  const inputs = () => ({
    x: device.tensor(values(96 * width, 1.7), [96, width]),
    w: device.tensor(values(groups * out * width, 0.9), [groups, out, width]),
    g: device.tensor(values(96 * out, 2.3), [96, out]),
    sizes: device.tensor(Int32Array.from(rows), [groups]),
  })
  type Rule = (x: Tensor, w: Tensor, probe: Tensor) => Tensor
  /** y, dx, dw and the largest magnitude of dy. */
  const passOf = async (rule: Rule) => {
    const { x, w, g } = inputs()
    const probe = device.tensor([4], [])
    const gradients = grad(({ x, w, probe }: { x: Tensor; w: Tensor; probe: Tensor }) => sum(mul(rule(x, w, probe), g)))
    const made = gradients({ x, w, probe })
    return Promise.all([rule(x, w, probe), made.x, made.w, made.probe].map(async (t) => [...(await t.data())]))
  }
  /** Each expert by the rule of dense layers. */
  const oneByOne =
    (dense: Rule): Rule =>
    (x, w, probe) =>
      concatenate(
        rows.map((count, e) =>
          dense(
            slice(x, [e * 64, 0], [count, width]),
            slice(w, [e, 0, 0], [1, out, width]).reshape([out, width]),
            probe,
          ),
        ),
      )
  const expectNear = (a: number[][], b: number[][]) =>
    a.slice(0, 3).forEach((list, k) => {
      for (const [i, value] of list.entries())
        expect(Math.abs(value - b[k][i])).toBeLessThan(1e-4 * (1 + Math.abs(value)))
    })

  test('with one scale: each expert is what a dense layer with these scales is', async () => {
    const attrs = { margin: 0, powerOfTwo: false, forward: 'float8_e4m3fn', backward: 'float8_e5m2' } as const
    const given = { ...attrs, gradientScale: 'given' } as const
    const scalesOf = (g: Tensor) => ({ x: device.tensor([30], []), w: device.tensor([50], []), g })
    const { sizes } = inputs()
    const grouped = await passOf((x, w, probe) => tensorScaledGrouped(x, w, sizes, scalesOf(probe), given))
    expectNear(grouped, await passOf(oneByOne((x, w, probe) => tensorScaledLinear(x, w, scalesOf(probe), given))))
    expect(grouped[3][0]).toBeCloseTo(Math.max(...values(96 * out, 2.3).map(Math.abs)), 5)
  })

  test('with scales of blocks', async () => {
    const rule = (block: readonly [number, number], format: 'float8_e4m3fn' | 'float8_e5m2') =>
      ({ block, format, scale: 'e8m0' }) as const
    const [row, column] = [[1, 32] as const, [32, 1] as const]
    const attrs = {
      forward: { x: rule(row, 'float8_e4m3fn'), w: rule(row, 'float8_e4m3fn') },
      input: { g: rule(row, 'float8_e5m2'), w: rule(column, 'float8_e4m3fn') },
      weight: { g: rule(column, 'float8_e5m2'), x: rule(column, 'float8_e4m3fn') },
    }
    const { sizes } = inputs()
    expectNear(
      await passOf((x, w, probe) => blockScaledGrouped(x, w, sizes, probe, attrs)),
      await passOf(oneByOne((x, w, probe) => blockScaledLinear(x, w, probe, attrs))),
    )
  })

  test('a policy takes them in, or leaves them out; they learn, and a run that goes on has the same bits', async () => {
    const trainerOf = (precision: PrecisionPolicy) =>
      Trainer.create({ ...tinyOptions(device, { seed: 1, precision }), model })
    const dense = {
      ...fp8Hybrid,
      fp8: { ...fp8Hybrid.fp8!, includes: ({ name }: { name: string }) => !/experts/.test(name) },
    }
    const losses = async (trainer: Trainer, steps: number) => {
      const seen: number[] = []
      for await (const { loss } of trainer.run(steps)) seen.push(loss)
      return seen
    }
    const [all, some, again] = [trainerOf(fp8Hybrid), trainerOf(dense), trainerOf(fp8Hybrid)]
    expect(all.scaling.scale!.size - some.scaling.scale!.size).toBe(3 * 3 * tiny.numHiddenLayers)
    const first = await losses(all, 6)
    const snapshot = await all.snapshot()
    const rest = await losses(all, 12)
    expect((await losses(some, 6))[5]).not.toBe(first[5])
    expect(rest[5]).toBeLessThan(first[0] - 0.1)
    await again.restore(snapshot)
    expect(await losses(again, 12)).toEqual(rest)
    for (const trainer of [all, some, again]) trainer.dispose()
  })
})
