/** Training steps in bfloat16 and 8 bits, each load and store of the CPU kernels held to the memory of its step. */
import { batches } from '@kumiki/data'
import { decoderModel, nano } from '@kumiki/models'
import { adamw, chain, clipGlobalNorm, constant } from '@kumiki/optim'
import { expect, test } from 'vitest'
import { BoundedDevice } from '../../tensor/test/bounded-device.ts'
import * as train from '../src/index.ts'

const { bf16, bf16Pure, exceptFirstAndLastBlocks, fp8Hybrid, mxfp8, Trainer } = train
const delayed: train.PrecisionPolicy = {
  ...bf16,
  name: 'fp8 inside',
  fp8: {
    scaling: { kind: 'delayed', historyLength: 16, margin: 1 },
    forward: 'float8_e4m3fn',
    backward: 'float8_e5m2',
    includes: exceptFirstAndLastBlocks(1),
  },
}
const small = {
  ...{ hiddenSize: 128, intermediateSize: 160, numHiddenLayers: 3, numAttentionHeads: 4, numKeyValueHeads: 2 },
  ...{ vocabSize: 100, paddedVocabSize: 100 },
}
const documents = Array.from({ length: 50 }, (_, d) => Int32Array.from({ length: 40 }, (_, i) => 3 + ((d + i) % 90)))

// Blocks of 32 tokens must be whole.
test.each([
  ...[bf16, bf16Pure, fp8Hybrid, delayed].map((precision) => ({ precision, sizes: [32, 9] })),
  { precision: mxfp8, sizes: [32, 96] },
])('$precision.name', async ({ precision, sizes }) => {
  using bounded = await BoundedDevice.create()
  const { device } = bounded
  // Nine tokens leave parts of tiles.
  for (const sequenceLength of sizes) {
    const trainer = Trainer.create({
      device,
      model: decoderModel({ ...nano, ...small }),
      data: batches({ documents, eosId: 2, batchSize: 1, sequenceLength }),
      optimizer: chain(clipGlobalNorm(1), adamw()),
      schedule: constant(3e-3),
      precision,
    })
    for await (const { loss } of trainer.run(2)) expect(loss).toBeGreaterThan(0)
    trainer.dispose()
  }
  expect(bounded.accesses).toBeGreaterThan(1e6)
  expect([...bounded.problems]).toEqual([])
})
