import { decoderModel } from '@kumiki/models'
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bf16, fp8Current, type StepMetrics, Trainer } from '../src/index.ts'
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
  // Attention runs on 8 bits, experts as activations are stored.
  expect(Math.abs((await first(1, fp8Current)) - whole)).toBeLessThan(0.05)
})
