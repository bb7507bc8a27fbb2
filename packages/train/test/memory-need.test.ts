import { findModel, nano } from '@kumiki/models/configs'
import { adamw, constant } from '@kumiki/optim'
import { init } from '@kumiki/tensor'
import { expect, test } from 'vitest'
import { bf16, f32, Trainer } from '../src/index.ts'
import { checkTrainingMemory, estimateTrainingMemory } from '../src/node.ts'

const shape = (name: string) => ({
  architecture: findModel(name).architecture,
  precision: bf16,
  sequences: 8,
  sequenceLength: 128,
})

test('the estimate is near what a step takes', async () => {
  const device = await init({ backend: 'cpu', threads: 1 })
  const documents = [Int32Array.from({ length: 600 }, (_, i) => 3 + (i % 90))]
  for (const precision of [f32, bf16]) {
    const architecture = { ...nano, numHiddenLayers: 2 }
    const size = { architecture, precision, batchSize: 4, sequenceLength: 64 }
    const trainer = Trainer.create({
      device,
      documents,
      eosId: 2,
      optimizer: adamw(),
      schedule: constant(1e-3),
      ...size,
    })
    for await (const _ of trainer.run(1));
    const { totalBytes } = estimateTrainingMemory({ ...size, sequences: 4 })
    const ratio = totalBytes / trainer.memory().peakBytes
    expect(ratio, precision.name).toBeGreaterThan(0.7)
    expect(ratio, precision.name).toBeLessThan(1.2)
    trainer.dispose()
  }
  device.dispose()
})

test('what does not fit says how much it needs and what would fit', () => {
  const gib = 2 ** 30
  expect(() => checkTrainingMemory('nano', shape('nano'), 'cpu', gib)).not.toThrow()
  expect(() => checkTrainingMemory('large', shape('llm-jp-3-172b'), 'cpu', 64 * gib)).toThrow(
    /^large: training 17\d,\d+,\d+,\d+ parameters under bf16 takes about 2,\d+ GiB .*; the cpu device holds 4\.0 GiB at most \(this machine has 64 GiB\)\. The largest known model that would fit .* is llm-jp-3-150m; larger ones train on many GPUs/,
  )
  expect(() => checkTrainingMemory('large', shape('llm-jp-3-172b'), 'webgpu', 64 * gib)).toThrow(
    /the host needs .* of it .* and has 64 GiB/,
  )
  // The batch alone is too much.
  expect(() => checkTrainingMemory('wide', { ...shape('nano'), sequences: 4096 }, 'cpu', 64 * gib)).toThrow(
    /\d+ sequences at once would fit: a smaller batch/,
  )
})
