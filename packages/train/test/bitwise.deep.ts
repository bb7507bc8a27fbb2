/**
 * Two runs on one adapter give the same bits; a run moved to the other backend agrees to rounding (docs/training.md).
 */
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Trainer } from '../src/index.ts'
import { expectEqualStates, lossesOf, tinyOptions } from './tiny.ts'

let cpu: Device
let gpu: Device
beforeAll(async () => {
  cpu = await init({ backend: 'cpu', threads: 1 })
  gpu = await init({ backend: 'webgpu' })
})
afterAll(() => {
  cpu.dispose()
  gpu.dispose()
})

test('two runs on one adapter give the same bits, and a run goes over to the other backend and back', async () => {
  const made = (on: Device) => Trainer.create(tinyOptions(on, { seed: 1 }))
  const [one, two, onCpu] = [made(gpu), made(gpu), made(cpu)]
  const losses = await lossesOf(one, 4)
  expect(await lossesOf(two, 4)).toEqual(losses)
  await expectEqualStates(one, two)
  await onCpu.restore(await one.snapshot())
  const [there, here] = [await lossesOf(onCpu, 6), await lossesOf(one, 6)]
  for (const [i, loss] of there.entries()) expect(Math.abs(loss - here[i])).toBeLessThan(1e-4)
  await two.restore(await onCpu.snapshot())
  const [back, stayed] = [await lossesOf(two, 8), await lossesOf(onCpu, 8)]
  for (const [i, loss] of back.entries()) expect(Math.abs(loss - stayed[i])).toBeLessThan(1e-4)
  for (const trainer of [one, two, onCpu]) trainer.dispose()
})
