/** Generation on WebGPU and on the CPU gives the same ids, also beyond the context length. */
import { init } from '@kumiki/tensor'
import { expect, test } from 'vitest'
import { decoderModel, Generator, nano } from '../src/index.ts'

// Shaders of every shape take a software adapter seconds to compile.
test('the ids generated on WebGPU are those of the processor, beyond the context too', async () => {
  const architecture = {
    ...nano,
    hiddenSize: 32,
    intermediateSize: 64,
    numHiddenLayers: 2,
    numKeyValueHeads: 2,
    headDim: 8,
    vocabSize: 50,
    paddedVocabSize: 50,
    maxPositionEmbeddings: 16,
    initializerRange: 0.3,
  }
  const model = decoderModel(architecture)
  const generated: number[][] = []
  for (const backend of ['cpu', 'webgpu'] as const) {
    const device = await init({ backend })
    const generator = new Generator(device, model, model.initialize(device, { seed: 3 }))
    const ids: number[] = []
    for await (const id of generator.generate([3, 10, 17, 24, 31, 38], 20, { temperature: 0 })) ids.push(id)
    generated.push(ids)
    generator.dispose()
    device.dispose()
  }
  expect(generated[1]).toEqual(generated[0])
  expect(new Set(generated[0]).size).toBeGreaterThan(3)
})
