/** Gradient accumulation takes less memory than the whole batch, also with a large vocabulary. */
import { decoderModel } from '@kumiki/models'
import { adamw } from '@kumiki/optim'
import { init } from '@kumiki/tensor'
import { expect, test } from 'vitest'
import { f32, initialState, makeTrainStep } from '../src/index.ts'
import { tiny } from './tiny.ts'

test.each(['cpu', 'webgpu'] as const)('more micro-batches take no more memory on %s', async (backend) => {
  const device = await init({ backend, threads: backend === 'cpu' ? 1 : undefined })
  // 1,024 tokens of 33,000 classes: the logits of a micro-batch are computed in chunks of 16 MiB.
  const vocabSize = 33_000
  const model = decoderModel({ ...tiny, numHiddenLayers: 1, vocabSize, paddedVocabSize: vocabSize })
  const optimizer = adamw()
  const ids = () => device.tensor(new Int32Array(8 * 256), [8, 256])
  const peaks: number[] = []
  for (const accumulation of [1, 2, 4]) {
    const step = makeTrainStep({ model, optimizer, precision: f32, zLoss: 0, accumulation })
    const state = initialState(model.initialize(device), optimizer, f32)
    await step.prepare(state, { inputs: ids(), targets: ids() }, optimizer.scalars(1, 1e-3))
    // Masks of a chunk's logits are not stored for the next micro-batch.
    const results = step
      .explain()
      .split('\n')
      .flatMap((line) => line.split(' = ').slice(0, -1))
    expect(results.length).toBeGreaterThan(100)
    const sizes = results.flatMap((text) => [...text.matchAll(/int32\[(\d+), (\d+)\]/g)].map(([, m, n]) => 4 * +m * +n))
    expect(sizes.filter((bytes) => bytes >= 2 ** 20)).toEqual([])
    peaks.push(step.memory().temporaryBytes)
    step.dispose()
  }
  // Besides the gradients of a micro-batch there are the sums of those before it.
  const gradients = model.parameters.reduce((total, { shape }) => total + shape.reduce((a, b) => 4 * a * b, 1) / 4, 0)
  expect(peaks[1]).toBeLessThan(peaks[0] + 4 * gradients)
  expect(peaks[2]).toBeLessThan(peaks[0] + 4 * gradients)
  device.dispose()
})
