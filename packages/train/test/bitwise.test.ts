/**
 * What docs/training.md promises bit for bit. Resuming is tested in trainer.test.ts, run.test.ts and
 * packages/kumiki/test/kills.deep.ts.
 */
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bf16, f32, Trainer } from '../src/index.ts'
import { documents, expectEqualStates, heldOut, lossesOf, type TinyRun, tinyOptions } from './tiny.ts'

let device: Device
let threaded: Device
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
  threaded = await init({ backend: 'cpu', threads: 2 })
})
afterAll(() => {
  device.dispose()
  threaded.dispose()
})

const made = (on: Device, options: TinyRun = {}) => Trainer.create(tinyOptions(on, { seed: 1, ...options }))

describe.each([f32, bf16])('under $name', (precision) => {
  test('the number of threads changes no bit', async () => {
    const [one, two] = [made(device, { precision }), made(threaded, { precision })]
    expect(await lossesOf(two, 6)).toEqual(await lossesOf(one, 6))
    await expectEqualStates(one, two)
    one.dispose()
    two.dispose()
  })

  test('evaluation is the same for any batch size', async () => {
    const text = heldOut(documents)
    const nats: number[] = []
    for (const batchSize of [1, 3, 4, 8]) {
      const trainer = made(device, { precision, batchSize })
      nats.push((await trainer.evaluate(text)).nats)
      trainer.dispose()
    }
    expect(new Set(nats).size).toBe(1)
  })
})

test('the same accumulation gives the same bits; another is the same to rounding', async () => {
  const of = async (accumulation: number) => {
    const trainer = made(device, { accumulation })
    const losses = await lossesOf(trainer, 4)
    trainer.dispose()
    return losses
  }
  const [whole, halves, again, quarters] = [await of(1), await of(2), await of(2), await of(4)]
  expect(again).toEqual(halves)
  for (const other of [halves, quarters])
    for (const [i, loss] of other.entries()) expect(Math.abs(loss - whole[i])).toBeLessThan(1e-5)
})

test('a resume with other threads gives the same bits; with another split or precision the same run to rounding', async () => {
  const begun = made(device)
  await lossesOf(begun, 3)
  const snapshot = await begun.snapshot()
  const rest = await lossesOf(begun, 6)
  const goOn = async (on: Device, options: TinyRun = {}) => {
    const trainer = made(on, options)
    await trainer.restore(snapshot)
    const losses = await lossesOf(trainer, 6)
    trainer.dispose()
    return losses
  }
  expect(await goOn(threaded)).toEqual(rest)
  for (const [options, tolerance] of [
    [{ accumulation: 2 }, 1e-5],
    [{ precision: bf16 }, 2e-2],
  ] as const)
    for (const [i, loss] of (await goOn(device, options)).entries())
      expect(Math.abs(loss - rest[i])).toBeLessThan(tolerance)
  begun.dispose()
})
