/** What a training state takes, and the refusal of one that the device cannot address. */
import { decoderModel } from '@kumiki/models'
import { adamw } from '@kumiki/optim'
import { bytesPerElement, init, tensorsOf } from '@kumiki/tensor'
import { expect, test } from 'vitest'
import { findPrecision, initialState, precisions, Trainer } from '../src/index.ts'
import { stateBytes } from '../src/state-memory.ts'
import { fp8RecipeOf } from '../src/train-step.ts'
import { type TinyRun, tiny, tinyOptions } from './tiny.ts'

test('a model whose state the device cannot address is refused before any weight is made', async () => {
  const device = await init({ backend: 'cpu', threads: 1, memory64: false })
  const of = (hiddenSize: number, run: TinyRun) => {
    const architecture = { ...tiny, hiddenSize, vocabSize: 2 ** 16, paddedVocabSize: 2 ** 16 }
    return Trainer.create({
      ...tinyOptions(device, run),
      model: Object.assign(decoderModel(architecture), {
        initialize() {
          throw new Error('weights were made')
        },
      }),
    })
  }
  // Embedding and head are 2 x 65,536 x 4,096 parameters: 12 bytes each in f32, 6 in bf16-pure.
  expect(() => of(4096, {})).toThrow(
    /^Trainer: \w+ has 53\d,\d{3},\d{3} parameters, .* take 6\.0 GiB in f32, .*; the cpu device can address 4\.0 GiB\. What would fit: the policy bf16-pure takes 3\.0 GiB, .* 16\.0 GiB with 64-bit WebAssembly memory \(Node 24 and newer\), or a GPU$/,
  )
  expect(() => of(8192, { precision: findPrecision('bf16-pure') })).toThrow(
    /take 6\.0 GiB in bf16-pure, .*a model of at most 7\d\d,\d{3},\d{3} parameters/,
  )
  // 18 GiB would fit nowhere.
  expect(() => of(12288, {})).toThrow(/\(`trainable`\), or a GPU$/)
  // 2.3 GiB fit.
  expect(() => of(1536, {})).toThrow('weights were made')
  device.dispose()
})

test('the state takes the bytes that are stated before it is made', async () => {
  const device = await init({ backend: 'cpu', threads: 1 })
  for (const precision of Object.values(precisions)) {
    const options = tinyOptions(device, { precision, optimizer: adamw() })
    const trained = new Set(options.model.parameters.map(({ name }) => name))
    const stated = stateBytes(options.model, { trained, optimizer: options.optimizer, policy: precision })
    const recipe = fp8RecipeOf(options.model, precision)
    const { scaling: _, ...state } = initialState(
      options.model.initialize(device),
      options.optimizer,
      precision,
      recipe,
    )
    const taken = tensorsOf(state).reduce((total, t) => total + t.size * bytesPerElement[t.dtype], 0)
    expect([precision.name, stated]).toEqual([precision.name, taken])
  }
  device.dispose()
})
