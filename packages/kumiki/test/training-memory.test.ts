/** The memory check before training starts. */
import { decoderModel } from '@kumiki/models'
import { findModel } from '@kumiki/models/configs'
import { adamw, chain, clipGlobalNorm } from '@kumiki/optim'
import { estimateLocalMemory, fromArchitecture } from '@kumiki/planner'
import { init } from '@kumiki/tensor'
import { bf16, findPrecision, initialState, makeTrainStep, precisions } from '@kumiki/train'
import { expect, test } from 'vitest'
import { checkTrainingMemory } from '../src/train/training-memory.ts'

const run = (name: string, more = {}) => ({
  architecture: findModel(name).architecture,
  precision: bf16,
  batchSize: 8,
  accumulation: 1,
  sequenceLength: 128,
  ...more,
})
const gib = 2 ** 30

test('what fits passes, under every policy', () => {
  for (const name of Object.keys(precisions))
    expect(
      () => checkTrainingMemory('nano', run('nano', { precision: findPrecision(name) }), 'cpu', gib),
      name,
    ).not.toThrow()
})

test.each([
  ['a small vocabulary', {}, 'f32'],
  ['a small vocabulary', {}, 'bf16'],
  ['a large vocabulary', { vocabSize: 40_000, paddedVocabSize: 40_000 }, 'f32'],
  ['a large vocabulary', { vocabSize: 40_000, paddedVocabSize: 40_000 }, 'bf16'],
] as const)('the estimate is the memory of the compiled step: %s %o, %s', async (_, change, name) => {
  const architecture = { ...findModel('nano').architecture, ...change }
  const precision = findPrecision(name)
  const device = await init({ backend: 'cpu', threads: 1 })
  const model = decoderModel(architecture)
  const optimizer = chain(clipGlobalNorm(1), adamw())
  const step = makeTrainStep({ model, optimizer, precision, zLoss: 0, accumulation: 1 })
  const tokens = () => device.tensor(new Int32Array(8 * 128), [8, 128])
  const state = initialState(model.initialize(device), optimizer, precision)
  await step.prepare(state, { inputs: tokens(), targets: tokens() }, optimizer.scalars(1, 1e-3))
  const { peakBytes } = step.memory()
  device.dispose()
  const estimated = estimateLocalMemory(fromArchitecture(architecture), {
    ...{ batch: 8, sequence: 128, positions: architecture.maxPositionEmbeddings, precision: name, device: 'cpu' },
  } as const)
  expect(Math.abs(estimated.total / peakBytes - 1)).toBeLessThan(0.05)
})

test('what does not fit says how much it needs and what would fit', () => {
  expect(() => checkTrainingMemory('large', run('llm-jp-3-172b'), 'cpu', 64 * gib, 4 * gib)).toThrow(
    /^large: training 17\d,\d+,\d+,\d+ parameters in bf16 takes about \d,\d+ GiB; the cpu device is limited to 4\.0 GiB \(this machine has 64 GiB\)\. --preset llm-jp-3-150m is the largest known model that would fit; larger ones train on many GPUs: see kumiki plan$/,
  )
  expect(() => checkTrainingMemory('large', run('llm-jp-3-172b'), 'webgpu', 64 * gib)).toThrow(
    /the host needs [\d,]+ GiB for float32 copies but has 64 GiB/,
  )
  expect(() => checkTrainingMemory('small', run('llm-jp-3-150m'), 'cpu', 2 * gib)).toThrow(/this machine has 2\.0 GiB/)
  // What 64-bit addresses would hold.
  expect(() => checkTrainingMemory('middle', run('llm-jp-3-440m'), 'cpu', 64 * gib, 4 * gib)).toThrow(
    /; the cpu device is limited to 4\.0 GiB in this runtime, to 16 GiB in Node 24 and newer \(this machine has 64 GiB\)/,
  )
  expect(() => checkTrainingMemory('middle', run('llm-jp-3-440m'), 'cpu', 64 * gib, 16 * gib)).not.toThrow()
  // The batch alone is too much.
  expect(() => checkTrainingMemory('wide', run('nano', { batchSize: 2048 }), 'cpu', 64 * gib, 4 * gib)).toThrow(
    /The batch fits with gradient accumulation: --accumulation \d+/,
  )
})
