/** Custom batch sources: asynchronous, ending, with documents. */
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bf16, Trainer, type TrainerOptions } from '../src/index.ts'
import { lossesOf, tinyOptions } from './tiny.ts'

let device: Device
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
})
afterAll(() => device.dispose())

const options = (extra: Partial<TrainerOptions> = {}): TrainerOptions => ({
  ...tinyOptions(device, { seed: 1, precision: bf16 }),
  ...extra,
})

test('may be asynchronous, and its state is in the checkpoint', async () => {
  const source = () => {
    let at = 0
    return {
      batchSize: 2,
      sequenceLength: 8,
      async next() {
        await new Promise((resolve) => setTimeout(resolve))
        const ids = (from: number) => Int32Array.from({ length: 16 }, (_, i) => 3 + ((from + i) % 40))
        at++
        return { done: false as const, value: { inputs: ids(at), targets: ids(at + 1) } }
      },
      state: () => ({ at }),
      restore: async (state: { at: number }) => {
        at = state.at
      },
    }
  }
  const whole = Trainer.create(options({ data: source() }))
  const losses = await lossesOf(whole, 6)
  const first = Trainer.create(options({ data: source() }))
  await lossesOf(first, 4)
  const snapshot = await first.snapshot()
  expect(snapshot.batches).toEqual({ at: 4 })
  const second = Trainer.create(options({ data: source() }))
  await second.restore(snapshot)
  expect(await lossesOf(second, 6)).toEqual(losses.slice(4))
  for (const t of [whole, first, second]) t.dispose()
})

test('that ends, or gives batches of another size, is told', async () => {
  const short = Trainer.create(tinyOptions(device, { epochs: 1, batchSize: 20 }))
  await expect(lossesOf(short, 100)).rejects.toThrow(/the data ended after step 2; train at most that many steps/)
  short.dispose()
  const { data, ...rest } = options()
  const wrong = {
    ...data,
    batchSize: 4,
    sequenceLength: 16,
    next: () => ({ done: false as const, value: { inputs: new Int32Array(3), targets: new Int32Array(64) } }),
  }
  const trainer = Trainer.create({ ...rest, data: wrong })
  await expect(lossesOf(trainer, 1)).rejects.toThrow(/inputs of a batch must have 4 x 16 = 64 elements, got 3/)
  trainer.dispose()
})

test('that numbers documents keeps them apart', async () => {
  const batch = (tokens: readonly number[], documents?: readonly number[]) => ({
    batchSize: 1,
    sequenceLength: 4,
    next: () => ({
      done: false as const,
      value: {
        inputs: Int32Array.from(tokens),
        // Only the second document counts.
        targets: Int32Array.of(-1, -1, 7, 8),
        ...(documents && { documents: Int32Array.from(documents) }),
      },
    }),
    state: () => ({}),
    restore: () => {},
  })
  const lossOf = async (data: TrainerOptions['data']) => {
    const trainer = Trainer.create({ ...tinyOptions(device, { seed: 1 }), data })
    const [loss] = await lossesOf(trainer, 1)
    trainer.dispose()
    return loss
  }
  const apart = [0, 0, 1, 1]
  expect(await lossOf(batch([3, 4, 5, 6], apart))).toBeCloseTo(await lossOf(batch([30, 40, 5, 6], apart)), 6)
  expect(await lossOf(batch([3, 4, 5, 6]))).not.toBeCloseTo(await lossOf(batch([30, 40, 5, 6])), 6)
})
